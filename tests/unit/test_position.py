"""Statuses, reasons and differences of compliance positions."""

from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.model import Difference, Reason, Status
from compliance.position import differences, position
from compliance.remedies import remedy
from tests.builders import (
    NOW,
    make_circumstances,
    make_counts,
    make_license,
    make_subscription,
)

units = st.integers(0, 5000)


def status_of(license_, consumed=0, **circumstances):
    """The status of a license with so many consumers."""
    found = position(license_, make_counts(consumed), make_circumstances(**circumstances), None)
    return found.status


EVERYTHING = {
    "removed_at": NOW,
    "applies_to": "Company",
    "capability_status": "Suspended",
    "subscriptions": (make_subscription(3),),
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
    later = make_subscription(300)
    license_ = make_license(subscriptions=(later, make_subscription(days, status=status)))
    assert status_of(license_) == expected


licenses = st.builds(
    make_license,
    applies_to=st.sampled_from(["User", "Company", "company", ""]),
    capability_status=st.sampled_from(
        ["Enabled", "Warning", "Suspended", "suspended", "LockedOut", "Deleted", ""]
    ),
    enabled_units=units,
    warning_units=units,
    consumed_units=units,
    removed_at=st.sampled_from([None, NOW]),
    subscriptions=st.lists(
        st.builds(
            make_subscription,
            st.none() | st.integers(-10, 100),
            status=st.sampled_from(["Enabled", "Warning", "Deleted", "LockedOut"]),
        ),
        max_size=3,
    ).map(tuple),
)
circumstances = st.builds(
    make_circumstances,
    portal_state=st.sampled_from(["present", "deleted"]),
    excluded=st.booleans(),
    imported_at=st.sampled_from([None, NOW]),
    deleted_user_units=st.integers(0, 50),
    over_licensed_tolerance=st.integers(0, 100),
    expiry_warning_days=st.integers(0, 60),
)
counts = st.builds(make_counts, units, in_error=st.integers(0, 50), disabled=st.integers(0, 50))


def holding(license_, consumed, around) -> list[str]:
    """All statuses whose condition holds, by features.md, in its order."""
    dates = [
        s.next_lifecycle_at
        for s in license_.subscriptions
        if s.next_lifecycle_at and s.status not in ("Deleted", "LockedOut")
    ]
    limit = around.now + timedelta(days=around.expiry_warning_days)
    entitled = license_.enabled_units + license_.warning_units
    gone = around.portal_state == "deleted" or around.excluded or license_.removed_at is not None
    conditions = {
        "cannot_be_synchronized": gone,
        "not_calculable": around.imported_at is None or license_.applies_to.lower() == "company",
        "suspended": license_.capability_status.lower() in ("suspended", "lockedout", "deleted"),
        "under_licensed": consumed > entitled,
        "expiring": any(date <= limit for date in dates),
        "over_licensed": entitled - consumed > around.over_licensed_tolerance,
        "compliant": True,
    }
    return [status for status, holds in conditions.items() if holds]


@given(licenses, counts, circumstances)
def test_exactly_one_status_holds_and_it_is_the_first(license_, counted, around):
    found = position(license_, counted, around, None)
    assert found.status == holding(license_, counted.consumed, around)[0]
    assert (found.reason is not None) == (found.status == "cannot_be_synchronized")


@given(
    licenses,
    counts,
    circumstances,
    st.none() | st.builds(position, licenses, counts, circumstances, st.none()),
)
def test_whatever_happened_the_numbers_agree(license_, counted, around, previous):
    found = position(license_, counted, around, previous)
    assert found.available == found.entitled - found.consumed
    assert found.consumed == found.counts.consumed
    assert sum(d.units for d in found.differences) == found.consumed_units - found.consumed
    assert position(license_, counted, around, found) == found


@given(licenses, counts, circumstances, counts, circumstances)
def test_what_is_synchronized_again_owes_nothing_to_what_was_before(
    license_, counted, around, counted_before, around_before
):
    previous = position(license_, counted_before, around_before, None)
    fresh = position(license_, counted, around, None)
    if fresh.reason is None:
        assert position(license_, counted, around, previous) == fresh


def test_units_in_grace_are_usable_and_suspended_ones_are_not():
    license_ = make_license(enabled_units=1, warning_units=2, suspended_units=4, locked_out_units=8)
    found = position(license_, make_counts(), make_circumstances(), None)
    assert found.entitled == 3
    assert (found.suspended_units, found.locked_out_units) == (4, 8)


def test_the_causes_of_a_difference_are_told_in_order():
    found = differences(
        10, make_counts(in_error=3, disabled=2), deleted_user_units=4, excluded=False
    )
    assert [(d.cause, d.units) for d in found] == [
        ("deleted_users", 4),
        ("assignments_in_error", 3),
        ("assignments_disabled", 2),
        ("unexplained", 1),
    ]


def test_of_what_is_excluded_nothing_else_explains_the_difference():
    (only,) = differences(5, make_counts(in_error=3), deleted_user_units=4, excluded=True)
    assert isinstance(only, Difference)
    assert (only.cause, only.units) == ("excluded_from_import", 5)


def test_what_graph_counts_of_a_company_wide_sku_is_explained():
    license_ = make_license(applies_to="Company", consumed_units=3)
    found = position(license_, make_counts(), make_circumstances(), None)
    assert [(d.cause, d.units) for d in found.differences] == [("company_wide", 3)]


def test_every_status_and_reason_has_a_remedy_of_its_own():
    assert len({remedy(status, None) for status in get_args(Status)}) == len(get_args(Status))
    reasons = get_args(Reason)
    assert len({remedy("cannot_be_synchronized", reason) for reason in reasons}) == len(reasons)


def test_a_trial_that_has_ended_makes_no_trial_of_what_was_bought():
    ended = make_subscription(is_trial=True, status="Deleted")
    for subscriptions, is_trial in (((make_subscription(), ended), False), ((ended,), True)):
        license_ = make_license(subscriptions=subscriptions)
        found = position(license_, make_counts(), make_circumstances(), None)
        assert found.is_trial is is_trial


def test_one_trial_among_the_subscriptions_makes_a_trial():
    trial = make_license(subscriptions=(make_subscription(), make_subscription(is_trial=True)))
    bought = make_license(subscriptions=(make_subscription(),))
    found = [
        position(each, make_counts(), make_circumstances(), None).is_trial
        for each in (trial, bought)
    ]
    assert found == [True, False]
