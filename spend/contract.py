"""Request and response models of spend; amounts are decimal strings in the currency beside them."""

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from compliance.model import PathKind, Reason, Status
from errors import InvalidInput
from identifiers import PortalId, SkuId
from spend.annual import Money, shown
from spend.chargeback import Charge, ChargeKind
from spend.forecast import DayCount, Forecast, State, Trend
from spend.model import (
    Cause,
    Dimension,
    Frequency,
    LicenseSeats,
    OverlapKind,
    Price,
    SeatCause,
)
from spend.renewals import Renewal, RenewalKind
from usage.model import Service
from usage.services import services_of
from web.contract import Contract, Guid, PageQuery, Timestamp

if TYPE_CHECKING:
    from identifiers import RunId
    from spend.figures import Cost, CurrencyTotals, LicenseSpend, SpendSummary
    from spend.service import Alternative, ContractCost, SeatFinding

_FIRST_DAY, _LAST_DAY = date(1970, 1, 1), date(2999, 12, 31)
Day = Annotated[date, Field(ge=_FIRST_DAY, le=_LAST_DAY)]


class ContractRequest(Contract):
    """What is paid for a license; without amount, only whether it is managed."""

    managed: bool = Field(True, description="Unmanaged licenses are left out of every figure.")
    amount: str | None = Field(
        None,
        pattern=r"^[0-9]{1,12}(\.[0-9]{1,6})?$",
        description="One payment for all units, as a decimal string such as 1234.50.",
    )
    currency: str | None = Field(None, pattern="^[A-Z]{3}$", description="ISO 4217.")
    frequency: Frequency | None = Field(None, description="How often the amount is paid.")
    effective_date: Day | None = Field(None, description="First day of the contract.")
    end_date: Day | None = Field(None, description="Last day of the contract; absent: no end.")

    def price(self) -> "Price | None":
        """What the service takes. Raises InvalidInput where a part of a price is missing."""
        parts = {
            "amount": self.amount,
            "currency": self.currency,
            "frequency": self.frequency,
            "effectiveDate": self.effective_date,
        }
        missing = [name for name, value in parts.items() if value is None]
        if len(missing) == len(parts) and self.end_date is None:
            return None
        if self.amount and self.currency and self.frequency and self.effective_date:
            return Price(
                Decimal(self.amount),
                self.currency,
                self.frequency,
                self.effective_date,
                self.end_date,
            )
        raise InvalidInput(
            missing[0],
            f"A price needs {', '.join(parts)}; {', '.join(missing)} is missing.",
            remedy="Give all of them, or none for a license without a price.",
        )


def _amount(money: "Money | None") -> "Decimal | None":
    return Decimal(shown(money)) if money is not None else None


def _exact(money: "Money") -> "Decimal":
    return Decimal(shown(money))


class ContractView(Contract):
    """The contract of a license, with what it comes to today."""

    portal_id: str
    sku_id: str
    managed: bool
    amount: Decimal | None
    currency: str | None
    frequency: Frequency | None
    effective_date: date | None
    end_date: date | None
    in_force: bool
    annual_spend: Decimal | None
    unit_cost: Decimal | None
    updated_at: Timestamp
    recalculation_run_id: str | None

    @classmethod
    def of(cls, cost: "ContractCost", run_id: "RunId | None" = None) -> "ContractView":
        """The view of a contract; `run_id` recalculates the figures that depend on it."""
        price = cost.contract.price
        return cls(
            portal_id=cost.contract.portal_id,
            sku_id=cost.contract.sku_id,
            managed=cost.contract.managed,
            amount=price.amount if price else None,
            currency=price.currency if price else None,
            frequency=price.frequency if price else None,
            effective_date=price.effective_on if price else None,
            end_date=price.ends_on if price else None,
            in_force=cost.in_force,
            annual_spend=_amount(cost.annual),
            unit_cost=_amount(cost.unit),
            updated_at=cost.contract.updated_at,
            recalculation_run_id=run_id,
        )


class SpendQuery(PageQuery):
    """Filter by portal."""

    portal_id: Guid[PortalId] | None = None


class CostView(Contract):
    """Seats, and what they come to a year; null where nothing is priced."""

    seats: int
    annual: Decimal | None

    @classmethod
    def of(cls, cost: "Cost") -> "CostView":
        """The view of a cost."""
        return cls(seats=cost.seats, annual=_amount(cost.annual))


