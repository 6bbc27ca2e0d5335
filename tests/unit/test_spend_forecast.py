"""When a license runs out, by the trend of its recorded days."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spend.forecast import DayCount, forecast, trend

TODAY = date(2026, 6, 1)


def history(*counts: int) -> list[DayCount]:
    """One count a day, the last one today."""
    first = TODAY - timedelta(days=len(counts) - 1)
    return [DayCount(first + timedelta(days=index), c) for index, c in enumerate(counts)]


def test_below_14_days_nothing_is_forecast():
    found = forecast(history(*range(80, 93)), 100, TODAY)
    assert (found.state, found.history_days, found.run_out_on) == ("insufficient_history", 13, None)


def test_a_steady_rise_runs_out_on_the_day_that_it_points_to():
    found = forecast(history(*range(76, 90)), 100, TODAY)
    assert (found.state, found.history_days) == ("running_out", 14)
    assert found.per_day == pytest.approx(1)
    # 89 today, one more a day: the 100th seat is taken in 11 days
    expected = TODAY + timedelta(days=11)
    assert (found.earliest_on, found.run_out_on, found.latest_on) == (expected,) * 3


def test_a_rise_that_strays_has_a_band_around_its_day():
    found = forecast(history(*(50 + day + (3 if day % 2 else -3) for day in range(20))), 100, TODAY)
    assert found.earliest_on is not None
    assert found.run_out_on is not None
    assert found.latest_on is not None
    assert found.earliest_on < found.run_out_on < found.latest_on


def test_a_fall_never_runs_out():
    found = forecast(history(*range(99, 79, -1)), 100, TODAY)
    assert (found.state, found.run_out_on, found.latest_on) == ("not_foreseen", None, None)


def test_without_a_seat_left_it_has_run_out_already():
    found = forecast(history(*[100] * 14), 100, TODAY)
    assert (found.state, found.run_out_on) == ("exhausted", TODAY)


def test_only_the_latest_30_days_count():
    jump = [1000] * 20 + list(range(10, 40))
    assert forecast(history(*jump), 60, TODAY) == forecast(history(*jump[-30:]), 60, TODAY)


def test_days_that_were_not_recorded_leave_the_trend_as_it_is():
    full = history(*range(40, 70))
    gaps = [entry for index, entry in enumerate(full) if index % 2 == 0 or index == 29]
    assert forecast(gaps, 100, TODAY).run_out_on == forecast(full, 100, TODAY).run_out_on


def test_the_band_is_the_textbooks_prediction_interval():
    # 14 days, alternately 1 above and 1 below a level of 10: s = sqrt(14/12) about the mean
    line = trend(history(*([11, 9] * 7)))
    assert line is not None
    assert line.margin == pytest.approx(2.1788 * 1.0714, rel=0.01)


@given(
    st.lists(st.integers(0, 1000), min_size=14, max_size=40),
    st.integers(1, 1500),
)
def test_the_band_lies_around_the_trend(counts: list[int], entitled: int):
    found = forecast(history(*counts), entitled, TODAY)
    days = [found.earliest_on, found.run_out_on, found.latest_on]
    known = [day for day in days if day is not None]
    assert known == sorted(known)
    assert all(day >= TODAY for day in known)
    if found.run_out_on is not None:
        assert found.earliest_on is not None
    assert (found.state == "exhausted") == (counts[-1] >= entitled)


@given(st.integers(-5, 5), st.integers(0, 200), st.integers(14, 30))
def test_a_straight_line_is_found_exactly(slope: int, start: int, days: int):
    line = trend(history(*(start + slope * day for day in range(days))))
    assert line is not None
    assert line.slope == pytest.approx(slope, abs=1e-9)
    assert line.at(TODAY) == pytest.approx(start + slope * (days - 1), abs=1e-6)
