"""The term of a subscription, read from its dates."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.term import days_until, term_of
from tests.builders import NOW, make_subscription

moments = st.datetimes(
    datetime(2015, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2026, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def months_later(moment: datetime, months: int) -> datetime:
    """The same day so many months later, or the month's last."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


@pytest.mark.parametrize(
    ("age", "days", "trial", "term"),
    [
        (10, 20, True, "trial"),
        (10, 20.4, False, "monthly"),
        (0, 28, False, "monthly"),
        (165, 200, False, "yearly"),
        (900, 195, False, "three_year"),
        (400, 330, False, "yearly"),
        (1000, 460, False, "unknown"),
        (700, 395, False, "three_year"),
        (345, 20, False, "unknown"),
        (710, 20, False, "unknown"),
        (375, 20, False, "monthly"),
        (100, 44, False, "unknown"),
        (100, None, False, "unknown"),
        (10, -10, False, "unknown"),
        (0, -30, False, "unknown"),
    ],
)
def test_the_term_is_read_from_the_dates(age, days, trial, term):
    assert term_of(make_subscription(days, is_trial=trial, age=age), NOW) == term


@given(moments, st.integers(1, 72), st.floats(40, 360))
def test_any_whole_number_of_terms_tells_the_longest_term_that_fits(created_at, months, left):
    ends = months_later(created_at, months)
    subscription = make_subscription(created_at=created_at, next_lifecycle_at=ends)
    expected = "three_year" if months % 36 == 0 else "yearly" if months % 12 == 0 else "unknown"
    assert term_of(subscription, ends - timedelta(days=left)) == expected


@given(moments, st.integers(1, 72), st.floats(-5, 30))
def test_a_last_month_may_be_one_of_a_year_unless_more_of_it_was_seen(created_at, months, left):
    ends = months_later(created_at, months)
    now = ends - timedelta(days=left)
    subscription = make_subscription(created_at=created_at, next_lifecycle_at=ends)
    assert term_of(subscription, now) == ("unknown" if months % 12 == 0 else "monthly")
    watched = msgspec.structs.replace(subscription, longest_left_days=300)
    longer = "three_year" if months % 36 == 0 else "yearly" if months % 12 == 0 else "unknown"
    assert term_of(watched, now) == longer


def test_without_a_date_of_creation_the_term_is_unknown():
    assert term_of(make_subscription(created_at=None), NOW) == "unknown"


def test_days_until_a_moment_are_whole_and_negative_when_past():
    assert days_until(NOW + timedelta(days=2, hours=5), NOW) == 2
    assert days_until(NOW - timedelta(hours=1), NOW) == -1
    assert days_until(NOW, NOW) == 0
    assert days_until(None, NOW) is None
