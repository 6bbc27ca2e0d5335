"""Turns what a recalculation found of seats into money, by the contracts of the day: pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from fractions import Fraction

import msgspec

from identifiers import SkuId
from spend.annual import Money, annual_spend, unit_cost
from spend.model import Cause, LicenseContract, LicenseFigures, is_managed
from spend.waste import wasted_seats


class Cost(msgspec.Struct, frozen=True):
    """Seats, and what they cost a year; None where no price is in force."""

    seats: int
    annual: Money | None


class Replacement(msgspec.Struct, frozen=True):
    """Seats for which a cheaper license would do, and what that would save a year."""

    sku_id: SkuId
    seats: int
    saving: Money | None


class LicenseSpend(msgspec.Struct, frozen=True):
    """What a license costs, and how much of that is wasted.

    `waste` has every cause, in the order in which seats are counted; it is
    empty where the license's consumers are not known. `stale` says that a
    contract of the portal was changed or deleted after the seats were counted.
    """

    figures: LicenseFigures
    contract: LicenseContract | None
    annual: Money | None
    unit: Money | None
    waste: dict[Cause, Cost]
    right_sizing: tuple[Replacement, ...]
    stale: bool

    @property
    def wasted(self) -> Cost:
        """All causes together."""
        seats = sum(cost.seats for cost in self.waste.values())
        return Cost(seats, self.unit.times(seats) if self.unit is not None else None)

    @property
    def replaceable(self) -> Cost:
        """The seats for which a cheaper license would do, and what it would save."""
        savings = [r.saving for r in self.right_sizing if r.saving is not None]
        total = savings[0].times(0) if savings else None
        for saving in savings:
            total = saving if total is None else total + saving
        return Cost(sum(r.seats for r in self.right_sizing), total)


def spend_of_portal(
    figures: Iterable[LicenseFigures],
    contracts: Mapping[SkuId, LicenseContract],
    day: date,
) -> list[LicenseSpend]:
    """The spend of each managed license of one portal."""
    every = list(figures)
    managed = [f for f in every if is_managed(contracts.get(f.sku_id))]
    changed_at = max((contract.updated_at for contract in contracts.values()), default=None)
    deleted = any(f.contract_at is not None and f.sku_id not in contracts for f in every)
    annual = {
        f.sku_id: annual_spend(contract.price, day)
        for f in managed
        if (contract := contracts.get(f.sku_id)) is not None
    }
    units = {f.sku_id: unit_cost(annual.get(f.sku_id), f.entitled) for f in managed}
    return [
        LicenseSpend(
            figures=f,
            contract=contracts.get(f.sku_id),
            annual=annual.get(f.sku_id),
            unit=units[f.sku_id],
            waste=_waste(f, units[f.sku_id]),
            right_sizing=_replacements(f, units),
            stale=deleted or (changed_at is not None and changed_at > f.calculated_at),
        )
        for f in managed
    ]


def _waste(figures: LicenseFigures, unit: Money | None) -> dict[Cause, Cost]:
    if figures.seats is None:
        return {}
    return {
        cause: Cost(seats, unit.times(seats) if unit is not None else None)
        for cause, seats in wasted_seats(figures.entitled, figures.seats).items()
    }


def _replacements(
    figures: LicenseFigures, units: Mapping[SkuId, Money | None]
) -> tuple[Replacement, ...]:
    if figures.seats is None:
        return ()
    return tuple(
        Replacement(other, seats, saving.times(seats) if saving is not None else None)
        for other, seats in sorted(figures.seats.right_sizing.items())
        for saving in [seat_saving(units.get(figures.sku_id), units.get(other))]
    )


def seat_saving(cost: Money | None, cheaper: Money | None) -> Money | None:
    """What a seat costs less a year by the cheaper license; None if that cannot be compared."""
    if cost is None or cheaper is None or cost.currency != cheaper.currency:
        return None
    return cost + cheaper.times(-1)


class CurrencyTotals(msgspec.Struct):
    """The sums of all licenses priced in one currency."""

    currency: str
    annual: Money
    right_sizing: Cost
    licenses: int = 0
    waste: dict[Cause, Cost] = {}

    @property
    def wasted(self) -> Cost:
        """All causes together."""
        total = Cost(0, Money(Fraction(0), self.currency))
        for cost in self.waste.values():
            total = _added(total, cost)
        return total


class SpendSummary(msgspec.Struct, frozen=True):
    """All managed licenses at a glance, money by currency.

    `unpriced` licenses have no contract in force; their wasted seats are
    `unpriced_wasted_seats`. `uncounted` ones have consumers that are not known.
    """

    licenses: int
    unmanaged: int
    unpriced: int
    uncounted: int
    unpriced_wasted_seats: int
    unknown_activity_seats: int
    currencies: tuple[CurrencyTotals, ...]
    stale: bool


class SummaryTally:
    """Adds up the spend of licenses, each currency apart."""

    def __init__(self) -> None:
        self._totals: dict[str, CurrencyTotals] = {}
        self._licenses = self._unpriced = self._uncounted = self._unmanaged = 0
        self._unpriced_wasted = self._unknown = 0
        self._stale = False

    def add_portal(
        self,
        figures: Iterable[LicenseFigures],
        contracts: Mapping[SkuId, LicenseContract],
        day: date,
    ) -> None:
        """Adds the licenses of one portal."""
        every = list(figures)
        managed = spend_of_portal(every, contracts, day)
        self._unmanaged += len(every) - len(managed)
        for spend in managed:
            self._add(spend)

    def _add(self, spend: LicenseSpend) -> None:
        self._licenses += 1
        self._stale |= spend.stale
        seats = spend.figures.seats
        self._uncounted += seats is None
        self._unknown += seats.unknown_activity if seats is not None else 0
        if spend.annual is None:
            self._unpriced += 1
            self._unpriced_wasted += spend.wasted.seats
            return
        currency = spend.annual.currency
        totals = self._totals.get(currency)
        if totals is None:
            nothing = Money(Fraction(0), currency)
            totals = CurrencyTotals(currency, nothing, Cost(0, nothing))
            self._totals[currency] = totals
        totals.licenses += 1
        totals.annual += spend.annual
        for cause, cost in spend.waste.items():
            totals.waste[cause] = _added(totals.waste.get(cause), cost)
        totals.right_sizing = _added(totals.right_sizing, spend.replaceable)

    def summary(self) -> SpendSummary:
        """What was added up."""
        return SpendSummary(
            licenses=self._licenses,
            unmanaged=self._unmanaged,
            unpriced=self._unpriced,
            uncounted=self._uncounted,
            unpriced_wasted_seats=self._unpriced_wasted,
            unknown_activity_seats=self._unknown,
            currencies=tuple(totals for _, totals in sorted(self._totals.items())),
            stale=self._stale,
        )


def _added(total: Cost | None, cost: Cost) -> Cost:
    if total is None:
        return cost
    return Cost(total.seats + cost.seats, _sum(total.annual, cost.annual))


def _sum(total: Money | None, money: Money | None) -> Money | None:
    if total is None or money is None:
        return total or money
    return total + money
