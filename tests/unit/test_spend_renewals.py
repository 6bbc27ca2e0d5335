"""What ends or renews in the days ahead."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

from spend.figures import spend_of_portal
from spend.model import LicenseContract, LicenseFigures, Lifecycle, Price
from spend.renewals import renewals
from tests.builders import NOW, PORTAL, SKU

TODAY = NOW.date()


def found(
    *lifecycles: Lifecycle, ends_on: date | None = None, days: int = 30
) -> list[tuple[str, int, int]]:
    """Kind, days from today and units of each renewal of a license of ten units."""
    figures = LicenseFigures(
        PORTAL, SKU, "Contoso", "E3", "SPE_E3", "compliant", None, 10, 8, NOW, lifecycles=lifecycles
    )
    price = Price(Decimal(12), "EUR", "yearly", date(2026, 1, 1), ends_on)
    contract = LicenseContract(PORTAL, SKU, NOW, price=price)
    spends = spend_of_portal([figures], {SKU: contract}, TODAY)
    return [(r.kind, (r.on - TODAY).days, r.units) for r in renewals(spends, TODAY, days)]


def ends(days: int, units: int) -> Lifecycle:
    return Lifecycle(f"s{days}", NOW + timedelta(days=days), units)


def test_every_subscription_is_listed_with_its_own_licenses():
    assert found(ends(20, 3), ends(5, 7)) == [("lifecycle", 5, 7), ("lifecycle", 20, 3)]


def test_a_day_that_has_passed_hides_none_that_is_to_come():
    assert found(ends(-1, 3), ends(5, 7)) == [("lifecycle", 5, 7)]


def test_the_first_and_the_last_day_asked_for_count():
    assert found(ends(0, 1), ends(30, 2), ends(31, 4)) == [
        ("lifecycle", 0, 1),
        ("lifecycle", 30, 2),
    ]


def test_subscriptions_that_end_on_one_day_are_one_renewal():
    assert found(ends(5, 3), ends(5, 7)) == [("lifecycle", 5, 10)]


def test_a_contract_ends_for_all_of_its_licenses():
    assert found(ends_on=TODAY) == [("contract_end", 0, 10)]
    assert found(ends_on=TODAY - timedelta(days=1)) == []


def test_the_day_is_that_of_utc_wherever_the_time_was_written():
    # one in the morning of 2 June in Tokyo is still 1 June
    tokyo = datetime(TODAY.year, TODAY.month, TODAY.day, 1, tzinfo=timezone(timedelta(hours=9)))
    assert found(Lifecycle("s", tokyo + timedelta(days=1), 1)) == [("lifecycle", 0, 1)]
