"""What departments are charged, to the last cent."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from spend.annual import Money, apportioned, shown
from spend.chargeback import Charge, Chargeback
from spend.figures import spend_of_portal
from spend.model import LicenseContract, LicenseFigures, LicenseSeats, Price
from spend.shares import SeatShare, Share
from tests.builders import NOW, PORTAL, SKU


def charged(
    amount: str, entitled: int, seats: dict[str, tuple[int, int]], currency: str = "EUR"
) -> dict[str | None, Charge]:
    """The charges for one license; `seats` are seats and wasted ones by department."""
    consumed = sum(held for held, _ in seats.values())
    figures = LicenseFigures(
        PORTAL, SKU, "Contoso", "E3", "SPE_E3", "compliant", None, entitled, consumed, NOW,
        LicenseSeats(consumed=consumed),
    )  # fmt: skip
    price = Price(Decimal(amount), currency, "yearly", date(2026, 1, 1))
    contract = LicenseContract(PORTAL, SKU, NOW, price=price)
    chargeback = Chargeback()
    chargeback.begin_portal(spend_of_portal([figures], {SKU: contract}, NOW.date()))
    for department, (held, wasted) in seats.items():
        chargeback.add(Share(department, licenses={SKU: SeatShare(held, wasted)}))
    return {charge.value: charge for charge in chargeback.charges()}


def test_charges_as_they_are_shown_are_the_annual_spend_to_the_cent():
    charges = charged("100", 3, {"HR": (1, 0), "Legal": (1, 0), "Sales": (1, 0)})
    assert [shown(c.annual) for c in charges.values()] == ["33.34", "33.33", "33.33"]
    yen = charged("100", 3, {"HR": (1, 0), "Legal": (2, 0)}, "JPY")
    assert [shown(c.annual) for c in yen.values()] == ["33", "67"]


def test_no_department_wastes_more_than_it_is_charged():
    charges = charged("100", 3, {"HR": (1, 1), "Legal": (1, 1)})
    assert {v: (shown(c.annual), shown(c.wasted)) for v, c in charges.items()} == {
        "HR": ("33.34", "33.33"),
        "Legal": ("33.33", "33.33"),
        None: ("33.33", "33.33"),
    }


@given(st.lists(st.fractions(0, 10_000, max_denominator=97), max_size=12))
def test_parts_add_up_to_the_sum_as_it_is_shown_and_none_is_a_cent_off(amounts: list[Fraction]):
    parts = [Money(amount, "EUR") for amount in amounts]
    found = apportioned(parts)
    total = Money(sum(amounts, Fraction(0)), "EUR")
    assert sum(Decimal(shown(part)) for part in found) == Decimal(shown(total))
    assert all(
        abs(one.amount - other.amount) < Fraction(1, 100)
        for one, other in zip(found, parts, strict=True)
    )
