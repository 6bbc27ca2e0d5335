"""Runs one timer function on its schedule, remembering when it ran last."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from devhost.converters import ScheduleStatus
from devhost.indexing import TimerTrigger
from devhost.schedule import Schedule

logger = logging.getLogger("devhost.timers")

# The host does not persist schedules that run more often than this.
MIN_MONITORED_INTERVAL = timedelta(minutes=1)
# A sleep this long is checked against the clock again, which may have been set.
MAX_SLEEP = timedelta(minutes=1)

RunTimer = Callable[[bool, ScheduleStatus | None], Awaitable[None]]


class StatusFile:
    """The schedule status of every timer, by function name, in one JSON file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, name: str) -> ScheduleStatus | None:
        """The stored status; None if there is none or the file is damaged."""
        return self._all().get(name)

    def write(self, name: str, status: ScheduleStatus) -> None:
        """Replaces the status of one timer."""
        everything = {**self._all(), name: status}
        beside = self._path.with_suffix(".new")
        beside.write_bytes(msgspec.json.format(msgspec.json.encode(everything)))
        os.replace(beside, self._path)

    def _all(self) -> dict[str, ScheduleStatus]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, ScheduleStatus])
        except FileNotFoundError:
            return {}
        except msgspec.DecodeError as error:
            logger.warning("%s is unreadable and starts anew: %s", self._path, error)
            return {}


@dataclass(frozen=True)
class Start:
    """What to do when the host starts: run at once (and why), and the status to begin with."""

    run_now: bool
    past_due: bool
    status: ScheduleStatus


def decide_start(
    trigger: TimerTrigger, stored: ScheduleStatus | None, now: datetime, *, monitored: bool
) -> Start:
    """Pure: past due if an occurrence passed while no host ran; a changed schedule is not late."""
    upcoming = trigger.schedule.next_after(now)
    fresh = ScheduleStatus(last=stored.last if stored else None, next=upcoming, last_updated=now)
    if stored is None or not monitored:
        return Start(run_now=trigger.run_on_startup, past_due=False, status=fresh)
    due = trigger.schedule.next_after(stored.last or stored.last_updated)
    past_due = now > due and now > stored.next
    return Start(
        run_now=past_due or trigger.run_on_startup,
        past_due=past_due,
        status=stored if past_due else fresh,
    )


def is_monitored(trigger: TimerTrigger, now: datetime) -> bool:
    """Whether the schedule is persisted: on request, and never for one below a minute."""
    return trigger.use_monitor and not _is_frequent(trigger.schedule, now)


def _is_frequent(schedule: Schedule, now: datetime) -> bool:
    moment = schedule.next_after(now)
    for _ in range(5):
        following = schedule.next_after(moment)
        if following - moment < MIN_MONITORED_INTERVAL:
            return True
        moment = following
    return False


class TimerListener:
    """One timer; its function never overlaps with itself, and missed occurrences run once.

    `run(past_due, status)` calls the function and does not raise.
    """

    def __init__(
        self,
        name: str,
        trigger: TimerTrigger,
        store: StatusFile,
        run: RunTimer,
        clock: Callable[[], datetime],
    ) -> None:
        self._name = name
        self._trigger = trigger
        self._store = store
        self._run = run
        self._clock = clock
        self._stopping = asyncio.Event()

    async def listen(self) -> None:
        """Runs the function at each occurrence until `stop`."""
        now = self._clock()
        monitored = is_monitored(self._trigger, now)
        start = decide_start(
            self._trigger,
            self._store.read(self._name) if monitored else None,
            now,
            monitored=monitored,
        )
        status = start.status
        if monitored:
            self._store.write(self._name, status)
        logger.info("Timer %s runs next at %s", self._name, status.next.isoformat())
        if start.run_now:
            status = await self._occur(status, past_due=start.past_due, monitored=monitored)
        while await self._reached(status.next):
            status = await self._occur(status, past_due=False, monitored=monitored)

    def stop(self) -> None:
        """Starts no further occurrence."""
        self._stopping.set()

    async def _occur(
        self, status: ScheduleStatus, *, past_due: bool, monitored: bool
    ) -> ScheduleStatus:
        began = self._clock()
        await self._run(past_due, status if monitored else None)
        now = self._clock()
        status = ScheduleStatus(
            last=began, next=self._trigger.schedule.next_after(now), last_updated=now
        )
        if monitored:
            self._store.write(self._name, status)
        return status

    async def _reached(self, moment: datetime) -> bool:
        """Waits until `moment`; False if stopped before."""
        while not self._stopping.is_set():
            left = moment - self._clock()
            if left <= timedelta():
                return True
            with suppress(TimeoutError):
                seconds = min(left, MAX_SLEEP).total_seconds()
                await asyncio.wait_for(self._stopping.wait(), seconds)
        return False
