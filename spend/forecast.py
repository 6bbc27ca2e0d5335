"""When a license runs out, by the linear trend of its recorded days: pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Literal

import msgspec

MIN_DAYS = 14
MAX_DAYS = 30
# Beyond ten years a trend of thirty days says nothing.
HORIZON_DAYS = 3650
_Z_95 = 1.959964

State = Literal["insufficient_history", "exhausted", "running_out", "not_foreseen"]


class DayCount(msgspec.Struct, frozen=True):
    """Consumed licenses on one recorded day."""

    day: date
    consumed: int


class Forecast(msgspec.Struct, frozen=True):
    """When consumption reaches the entitled units.

    `per_day` is the slope of the trend in licenses a day, None without a
    trend. `earliest_on` and `latest_on` are where the edges of the 95 %
    prediction band reach the entitled units; None beyond ten years.
    """

    state: State
    history_days: int
    per_day: float | None = None
    run_out_on: date | None = None
    earliest_on: date | None = None
    latest_on: date | None = None


class Trend(msgspec.Struct, frozen=True):
    """A least-squares line through recorded days, and how far days stray from it.

    `origin` is day 0, `margin` what a day's distance from the line is within in
    95 of 100 cases at the middle of the data.
    """

    origin: date
    days: int
    slope: float
    intercept: float
    mean: float
    spread: float
    margin: float

    def at(self, day: date) -> float:
        """Consumption on a day by the line."""
        return self.intercept + self.slope * (day - self.origin).days

    def band(self, day: date) -> float:
        """How far from the line the day may fall, on either side."""
        distance = (day - self.origin).days - self.mean
        return self.margin * math.sqrt(1 + 1 / self.days + distance * distance / self.spread)


def trend(history: Sequence[DayCount]) -> Trend | None:
    """The trend of the latest 30 recorded days; None below 14 of them."""
    latest = sorted({entry.day: entry for entry in history}.values(), key=lambda e: e.day)
    latest = latest[-MAX_DAYS:]
    if len(latest) < MIN_DAYS:
        return None
    origin = latest[0].day
    days = [(entry.day - origin).days for entry in latest]
    counts = [entry.consumed for entry in latest]
    number = len(days)
    mean_day, mean_count = sum(days) / number, sum(counts) / number
    spread = sum((day - mean_day) ** 2 for day in days)
    slope = (
        sum((d - mean_day) * (c - mean_count) for d, c in zip(days, counts, strict=True)) / spread
    )
    intercept = mean_count - slope * mean_day
    squares = sum(
        (count - intercept - slope * day) ** 2 for day, count in zip(days, counts, strict=True)
    )
    freedom = number - 2
    deviation = math.sqrt(max(0.0, squares) / freedom)
    return Trend(
        origin, number, slope, intercept, mean_day, spread, _student_95(freedom) * deviation
    )


def forecast(history: Sequence[DayCount], entitled: int, today: date) -> Forecast:
    """When the trend of the latest 30 recorded days reaches the entitled units.

    No trend is drawn from fewer than 14 recorded days.
    """
    line = trend(history)
    if line is None:
        return Forecast("insufficient_history", len({entry.day for entry in history}))
    latest = max(history, key=lambda entry: entry.day)
    if latest.consumed >= entitled:
        return Forecast("exhausted", line.days, line.slope, today, today, today)
    run_out = _first_day(line.at, entitled, today)
    return Forecast(
        "running_out" if run_out is not None else "not_foreseen",
        line.days,
        line.slope,
        run_out,
        _first_day(lambda day: line.at(day) + line.band(day), entitled, today),
        _first_day(lambda day: line.at(day) - line.band(day), entitled, today),
    )


def _first_day(counted: Callable[[date], float], entitled: int, today: date) -> date | None:
    # a line drawn through whole numbers misses them by the last bits of a float
    enough = entitled - 1e-9 * max(1, entitled)
    for ahead in range(HORIZON_DAYS + 1):
        day = today + timedelta(days=ahead)
        if counted(day) >= enough:
            return day
    return None


def _student_95(freedom: int) -> float:
    """The two-sided 95 % quantile of Student's t, by its expansion around the normal one.

    Good to 0.002 from 12 degrees of freedom on.
    Source: https://dlmf.nist.gov/26.2 and Abramowitz and Stegun, 26.7.5
    """
    z = _Z_95
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )
