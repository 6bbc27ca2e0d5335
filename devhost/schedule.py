"""NCRONTAB schedules: reading one, and when it occurs next."""

from __future__ import annotations

from datetime import UTC, datetime

from croniter import CroniterError, croniter  # type: ignore[import-untyped]  # ships no types


class ScheduleError(Exception):
    """Text that is no NCRONTAB expression."""


class Schedule:
    """Five or six fields, {second} {minute} {hour} {day} {month} {day-of-week}, in UTC.

    Day and day-of-week must both hold, as in NCRONTAB, unlike Unix cron.
    Source: https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions
    """

    def __init__(self, expression: str) -> None:
        fields = expression.split()
        if len(fields) not in (5, 6):
            raise ScheduleError(
                f"The schedule {expression!r} has {len(fields)} fields; NCRONTAB has 6."
            )
        if len(fields) == 5:
            fields.insert(0, "0")
        self.expression = " ".join(fields)
        # croniter knows more than NCRONTAB does: L, #, ?, R, H
        if any(set(field.upper()) & set("?#") or field.upper() == "L" for field in fields):
            raise ScheduleError(f"The schedule {expression!r} is not NCRONTAB.")
        try:
            self.next_after(datetime(2000, 1, 1, tzinfo=UTC))
        except CroniterError as error:
            raise ScheduleError(f"The schedule {expression!r} is not NCRONTAB: {error}") from error

    def next_after(self, moment: datetime) -> datetime:
        """The first occurrence later than `moment`, which must be aware."""
        occurrence: datetime = croniter(
            self.expression,
            moment,
            ret_type=datetime,
            day_or=False,
            second_at_beginning=True,
        ).get_next(datetime)
        return occurrence
