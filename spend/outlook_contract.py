"""Request and response models of renewals and forecasts."""

from datetime import date
from decimal import Decimal

from pydantic import Field

from spend.contract import SpendQuery, amount_of
from spend.forecast import DayCount, Forecast, State, Trend
from spend.renewals import Renewal, RenewalKind
from web.contract import Contract


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
            annual_spend=amount_of(annual),
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
