"""What a contract costs a year, exactly."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spend.annual import (
    PAYMENTS_A_YEAR,
    Money,
    annual_spend,
    in_force,
    shown,
    totals,
    unit_cost,
    years_between,
)
from spend.currencies import DECIMALS
from spend.model import Frequency, Price

TODAY = date(2026, 6, 1)
AMOUNTS = st.decimals(0, 10**9, places=4, allow_nan=False, allow_infinity=False)
DAYS = st.dates(date(1999, 1, 1), date(2100, 12, 31))


def price(amount: str, frequency: Frequency, **changes: object) -> Price:
    values = {"currency": "EUR", "effective_on": date(2026, 1, 1), "ends_on": None, **changes}
    return Price(Decimal(amount), frequency=frequency, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("frequency", "annual"),
    [
        ("weekly", "5200.00"),
        ("monthly", "1200.00"),
        ("quarterly", "400.00"),
        ("half_yearly", "200.00"),
        ("yearly", "100.00"),
        ("two_yearly", "50.00"),
        ("three_yearly", "33.33"),
    ],
)
def test_an_amount_costs_its_payments_a_year(frequency: Frequency, annual: str):
    spend = annual_spend(price("100", frequency), TODAY)
    assert spend is not None
    assert shown(spend) == annual


def test_a_third_is_kept_whole_until_it_is_shown():
    spend = annual_spend(price("100", "three_yearly"), TODAY)
    assert spend is not None
    assert shown(spend.times(3)) == "100.00"


@pytest.mark.parametrize(
    ("effective", "end", "annual"),
    [
        (date(2026, 1, 1), date(2028, 12, 31), "1200.00"),
        (date(2026, 1, 1), date(2029, 1, 1), "1200.00"),
        (date(2026, 1, 1), date(2026, 12, 31), "3600.00"),
        (date(2026, 1, 1), date(2026, 7, 2), "7219.78"),
        (date(2024, 2, 29), date(2027, 2, 28), "1200.00"),
    ],
)
def test_a_payment_made_once_is_spread_over_the_years_of_its_term(
    effective: date, end: date, annual: str
):
    spend = annual_spend(price("3600", "once", effective_on=effective, ends_on=end), TODAY)
    assert spend is not None
    assert shown(spend) == annual


def test_a_contract_counts_from_its_first_day_to_its_last():
    term = price("1", "yearly", effective_on=date(2026, 1, 1), ends_on=date(2026, 12, 31))
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 12, 31), date(2027, 1, 1)]
    assert [in_force(term, day) for day in days] == [False, True, True, False]
    assert [annual_spend(term, day) is None for day in days] == [True, False, False, True]
    assert annual_spend(None, TODAY) is None


def test_without_units_there_is_no_cost_of_one():
    assert unit_cost(Money(Fraction(10), "EUR"), 0) is None
    assert unit_cost(None, 10) is None


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (Fraction(1, 3), "EUR", "0.33"),
        (Fraction(1, 200), "EUR", "0.01"),
        (Fraction(5, 2), "JPY", "3"),
        (Fraction(1, 2000), "KWD", "0.001"),
        (Fraction(-1, 3), "EUR", "-0.33"),
        (Fraction(-1, 1000), "EUR", "0.00"),
        (Fraction(0), "EUR", "0.00"),
        (Fraction(10**15), "USD", "1000000000000000.00"),
    ],
)
def test_amounts_are_shown_with_the_decimals_of_their_currency(
    amount: Fraction, currency: str, text: str
):
    assert shown(Money(amount, currency)) == text


def test_iso_4217_has_some_150_currencies():
    assert len(DECIMALS) > 145
    # the guilder of Curacao and Sint Maarten since 2025
    assert {"XCG", "ZWG"} <= DECIMALS.keys()
    assert {"ANG", "HRK"}.isdisjoint(DECIMALS)
    assert all(len(code) == 3 and code.isupper() for code in DECIMALS)


@given(AMOUNTS, st.sampled_from(sorted(PAYMENTS_A_YEAR)), st.integers(1, 100_000))
def test_all_units_together_cost_the_annual_spend(
    amount: Decimal, frequency: Frequency, entitled: int
):
    spend = annual_spend(price(str(amount), frequency), TODAY)
    unit = unit_cost(spend, entitled)
    assert spend is not None
    assert unit is not None
    assert unit.times(entitled) == spend


@given(AMOUNTS)
def test_what_is_shown_is_within_half_of_the_last_decimal(amount: Decimal):
    money = Money(Fraction(amount) / 7, "EUR")
    assert abs(Fraction(shown(money)) - money.amount) <= Fraction(1, 200)


@given(st.lists(st.tuples(AMOUNTS, st.sampled_from(["EUR", "USD", "JPY"]))))
def test_currencies_are_never_added_to_each_other(entries: list[tuple[Decimal, str]]):
    found = totals(Money(Fraction(amount), currency) for amount, currency in entries)
    for currency, total in found.items():
        assert total.currency == currency
        assert total.amount == sum(Fraction(a) for a, c in entries if c == currency)
    assert set(found) == {currency for _, currency in entries}
    with pytest.raises(ValueError, match="cannot be added"):
        Money(Fraction(1), "EUR") + Money(Fraction(1), "USD")


@given(DAYS, st.integers(1, 20_000))
def test_a_longer_term_is_never_shorter_in_years(start: date, days: int):
    end = start + timedelta(days=days)
    years = years_between(start, end)
    assert 0 < years <= years_between(start, end + timedelta(days=1))
    assert abs(float(years) - days / 365.2425) < 0.02


@given(DAYS, st.integers(1, 50))
def test_anniversaries_and_the_days_before_them_are_whole_years(start: date, years: int):
    assume((start.month, start.day) != (2, 29))
    anniversary = start.replace(year=start.year + years)
    assert years_between(start, anniversary) == years
    assert years_between(start, anniversary - timedelta(days=1)) == years
