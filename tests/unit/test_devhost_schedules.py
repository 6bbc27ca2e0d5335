"""Schedules, and what a timer does when the host starts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devhost.converters import ScheduleStatus
from devhost.indexing import TimerTrigger
from devhost.schedule import Schedule, ScheduleError
from devhost.timers import StatusFile, decide_start, is_monitored

NOW = datetime(2025, 1, 31, 4, 59, 59, 500_000, tzinfo=UTC)


def _timer(schedule: str = "0 0 */5 * * *", *, run_on_startup: bool = False) -> TimerTrigger:
    return TimerTrigger(Schedule(schedule), run_on_startup=run_on_startup, use_monitor=True)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "following"),
    [
        ("0 0 */5 * * *", "2025-01-31T05:00:00"),
        ("*/15 * * * * *", "2025-01-31T05:00:00"),
        ("0 */5 * * *", "2025-01-31T05:00:00"),
        ("0 30 9 * Jan Mon", "2026-01-05T09:30:00"),
        # both day and day-of-week must hold: the first Friday the 13th
        ("0 0 0 13 * 5", "2025-06-13T00:00:00"),
    ],
)
def test_a_schedule_occurs_when_ncrontab_says(expression: str, following: str) -> None:
    assert Schedule(expression).next_after(NOW) == _at(following)


@pytest.mark.parametrize(
    "expression", ["", "* * * *", "0 61 * * * *", "0 0 0 31 2 *", "0 0 0 L * *"]
)
def test_what_is_no_ncrontab_is_refused(expression: str) -> None:
    with pytest.raises(ScheduleError):
        Schedule(expression)


def test_a_timer_seen_for_the_first_time_waits_for_its_next_occurrence() -> None:
    start = decide_start(_timer(), None, NOW, monitored=True)
    assert (start.run_now, start.past_due) == (False, False)
    assert start.status.next == _at("2025-01-31T05:00:00")


def test_run_on_startup_runs_at_once_and_is_not_past_due() -> None:
    start = decide_start(_timer(run_on_startup=True), None, NOW, monitored=True)
    assert (start.run_now, start.past_due) == (True, False)


def test_an_occurrence_that_passed_without_a_host_is_past_due() -> None:
    stored = ScheduleStatus(
        last=_at("2025-01-30T15:00:00"),
        next=_at("2025-01-30T20:00:00"),
        last_updated=_at("2025-01-30T15:00:00"),
    )
    start = decide_start(_timer(), stored, NOW, monitored=True)
    assert (start.run_now, start.past_due, start.status) == (True, True, stored)
    assert not decide_start(_timer(), stored, NOW, monitored=False).run_now


def test_a_schedule_changed_to_a_rarer_one_is_not_past_due() -> None:
    stored = ScheduleStatus(
        last=_at("2025-01-31T03:00:00"),
        next=_at("2025-01-31T04:00:00"),
        last_updated=_at("2025-01-31T03:00:00"),
    )
    start = decide_start(_timer("0 0 6 * * *"), stored, NOW, monitored=True)
    assert not start.past_due
    assert start.status.next == _at("2025-01-31T06:00:00")


def test_a_schedule_below_a_minute_is_not_persisted() -> None:
    assert is_monitored(_timer(), NOW)
    assert not is_monitored(_timer("*/30 * * * * *"), NOW)


def test_the_status_survives_in_its_file_and_a_damaged_file_starts_anew(tmp_path: Path) -> None:
    store = StatusFile(tmp_path / "timers.json")
    status = ScheduleStatus(last=None, next=NOW, last_updated=NOW - timedelta(hours=1))
    assert store.read("T") is None
    store.write("T", status)
    store.write("U", status)
    assert store.read("T") == status
    (tmp_path / "timers.json").write_text("{")
    assert store.read("T") is None