class WasteView(Contract):
    """Wasted seats by cause, each seat under the first that holds, in this order."""

    never_assigned: CostView
    blocked: CostView
    duplicate: CostView
    inactive: CostView
    total: CostView

    @classmethod
    def of(cls, waste: "dict[Cause, Cost]", total: "Cost") -> "WasteView":
        """The view of waste."""
        return cls(
            never_assigned=CostView.of(waste["never_assigned"]),
            blocked=CostView.of(waste["blocked"]),
            duplicate=CostView.of(waste["duplicate"]),
            inactive=CostView.of(waste["inactive"]),
            total=CostView.of(total),
        )


class SpendView(Contract):
    """What a license costs a year, and how much of that is wasted.

    `waste` is null where the license's consumers are not known. Nothing is
    known of the activity of `unknownActivity` seats, which are not counted as
    inactive. `stale` figures are being recalculated.
    """

    portal_id: str
    sku_id: str
    portal_name: str
    title: str
    sku_part_number: str
    status: Status
    reason: Reason | None
    entitled: int
    consumed: int
    currency: str | None
    annual_spend: Decimal | None
    unit_cost: Decimal | None
    waste: WasteView | None
    unknown_activity: int | None
    duplicates: int | None
    tidy_up: int | None
    right_sizing: CostView | None
    end_date: date | None
    stale: bool
    calculated_at: Timestamp

    @classmethod
    def of(cls, spend: "LicenseSpend") -> "SpendView":
        """The view of a license's spend."""
        figures = spend.figures
        seats = figures.seats
        price = spend.contract.price if spend.contract is not None else None
        return cls(
            portal_id=figures.portal_id,
            sku_id=figures.sku_id,
            portal_name=figures.portal_name,
            title=figures.title,
            sku_part_number=figures.sku_part_number,
            status=figures.status,
            reason=figures.reason,
            entitled=figures.entitled,
            consumed=figures.consumed,
            currency=spend.annual.currency if spend.annual is not None else None,
            annual_spend=_amount(spend.annual),
            unit_cost=_amount(spend.unit),
            waste=WasteView.of(spend.waste, spend.wasted) if spend.waste else None,
            unknown_activity=seats.unknown_activity if seats is not None else None,
            duplicates=seats.duplicates if seats is not None else None,
            tidy_up=seats.tidy_up if seats is not None else None,
            right_sizing=CostView.of(spend.replaceable) if seats is not None else None,
            end_date=price.ends_on if price is not None else None,
            stale=spend.stale,
            calculated_at=figures.calculated_at,
        )


class PortalFilter(Contract):
    """Filter by portal; all of them if absent."""

    portal_id: Guid[PortalId] | None = None


class CurrencyTotalsView(Contract):
    """The sums of all licenses priced in one currency."""

    currency: str
    licenses: int
    annual_spend: Decimal
    waste: WasteView | None
    right_sizing: CostView

    @classmethod
    def of(cls, totals: "CurrencyTotals") -> "CurrencyTotalsView":
        """The view of the sums."""
        return cls(
            currency=totals.currency,
            licenses=totals.licenses,
            annual_spend=_exact(totals.annual),
            waste=WasteView.of(totals.waste, totals.wasted) if totals.waste else None,
            right_sizing=CostView.of(totals.right_sizing),
        )


class SpendSummaryView(Contract):
    """All managed licenses at a glance; money is never added across currencies."""

    licenses: int
    unmanaged: int
    unpriced: int
    uncounted: int
    unpriced_wasted_seats: int
    unknown_activity_seats: int
    currencies: list[CurrencyTotalsView]
    stale: bool

    @classmethod
    def of(cls, summary: "SpendSummary") -> "SpendSummaryView":
        """The view of a summary."""
        return cls(
            licenses=summary.licenses,
            unmanaged=summary.unmanaged,
            unpriced=summary.unpriced,
            uncounted=summary.uncounted,
            unpriced_wasted_seats=summary.unpriced_wasted_seats,
            unknown_activity_seats=summary.unknown_activity_seats,
            currencies=[CurrencyTotalsView.of(totals) for totals in summary.currencies],
            stale=summary.stale,
        )


class ChargebackQuery(SpendQuery):
    """By what to charge."""

    dimension: Dimension = "department"


