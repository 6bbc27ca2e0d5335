"""What the ledger says of a license: its position, and the contacts behind it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from identifiers import GroupId, PortalId, SkuId, UserId
from imports.model import AssignmentPath, ContactKind

Status = Literal[
    "cannot_be_synchronized",
    "not_calculable",
    "suspended",
    "under_licensed",
    "expiring",
    "over_licensed",
    "compliant",
]
Reason = Literal["portal_deleted", "excluded_from_import", "removed_from_tenant"]
PathKind = Literal["direct", "group", "both", "unknown"]


class Consumer(msgspec.Struct, frozen=True):
    """A contact with an assignment of one license.

    `consumes` is whether it uses a seat: some path is Active or ActiveWithError.
    """

    portal_id: PortalId
    sku_id: SkuId
    user_id: UserId
    user_principal_name: str
    display_name: str | None
    kind: ContactKind
    account_enabled: bool | None
    path: PathKind
    group_ids: tuple[GroupId, ...]
    state: str
    errors: tuple[str, ...]
    consumes: bool
    paths: tuple[AssignmentPath, ...]


class ConsumerCounts(msgspec.Struct, frozen=True):
    """How the assignments of one license stand, each contact counted once."""

    consumed: int = 0
    with_error: int = 0
    in_error: int = 0
    disabled: int = 0
    blocked: int = 0


class Difference(msgspec.Struct, frozen=True):
    """One cause for Graph's consumedUnits being other than the ledger's count.

    `units` is what the cause adds to Graph's count above ours.
    """

    cause: Literal[
        "assignments_in_error",
        "assignments_disabled",
        "deleted_users",
        "excluded_from_import",
        "company_wide",
        "unexplained",
    ]
    units: int
    explanation: str


class Position(msgspec.Struct, frozen=True):
    """The compliance position of one license; counts in licenses.

    `consumed_units` is Graph's count, `consumed` ours; `available` is
    entitled - consumed and may be negative. For `cannot_be_synchronized`
    the counts are the last known ones. Unmanaged licenses are left out of every
    figure.
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
    available: int
    suspended_units: int
    locked_out_units: int
    warning_units: int
    consumed_units: int
    counts: ConsumerCounts
    differences: tuple[Difference, ...]
    next_lifecycle_at: datetime | None
    is_trial: bool
    calculated_at: datetime
    imported_at: datetime | None
    managed: bool = True


class HistoryDay(msgspec.Struct, frozen=True):
    """The position of a license on one day, the last one calculated on it."""

    day: str
    status: Status
    reason: Reason | None
    entitled: int
    consumed: int
    available: int
    consumed_units: int


class SummaryRow(msgspec.Struct, frozen=True):
    """What the summary needs of a position."""

    portal_id: PortalId
    sku_id: SkuId
    status: Status
    reason: Reason | None
    entitled: int
    consumed: int
    available: int
    calculated_at: datetime
    managed: bool = True
