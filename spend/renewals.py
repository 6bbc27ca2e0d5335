"""What ends or renews in the days ahead: pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, timedelta
from typing import Literal

import msgspec

from spend.figures import LicenseSpend
from spend.model import Lifecycle

RenewalKind = Literal["contract_end", "lifecycle"]


class Renewal(msgspec.Struct, frozen=True):
    """A day on which a license's contract ends, or its subscription leaves its state.

    `units` are the licenses that it is about: those of the contract, or of the
    one subscription. `run_out_on` is when its seats run out by the trend, None
    if that is not foreseen.
    """

    spend: LicenseSpend
    kind: RenewalKind
    on: date
    units: int
    run_out_on: date | None


def renewals(spends: Iterable[LicenseSpend], today: date, horizon_days: int) -> list[Renewal]:
    """The renewals from today to so many days ahead, the nearest first."""
    until = today + timedelta(days=horizon_days)
    found: list[Renewal] = []
    for spend in spends:
        figures = spend.figures
        price = spend.contract.price if spend.contract is not None else None
        if price is not None and price.ends_on is not None:
            end, units = price.ends_on, figures.entitled
            found.append(Renewal(spend, "contract_end", end, units, figures.run_out_on))
        found += [
            Renewal(spend, "lifecycle", day, units, figures.run_out_on)
            for day, units in _units_by_day(figures.lifecycles).items()
        ]
    return sorted(
        (renewal for renewal in found if today <= renewal.on <= until),
        key=lambda r: (r.on, r.spend.figures.portal_id, r.spend.figures.sku_id, r.kind),
    )


def _units_by_day(lifecycles: Iterable[Lifecycle]) -> dict[date, int]:
    """Subscriptions that end on one day, together."""
    units: dict[date, int] = {}
    for lifecycle in lifecycles:
        day = lifecycle.at.astimezone(UTC).date()
        units[day] = units.get(day, 0) + lifecycle.units
    return units
