"""Annual spend and cost per unit of a contract, in exact fractions of money: pure.

A third of an amount has no exact decimal, so sums are kept as fractions and
become decimals only where they are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import floor

import msgspec

from spend.currencies import DECIMALS
from spend.model import Frequency, Price

PAYMENTS_A_YEAR: dict[Frequency, Fraction] = {
    "weekly": Fraction(52),
    "monthly": Fraction(12),
    "quarterly": Fraction(4),
    "half_yearly": Fraction(2),
    "yearly": Fraction(1),
    "two_yearly": Fraction(1, 2),
    "three_yearly": Fraction(1, 3),
}


class Money(msgspec.Struct, frozen=True):
    """An exact amount in one currency."""

    amount: Fraction
    currency: str

    def __add__(self, other: Money) -> Money:
        """The sum. Raises ValueError across currencies."""
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be added")
        return Money(self.amount + other.amount, self.currency)

    def times(self, factor: int | Fraction) -> Money:
        """The money of so many."""
        return Money(self.amount * factor, self.currency)


def in_force(price: Price, day: date) -> bool:
    """Whether the contract holds on the day; its first and last day count."""
    return price.effective_on <= day and (price.ends_on is None or day <= price.ends_on)


def annual_spend(price: Price | None, day: date) -> Money | None:
    """What a year of the contract costs; None if none is in force on the day."""
    if price is None or not in_force(price, day):
        return None
    amount = Fraction(price.amount)
    if price.frequency != "once":
        return Money(amount * PAYMENTS_A_YEAR[price.frequency], price.currency)
    if price.ends_on is None:
        return None
    return Money(amount / years_between(price.effective_on, price.ends_on), price.currency)


def years_between(start: date, end: date) -> Fraction:
    """Years from `start` to `end`, which must be later.

    Whole years go from anniversary to anniversary, the rest is days of the
    year under way. A term whose last day is the one before an anniversary is
    whole years: 1 January to 31 December is one year.
    """
    whole = end.year - start.year
    if _anniversary(start, whole) > end:
        whole -= 1
    last, following = _anniversary(start, whole), _anniversary(start, whole + 1)
    if (following - end).days == 1:
        return Fraction(whole + 1)
    return whole + Fraction((end - last).days, (following - last).days)


def _anniversary(start: date, years: int) -> date:
    try:
        return start.replace(year=start.year + years)
    except ValueError:
        # 29 February, in a year without one
        return start.replace(year=start.year + years, day=28)


def unit_cost(annual: Money | None, entitled: int) -> Money | None:
    """Annual spend by entitled unit; None without either."""
    if annual is None or entitled <= 0:
        return None
    return Money(annual.amount / entitled, annual.currency)


def totals(amounts: Iterable[Money]) -> dict[str, Money]:
    """The sums by currency; amounts of different currencies are never added."""
    sums: dict[str, Money] = {}
    for money in amounts:
        known = sums.get(money.currency)
        sums[money.currency] = money if known is None else known + money
    return sums


def shown(money: Money) -> str:
    """The amount as a decimal, rounded half up to the decimals of its currency."""
    decimals = DECIMALS[money.currency]
    scaled = abs(money.amount) * 10**decimals
    rounded = floor(scaled + Fraction(1, 2))
    sign = 1 if money.amount < 0 and rounded else 0
    digits = tuple(int(digit) for digit in str(rounded))
    return format(Decimal((sign, digits, -decimals)), "f")


def apportioned(parts: Sequence[Money]) -> list[Money]:
    """The parts of a sum in whole cents that add up to the sum as it is shown.

    All are of one currency. Each is rounded down, and what is missing goes,
    a cent each, to those that lost most, of equal ones to the earlier.
    """
    if not parts:
        return []
    currency = parts[0].currency
    cent = Fraction(1, 10 ** DECIMALS[currency])
    cents = [floor(part.amount / cent) for part in parts]
    total = sum((part.amount for part in parts), Fraction(0))
    missing = floor(total / cent + Fraction(1, 2)) - sum(cents)
    lost = sorted(range(len(parts)), key=lambda i: cents[i] - parts[i].amount / cent)
    for index in lost[:missing]:
        cents[index] += 1
    return [Money(number * cent, currency) for number in cents]
