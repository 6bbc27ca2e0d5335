"""When a contact was last active, and whether that counts as inactive."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOW, make_contact, make_usage, make_usage_status
from usage.activity import (
    UsePeriod,
    category,
    covered_services,
    day_of,
    is_inactive,
    last_activity,
)
from usage.model import ACTIVE_USERS, APP_USAGE, EMAIL_APPS, REPORTS_OF, Service

TODAY = date(2026, 6, 1)
STATUS = make_usage_status()
OLD = make_contact(created_at="2024-01-15T09:00:00Z")


def days_ago(days: int) -> str:
    """The ISO date that many days before today."""
    return (TODAY - timedelta(days=days)).isoformat()


def test_the_last_activity_is_the_latest_of_all_services_and_the_sign_in():
    usage = make_usage(
        last_activity={"teams": days_ago(40), "exchange": days_ago(12)}, last_sign_in=days_ago(20)
    )
    assert last_activity(usage, STATUS) == TODAY - timedelta(days=12)
    signed_in = make_usage(last_activity={"teams": days_ago(40)}, last_sign_in=days_ago(3))
    assert last_activity(signed_in, STATUS) == TODAY - timedelta(days=3)


def test_nothing_known_is_unknown_and_never_inactive():
    assert last_activity(None, STATUS) is None
    assert is_inactive(OLD, None, STATUS, today=TODAY, days=90) is None
    assert is_inactive(OLD, make_usage(reported=()), STATUS, today=TODAY, days=90) is None
    assert is_inactive(OLD, make_usage(), None, today=TODAY, days=90) is None


@pytest.mark.parametrize(("age", "inactive"), [(90, False), (91, True)])
def test_inactive_begins_after_the_days_asked_for(age: int, inactive: bool):
    usage = make_usage(last_activity={"teams": days_ago(age)})
    assert is_inactive(OLD, usage, STATUS, today=TODAY, days=90) is inactive


@pytest.mark.parametrize(("age", "inactive"), [(30, False), (31, True)])
def test_who_was_never_active_is_inactive_once_more_than_thirty_days_old(age: int, inactive: bool):
    contact = make_contact(created_at=f"{days_ago(age)}T08:00:00Z")
    assert is_inactive(contact, make_usage(), STATUS, today=TODAY, days=90) is inactive


def test_a_room_that_was_never_active_is_unknown():
    room = make_contact(created_at=OLD.created_at, kind="room")
    for contact, inactive in ((OLD, True), (room, None)):
        usage = make_usage(user_id=contact.user_id)
        found = is_inactive(contact, usage, make_usage_status(), today=TODAY, days=90)
        assert found is inactive


def test_who_was_never_active_is_unknown_without_a_date_of_creation():
    contact = make_contact(created_at=None)
    assert is_inactive(contact, make_usage(), STATUS, today=TODAY, days=90) is None


def test_reports_that_cover_less_than_the_days_prove_nothing_of_the_rest():
    short = make_usage_status(period="D30")
    assert is_inactive(OLD, make_usage(), short, today=TODAY, days=90) is None
    assert is_inactive(OLD, make_usage(), short, today=TODAY, days=30) is True


def test_concealed_reports_leave_activity_unknown_until_a_sign_in_is_known():
    concealed = make_usage_status(concealed=True, refreshed_on={})
    assert is_inactive(OLD, make_usage(), concealed, today=TODAY, days=90) is None
    signed_in = make_usage(reported=(), last_sign_in=days_ago(200))
    assert is_inactive(OLD, signed_in, concealed, today=TODAY, days=90) is True
    recent = make_usage(reported=(), last_sign_in=days_ago(2))
    assert is_inactive(OLD, recent, concealed, today=TODAY, days=90) is False


def test_the_year_one_means_never():
    assert day_of("0001-01-01T00:00:00Z") is None
    assert day_of("") is None
    assert day_of("not a date") is None
    assert day_of("2026-05-30T23:59:59.1234567Z") == date(2026, 5, 30)


@pytest.mark.parametrize(
    ("age", "expected"),
    [(0, "used"), (30, "used"), (31, "rarely_used"), (90, "rarely_used"), (91, "unused")],
)
def test_the_category_follows_the_age_of_the_last_use(age: int, expected: str):
    usage = make_usage(last_activity={"microsoft_365_apps": days_ago(age)})
    assert category(usage, STATUS, Service.MICROSOFT_365_APPS, today=TODAY) == expected
    assert category(usage, STATUS, today=TODAY) == expected


def test_listed_without_a_date_is_unused_and_not_listed_is_unreported():
    listed = make_usage(reported=(APP_USAGE,))
    assert category(listed, STATUS, Service.MICROSOFT_365_APPS, today=TODAY) == "unused"
    assert category(listed, STATUS, Service.OUTLOOK, today=TODAY) == "unreported"
    assert category(None, STATUS, Service.OUTLOOK, today=TODAY) == "unreported"


@pytest.mark.parametrize("service", [s for s, reports in REPORTS_OF.items() if not reports])
def test_a_service_without_a_source_is_never_said_to_be_unused(service: Service):
    usage = make_usage(reported=(ACTIVE_USERS, APP_USAGE, EMAIL_APPS))
    assert category(usage, STATUS, service, today=TODAY) == "unreported"
    assert UsePeriod(STATUS, TODAY).is_used(usage, service) is None
    assert service not in covered_services(STATUS)


def test_use_of_a_service_is_yes_no_or_unknown():
    usage = make_usage(last_activity={"teams": days_ago(10), "yammer": days_ago(100)})
    assert UsePeriod(STATUS, TODAY).is_used(usage, Service.TEAMS) is True
    assert UsePeriod(STATUS, TODAY).is_used(usage, Service.YAMMER) is False
    assert UsePeriod(STATUS, TODAY).is_used(usage, Service.SHAREPOINT) is False
    assert UsePeriod(STATUS, TODAY).is_used(usage, Service.COPILOT) is None


@pytest.mark.parametrize(("age", "used"), [(3, True), (10, True), (11, False)])
def test_use_is_that_within_the_period_that_ends_with_the_report(age: int, used: bool):
    # seven days that ended three days ago
    week = make_usage_status(period="D7")
    usage = make_usage(last_activity={"teams": days_ago(age)})
    assert UsePeriod(week, TODAY).is_used(usage, Service.TEAMS) is used


def test_an_old_run_proves_recent_activity_only():
    late = TODAY + timedelta(days=60)
    usage = make_usage(last_activity={"teams": days_ago(10)}, last_sign_in=days_ago(10))
    assert is_inactive(OLD, usage, STATUS, today=late, days=90) is False
    assert is_inactive(OLD, usage, STATUS, today=late, days=30) is None
    assert is_inactive(OLD, make_usage(), STATUS, today=late, days=30) is None
    short = make_usage_status(period="D30")
    assert UsePeriod(STATUS, late).is_used(usage, Service.TEAMS) is True
    assert UsePeriod(short, late).is_used(usage, Service.TEAMS) is None
    assert UsePeriod(short, late).is_used(usage, Service.YAMMER) is None
    assert category(usage, STATUS, Service.TEAMS, today=late) == "unreported"
    assert category(usage, STATUS, today=late) == "unreported"


def test_the_date_of_one_service_alone_makes_nobody_inactive():
    roster = make_usage_status(tasks=("roster",), refreshed_on={APP_USAGE: "2026-05-29"})
    apps = {"microsoft_365_apps": days_ago(200)}
    usage = make_usage(reported=(APP_USAGE,), last_activity=apps)
    assert is_inactive(OLD, usage, roster, today=TODAY, days=90) is None
    assert UsePeriod(roster, TODAY).is_used(usage, Service.MICROSOFT_365_APPS) is False
    recent = make_usage(reported=(APP_USAGE,), last_activity={"microsoft_365_apps": days_ago(20)})
    assert is_inactive(OLD, recent, roster, today=TODAY, days=90) is False


@pytest.mark.parametrize(("days", "inactive"), [(3, None), (4, True)])
def test_a_report_makes_nobody_inactive_for_fewer_days_than_it_is_old(
    days: int, inactive: bool | None
):
    # it ends three days ago, and cannot show who was active since
    status = make_usage_status(tasks=("access",))
    for usage in (make_usage(last_activity={"teams": days_ago(5)}), make_usage()):
        assert is_inactive(OLD, usage, status, today=TODAY, days=days) is inactive


def test_sign_ins_read_today_tell_of_every_day_and_older_ones_do_not():
    usage = make_usage(reported=(), last_sign_in=days_ago(5))
    assert is_inactive(OLD, usage, STATUS, today=TODAY, days=1) is True
    read_before = make_usage_status(completed_at=NOW - timedelta(days=2))
    assert is_inactive(OLD, usage, read_before, today=TODAY, days=2) is None
    assert is_inactive(OLD, usage, read_before, today=TODAY, days=3) is True


@given(
    st.dictionaries(st.sampled_from(list(Service)), st.integers(0, 400), max_size=5),
    st.none() | st.integers(0, 400),
    # the report still reaches into so many days a day later
    st.integers(5, 365),
)
def test_later_days_never_make_a_contact_active_again(
    services: dict[Service, int], sign_in: int | None, days: int
):
    usage = make_usage(
        last_activity={s: days_ago(age) for s, age in services.items()},
        last_sign_in=days_ago(sign_in) if sign_in is not None else None,
    )
    now = is_inactive(OLD, usage, STATUS, today=TODAY, days=days)
    later = is_inactive(OLD, usage, STATUS, today=TODAY + timedelta(days=1), days=days)
    assert not (now is True and later is not True)
    assert (now is None) == (later is None)
