"""Statuses, reasons and differences of compliance positions."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.position import differences, position
from compliance.remedies import remedy
from compliance.term import days_until, term_of
from imports.model import Subscription
from tests.builders import NOW, make_circumstances, make_counts, make_license

units = st.integers(0, 5000)


def subscription(
    days: float | None = 200, *, status: str = "Enabled", trial: bool = False, age: float = 165
):
    """A subscription that leaves its state in so many days."""
    ends = NOW + timedelta(days=days) if days is not None else None
    return Subscription("s", status, 10, trial, NOW - timedelta(days=age), ends, None)


def status_of(license_, consumed=0, **circumstances):
    """The status of a license with so many consumers."""
    found = position(license_, make_counts(consumed), make_circumstances(**circumstances), None)
    return found.status


EVERYTHING = {
    "removed_at": NOW,
    "applies_to": "Company",
    "capability_status": "Suspended",
    "subscriptions": (subscription(3),),
}


def test_the_first_status_that_holds_wins():
    license_ = make_license(**EVERYTHING)
    found = position(
        license_,
        make_counts(20),
        make_circumstances(portal_state="deleted", excluded=True),
        None,
    )
    assert (found.status, found.reason) == ("cannot_be_synchronized", "portal_deleted")
    steps: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        ({}, {"excluded": True}, "cannot_be_synchronized"),
        ({}, {}, "cannot_be_synchronized"),
        ({"removed_at": None}, {}, "not_calculable"),
        ({"applies_to": "User"}, {"imported_at": None}, "not_calculable"),
        ({}, {}, "suspended"),
        ({"capability_status": "Enabled"}, {}, "under_licensed"),
        ({"enabled_units": 30}, {}, "expiring"),
        ({"subscriptions": ()}, {}, "over_licensed"),
        ({}, {"over_licensed_tolerance": 10}, "compliant"),
        ({"enabled_units": 20}, {}, "compliant"),
    ]
    changes: dict[str, Any] = dict(EVERYTHING)
    for change, circumstances, expected in steps:
        changes |= change
        assert status_of(make_license(**changes), 20, **circumstances) == expected


def test_reasons_come_in_order():
    license_ = make_license(removed_at=NOW)
    for circumstances, reason in (
        ({"portal_state": "deleted", "excluded": True}, "portal_deleted"),
        ({"excluded": True}, "excluded_from_import"),
        ({}, "removed_from_tenant"),
    ):
        found = position(license_, make_counts(), make_circumstances(**circumstances), None)
        assert found.reason == reason
        assert remedy(found.status, found.reason)


@given(units, units, units, units, units)
def test_available_is_entitled_less_consumed(enabled, warning, suspended, locked_out, consumed):
    license_ = make_license(
        enabled_units=enabled,
        warning_units=warning,
        suspended_units=suspended,
        locked_out_units=locked_out,
    )
    found = position(license_, make_counts(consumed), make_circumstances(), None)
    assert found.entitled == enabled + warning
    assert found.available == found.entitled - found.consumed
    assert (found.status == "under_licensed") == (consumed > enabled + warning)


@given(units, units)
def test_recalculating_twice_changes_nothing(consumed, consumed_units):
    license_ = make_license(consumed_units=consumed_units)
    first = position(license_, make_counts(consumed), make_circumstances(), None)
    assert position(license_, make_counts(consumed), make_circumstances(), first) == first


def test_what_cannot_be_synchronized_keeps_its_last_known_counts():
    before = position(make_license(), make_counts(7), make_circumstances(), None)
    gone = make_license(removed_at=NOW, enabled_units=0)
    after = position(gone, make_counts(0), make_circumstances(), before)
    assert (after.entitled, after.consumed, after.available) == (10, 7, 3)
    again = position(gone, make_counts(0), make_circumstances(), after)
    assert again == after


@given(st.integers(-5000, 5000), units, units, units, st.booleans())
def test_the_causes_of_a_difference_add_up_to_it(difference, in_error, disabled, deleted, excluded):
    found = differences(
        difference,
        make_counts(in_error=in_error, disabled=disabled),
        deleted_user_units=deleted,
        excluded=excluded,
    )
    assert sum(item.units for item in found) == difference
    assert all(item.units for item in found)
    assert len({item.cause for item in found}) == len(found)


@pytest.mark.parametrize(
    ("days", "status", "expected"),
    [
        (30, "Enabled", "expiring"),
        (31, "Enabled", "over_licensed"),
        (3, "Deleted", "over_licensed"),
        (-1, "Warning", "expiring"),
        (None, "Enabled", "over_licensed"),
    ],
)
def test_a_license_expires_by_the_first_of_its_living_subscriptions(days, status, expected):
    later = subscription(300)
    license_ = make_license(subscriptions=(later, subscription(days, status=status)))
    assert status_of(license_) == expected


@pytest.mark.parametrize(
    ("age", "days", "trial", "term"),
    [
        (10, 20, True, "trial"),
        (10, 20.4, False, "monthly"),
        (165, 200, False, "yearly"),
        (900, 195, False, "three_year"),
        (400, 330, False, "yearly"),
        (100, 44, False, "unknown"),
        (100, None, False, "unknown"),
    ],
)
def test_the_term_is_read_from_the_dates(age, days, trial, term):
    assert term_of(subscription(days, trial=trial, age=age)) == term


def test_days_until_a_moment_are_whole_and_negative_when_past():
    assert days_until(NOW + timedelta(days=2, hours=5), NOW) == 2
    assert days_until(NOW - timedelta(hours=1), NOW) == -1
    assert days_until(None, NOW) is None
