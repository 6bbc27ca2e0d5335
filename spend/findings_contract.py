"""Request and response models of wasted, doubled and oversized seats."""

from decimal import Decimal
from typing import TYPE_CHECKING

from compliance.model import PathKind
from identifiers import PortalId, SkuId
from spend.contract import SpendQuery, amount_of
from spend.model import LicenseSeats, OverlapKind, SeatCause
from usage.model import Service
from usage.services import services_of
from web.contract import Contract, Guid, PageQuery

if TYPE_CHECKING:
    from spend.service import Alternative, SeatFinding


class FindingsQuery(SpendQuery):
    """Filters of lists of seats."""

    sku_id: Guid[SkuId] | None = None


class WasteQuery(FindingsQuery):
    """Filters of the list of wasted seats."""

    cause: SeatCause | None = None


class OverlapQuery(FindingsQuery):
    """Filters of the list of overlaps."""

    kind: OverlapKind | None = None


class SeatView(Contract):
    """A contact's seat of a license."""

    portal_id: str
    user_id: str
    user_principal_name: str
    display_name: str | None
    department: str | None
    sku_id: str
    title: str
    path: PathKind


def _seat(found: "SeatFinding") -> "dict[str, str | None]":
    contact = found.contact
    return {
        "portal_id": found.portal_id,
        "user_id": found.finding.user_id,
        "user_principal_name": contact.user_principal_name,
        "display_name": contact.display_name,
        "department": contact.department,
        "sku_id": found.finding.sku_id,
        "title": found.spend.figures.title,
        "path": found.finding.path,
    }


class WastedSeatView(SeatView):
    """A wasted seat, and why; `coveredBy…` is the license that covers a duplicate."""

    cause: SeatCause
    covered_by_sku_id: str | None
    covered_by_title: str | None
    saving: Decimal | None
    currency: str | None

    @classmethod
    def of(cls, found: "SeatFinding") -> "WastedSeatView":
        """The view of a wasted seat."""
        return cls.model_validate(
            {
                **_seat(found),
                "cause": found.finding.cause,
                "covered_by_sku_id": found.finding.other_sku_id,
                "covered_by_title": found.other.figures.title if found.other else None,
                "saving": amount_of(found.saving),
                "currency": found.saving.currency if found.saving else None,
            }
        )


class OverlapView(SeatView):
    """A license that another one of the contact covers, or a direct beside a group copy.

    `countedAs` is the cause under which the seat counts as waste; `saving` is
    what not paying it saves a year, if that cause is the overlap.
    """

    kind: OverlapKind
    covered_by_sku_id: str | None
    covered_by_title: str | None
    counted_as: SeatCause | None
    saving: Decimal | None
    currency: str | None

    @classmethod
    def of(cls, found: "SeatFinding") -> "OverlapView":
        """The view of an overlap."""
        return cls.model_validate(
            {
                **_seat(found),
                "kind": found.finding.overlap,
                "covered_by_sku_id": found.finding.other_sku_id,
                "covered_by_title": found.other.figures.title if found.other else None,
                "counted_as": found.finding.cause,
                "saving": amount_of(found.saving),
                "currency": found.saving.currency if found.saving else None,
            }
        )


class RightSizingView(SeatView):
    """A seat for which a cheaper license would do, and what would be lost by it."""

    cheaper_sku_id: str
    cheaper_title: str | None
    saving: Decimal | None
    currency: str | None
    lost_services: list[str]
    lost_plans: list[str]

    @classmethod
    def of(cls, found: "SeatFinding") -> "RightSizingView":
        """The view of a proposal."""
        return cls.model_validate(
            {
                **_seat(found),
                "cheaper_sku_id": found.finding.other_sku_id,
                "cheaper_title": found.other.figures.title if found.other else None,
                "saving": amount_of(found.saving),
                "currency": found.saving.currency if found.saving else None,
                "lost_services": sorted(services_of(found.lost) - services_of(found.given)),
                "lost_plans": [plan.name for plan in found.lost],
            }
        )


class WhatIfQuery(PageQuery):
    """Which license to replace."""

    portal_id: Guid[PortalId]
    sku_id: Guid[SkuId]


class LostServiceView(Contract):
    """A service in use that so many seats would lose."""

    service: Service
    seats: int


class WhatIfView(Contract):
    """What it would mean if the holders of a license had another one of the tenant.

    Of the seats, `wasted` ones need no other license. `fits` would lose
    nothing that was used in the reports' period, `loses` would, `tooSmall` of
    them since mailbox or OneDrive would not fit; of `unknown` ones that is not
    known. `unitsToBuy` are the units of the other license that `fits` takes
    beyond its free ones; `saving` is what these seats would save a year by
    its unit cost, negative if they cost more.
    """

    portal_id: str
    sku_id: str
    title: str
    other_sku_id: str
    other_title: str
    seats: int
    wasted: int
    fits: int
    loses: int
    too_small: int
    unknown: int
    lost_services: list[LostServiceView]
    lost_plans: list[str]
    units_to_buy: int
    saving: Decimal | None
    currency: str | None

    @classmethod
    def of(cls, found: "Alternative") -> "WhatIfView":
        """The view of an alternative."""
        figures, other, move = found.spend.figures, found.other.figures, found.move
        seats = figures.seats or LicenseSeats()
        return cls(
            portal_id=figures.portal_id,
            sku_id=figures.sku_id,
            title=figures.title,
            other_sku_id=other.sku_id,
            other_title=other.title,
            seats=seats.consumed,
            wasted=seats.blocked + seats.duplicate + seats.inactive,
            fits=move.fits,
            loses=move.loses,
            too_small=move.too_small,
            unknown=move.unknown + seats.unknown_activity,
            lost_services=[
                LostServiceView(service=service, seats=seats)
                for service, seats in sorted(move.lost.items())
            ],
            lost_plans=[plan.name for plan in found.lost],
            units_to_buy=max(0, move.fits - max(0, other.entitled - other.consumed)),
            saving=amount_of(found.saving),
            currency=found.saving.currency if found.saving is not None else None,
        )
