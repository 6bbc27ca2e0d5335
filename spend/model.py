"""What a license costs, and what the ledger finds of its seats."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

import msgspec

from compliance.model import PathKind, Reason, Status
from identifiers import PortalId, SkuId, UserId

Frequency = Literal[
    "weekly",
    "monthly",
    "quarterly",
    "half_yearly",
    "yearly",
    "two_yearly",
    "three_yearly",
    "once",
]
SeatCause = Literal["blocked", "duplicate", "inactive"]
Cause = Literal["never_assigned", "blocked", "duplicate", "inactive"]
OverlapKind = Literal["duplicate", "tidy_up"]
Dimension = Literal["department", "country"]
FindingList = Literal["waste", "overlap", "right_sizing"]


class Price(msgspec.Struct, frozen=True):
    """What is paid for all units of a license together.

    `amount` is one payment, in `currency` (ISO 4217). The contract is in force
    from `effective_on` to `ends_on`, both days included; None is no end.
    """

    amount: Decimal
    currency: str
    frequency: Frequency
    effective_on: date
    ends_on: date | None = None


class LicenseContract(msgspec.Struct, frozen=True):
    """What an admin entered for a license; without a price only whether it is managed."""

    portal_id: PortalId
    sku_id: SkuId
    updated_at: datetime
    managed: bool = True
    price: Price | None = None

    @property
    def etag(self) -> str:
        """Changes with each change: the time of the last one, to the microsecond."""
        return f"{self.updated_at:%Y%m%dT%H%M%S%f}"


def is_managed(contract: LicenseContract | None) -> bool:
    """Whether a license is managed: unless somebody said that it is not."""
    return contract is None or contract.managed


class LicenseSeats(msgspec.Struct):
    """What becomes of the seats of one license, each counted once per figure.

    `blocked`, `duplicate` and `inactive` are causes of waste, of which a seat
    has one at most. `unknown_activity` seats have no cause, since nothing is
    known of their holders' activity. `duplicates` counts all duplicates, also
    those wasted by another cause; `tidy_up` the holders with a direct and a
    group copy. `right_sizing` is seats by the cheaper license that would do.
    """

    consumed: int = 0
    blocked: int = 0
    duplicate: int = 0
    inactive: int = 0
    unknown_activity: int = 0
    duplicates: int = 0
    tidy_up: int = 0
    right_sizing: dict[SkuId, int] = {}


class Lifecycle(msgspec.Struct, frozen=True):
    """When a subscription leaves its present state unless renewed; `units` are its licenses."""

    subscription_id: str
    at: datetime
    units: int


class LicenseFigures(msgspec.Struct, frozen=True):
    """What a recalculation found of one license; units are licenses, nothing is money yet.

    `seats` is None where no position can be calculated, and for unmanaged
    licenses, which are not looked at. `lifecycles` are those of the living
    subscriptions; none of a license that cannot be synchronized. `contract_at`
    is when the contract was entered that the seats were counted by.
    """

    portal_id: PortalId
    sku_id: SkuId
    portal_name: str
    title: str
    sku_part_number: str
    status: Status
    reason: Reason | None
    entitled: int
    consumed: int
    calculated_at: datetime
    seats: LicenseSeats | None = None
    run_out_on: date | None = None
    lifecycles: tuple[Lifecycle, ...] = ()
    contract_at: datetime | None = None


class Finding(msgspec.Struct, frozen=True, array_like=True):
    """One thing found of one contact's seat of `sku_id`; what it says depends on its list.

    In the list of wasted seats `cause` is why, and `other_sku_id` the license
    that covers a duplicate. In the list of overlaps `other_sku_id` covers
    `sku_id`; it is None for a tidy-up; `cause` is what the seat is counted
    under as waste. In the list of right-sizing `other_sku_id` is the cheaper
    license. `path` is how the contact got `sku_id`.

    New fields go to the end, with a default: stored records are positional.
    """

    user_id: UserId
    sku_id: SkuId
    path: PathKind
    cause: SeatCause | None = None
    other_sku_id: SkuId | None = None

    @property
    def overlap(self) -> OverlapKind:
        """What a finding in the list of overlaps is."""
        return "tidy_up" if self.other_sku_id is None else "duplicate"
