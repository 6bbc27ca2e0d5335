"""Request and response models of the compliance routes."""

from datetime import date
from typing import TYPE_CHECKING

from pydantic import Field

from compliance.model import HistoryDay, Position, Reason, Status
from compliance.remedies import remedy
from identifiers import PortalId, SkuId
from web.contract import Contract, Guid, PageQuery, Timestamp

if TYPE_CHECKING:
    from compliance.service import Summary


class RecalculateRequest(Contract):
    """Which portals to recalculate; all of them if absent."""

    portal_ids: list[Guid[PortalId]] | None = Field(None, min_length=1, max_length=10_000)


class ComplianceQuery(PageQuery):
    """Filters of the list of positions."""

    portal_id: Guid[PortalId] | None = None
    status: Status | None = None
    managed: bool | None = None


class HistoryQuery(PageQuery):
    """Which license's history, and since which day."""

    portal_id: Guid[PortalId]
    sku_id: Guid[SkuId]
    since: date | None = None


class CountsView(Contract):
    """How the assignments of a license stand, each contact counted once."""

    consumed: int
    with_error: int
    in_error: int
    disabled: int
    blocked: int


class DifferenceView(Contract):
    """A cause for Graph's consumedUnits being other than the ledger's count."""

    cause: str
    units: int
    explanation: str


class PositionView(Contract):
    """The compliance position of a license, with what to do about it."""

    portal_id: str
    sku_id: str
    portal_name: str
    title: str
    sku_part_number: str
    status: Status
    reason: Reason | None
    remedy: str
    entitled: int
    consumed: int
    available: int
    suspended_units: int
    locked_out_units: int
    warning_units: int
    consumed_units: int
    counts: CountsView
    differences: list[DifferenceView]
    next_lifecycle_at: Timestamp | None
    is_trial: bool
    calculated_at: Timestamp
    imported_at: Timestamp | None
    managed: bool

    @classmethod
    def of(cls, position: "Position") -> "PositionView":
        """The view of a position."""
        return cls(
            portal_id=position.portal_id,
            sku_id=position.sku_id,
            portal_name=position.portal_name,
            title=position.title,
            sku_part_number=position.sku_part_number,
            status=position.status,
            reason=position.reason,
            remedy=remedy(position.status, position.reason),
            entitled=position.entitled,
            consumed=position.consumed,
            available=position.available,
            suspended_units=position.suspended_units,
            locked_out_units=position.locked_out_units,
            warning_units=position.warning_units,
            consumed_units=position.consumed_units,
            counts=CountsView.model_validate(position.counts),
            differences=[DifferenceView.model_validate(item) for item in position.differences],
            next_lifecycle_at=position.next_lifecycle_at,
            is_trial=position.is_trial,
            calculated_at=position.calculated_at,
            imported_at=position.imported_at,
            managed=position.managed,
        )


class SummaryView(Contract):
    """All positions at a glance; units are licenses. Unmanaged ones are in no other figure."""

    licenses: int
    unmanaged: int
    statuses: dict[Status, int]
    reasons: dict[Reason, int]
    portals: int
    entitled: int
    consumed: int
    shortfall: int
    spare: int
    calculated_at: Timestamp | None

    @classmethod
    def of(cls, summary: "Summary") -> "SummaryView":
        """The view of a summary."""
        return cls.model_validate(summary)


class HistoryDayView(Contract):
    """The position of a license on one day."""

    day: str
    status: Status
    reason: Reason | None
    entitled: int
    consumed: int
    available: int
    consumed_units: int

    @classmethod
    def of(cls, day: "HistoryDay") -> "HistoryDayView":
        """The view of a day."""
        return cls.model_validate(day)
