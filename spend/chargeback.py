"""Charges the annual spend to departments or countries, to the last cent: pure."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Literal

import msgspec

from identifiers import SkuId
from spend.annual import Money, apportioned
from spend.figures import LicenseSpend
from spend.shares import Share

# Why an amount is charged to nobody in particular.
ChargeKind = Literal["stated", "not_stated", "others", "never_assigned", "not_allocated"]
_Key = tuple[ChargeKind, str, str]


class Charge(msgspec.Struct):
    """What one department or country costs a year, in one currency.

    `kind` is `stated` for a `value`; `not_stated` for contacts without one,
    `others` beyond the values that are told apart, `never_assigned` for seats
    without a holder, `not_allocated` for licenses whose consumers are not
    known. `wasted` is the part of `annual` for wasted seats.
    """

    kind: ChargeKind
    value: str | None
    seats: int
    wasted_seats: int
    annual: Money
    wasted: Money


class Chargeback:
    """Adds up charges over portals; all of them together are the annual spend, exactly.

    A seat costs the annual spend divided by the entitled seats, or by the
    consumed ones where those are more.
    """

    def __init__(self) -> None:
        self._charges: dict[_Key, Charge] = {}
        self._seat_costs: dict[SkuId, Money] = {}

    def begin_portal(self, spends: Iterable[LicenseSpend]) -> None:
        """Takes up the licenses of the next portal, and charges what no holder has."""
        self._seat_costs = {}
        for spend in spends:
            if spend.annual is None:
                continue
            seats = spend.figures.seats
            counted = seats.consumed if seats is not None else 0
            divisor = max(spend.figures.entitled, counted)
            if seats is None or divisor <= 0:
                self._add("not_allocated", None, 0, 0, spend.annual, spend.annual.times(0))
                continue
            cost = spend.annual.times(Fraction(1, divisor))
            self._seat_costs[spend.figures.sku_id] = cost
            spare = divisor - counted
            if spare:
                money = cost.times(spare)
                self._add("never_assigned", None, spare, spare, money, money)

    def add(self, share: Share) -> None:
        """Charges the seats of a department or country of the portal."""
        kind: ChargeKind = "stated" if share.value is not None else "not_stated"
        if share.overflow:
            kind = "others"
        for sku_id, held in share.licenses.items():
            cost = self._seat_costs.get(sku_id)
            if cost is not None:
                self._add(
                    kind,
                    share.value,
                    held.seats,
                    held.wasted,
                    cost.times(held.seats),
                    cost.times(held.wasted),
                )

    def _add(
        self,
        kind: ChargeKind,
        value: str | None,
        seats: int,
        wasted_seats: int,
        annual: Money,
        wasted: Money,
    ) -> None:
        key = (kind, (value or "").casefold(), annual.currency)
        charge = self._charges.get(key)
        if charge is None:
            self._charges[key] = Charge(kind, value, seats, wasted_seats, annual, wasted)
            return
        charge.seats += seats
        charge.wasted_seats += wasted_seats
        charge.annual += annual
        charge.wasted += wasted

    def charges(self) -> list[Charge]:
        """The charges: stated values in their order first, then the rest; each by currency.

        They are whole cents that add up to the annual spend as it is shown.
        """
        found = sorted(self._charges, key=lambda key: (key[0] != "stated", *key))
        whole: dict[_Key, Charge] = {}
        for currency in {currency for _, _, currency in found}:
            keys = [key for key in found if key[2] == currency]
            charges = [self._charges[key] for key in keys]
            annuals = apportioned([charge.annual for charge in charges])
            for key, charge, annual in zip(keys, charges, annuals, strict=True):
                wasted = min(charge.wasted, annual, key=lambda money: money.amount)
                whole[key] = msgspec.structs.replace(charge, annual=annual, wasted=wasted)
        return [whole[key] for key in found]