class ChargeView(Contract):
    """What a department or country costs a year, in one currency.

    `kind` other than `stated` says why there is no `value`. All charges in a
    currency are the annual spend in it.
    """

    kind: ChargeKind
    value: str | None
    currency: str
    seats: int
    annual_spend: Decimal
    wasted_seats: int
    wasted: Decimal

    @classmethod
    def of(cls, charge: "Charge") -> "ChargeView":
        """The view of a charge."""
        return cls(
            kind=charge.kind,
            value=charge.value,
            currency=charge.annual.currency,
            seats=charge.seats,
            annual_spend=_exact(charge.annual),
            wasted_seats=charge.wasted_seats,
            wasted=_exact(charge.wasted),
        )


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
                "saving": _amount(found.saving),
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
                "saving": _amount(found.saving),
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
                "saving": _amount(found.saving),
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
            saving=_amount(found.saving),
            currency=found.saving.currency if found.saving is not None else None,
        )


class RenewalsQuery(SpendQuery):
    """How far to look ahead."""

    days: int = Field(90, ge=0, le=3650, description="Days from today.")


class RenewalView(Contract):
    """A day on which a contract ends, or a subscription leaves its state unless renewed.

    `units` are the licenses that it is about.
    """

    portal_id: str
    portal_name: str
    sku_id: str
    title: str
    kind: RenewalKind
    on: date
    days_until: int
    units: int
    entitled: int
    consumed: int
    run_out_on: date | None
    annual_spend: Decimal | None
    currency: str | None

    @classmethod
    def of(cls, renewal: "Renewal", today: "date") -> "RenewalView":
        """The view of a renewal."""
        figures, annual = renewal.spend.figures, renewal.spend.annual
        return cls(
            portal_id=figures.portal_id,
            portal_name=figures.portal_name,
            sku_id=figures.sku_id,
            title=figures.title,
            kind=renewal.kind,
            on=renewal.on,
            days_until=(renewal.on - today).days,
            units=renewal.units,
            entitled=figures.entitled,
            consumed=figures.consumed,
            run_out_on=figures.run_out_on,
            annual_spend=_amount(annual),
            currency=annual.currency if annual is not None else None,
        )


class DayCountView(Contract):
    """Consumed licenses on a recorded day."""

    day: date
    consumed: int


class ProjectionView(Contract):
    """Consumption expected on a day to come, with its 95 % band."""

    day: date
    expected: float
    low: float
    high: float


class ForecastQuery(Contract):
    """How far to draw the trend."""

    days: int = Field(90, ge=1, le=366, description="Days to draw from today.")


class ForecastView(Contract):
    """When a license runs out, by the linear trend of its latest 30 recorded days.

    `runOutOn` is when consumption reaches the entitled units, `earliestOn` and
    `latestOn` where the edges of its band do; null beyond ten years. Nothing
    is forecast from fewer than 14 recorded days.
    """

    portal_id: str
    sku_id: str
    entitled: int
    state: State
    history_days: int
    per_day: float | None
    run_out_on: date | None
    earliest_on: date | None
    latest_on: date | None
    history: list[DayCountView]
    projection: list[ProjectionView]

    @classmethod
    def of(
        cls,
        portal_id: str,
        sku_id: str,
        entitled: int,
        history: "list[DayCount]",
        found: "Forecast",
        drawn: "list[ProjectionView]",
    ) -> "ForecastView":
        """The view of a forecast."""
        return cls(
            portal_id=portal_id,
            sku_id=sku_id,
            entitled=entitled,
            state=found.state,
            history_days=found.history_days,
            per_day=found.per_day,
            run_out_on=found.run_out_on,
            earliest_on=found.earliest_on,
            latest_on=found.latest_on,
            history=[DayCountView.model_validate(day) for day in history],
            projection=drawn,
        )


def projection(line: "Trend | None", days: "list[date]") -> "list[ProjectionView]":
    """The trend on these days; nothing without one. Consumption is never below zero."""
    if line is None:
        return []
    return [
        ProjectionView(
            day=day,
            expected=round(max(0.0, line.at(day)), 2),
            low=round(max(0.0, line.at(day) - line.band(day)), 2),
            high=round(max(0.0, line.at(day) + line.band(day)), 2),
        )
        for day in days
    ]
