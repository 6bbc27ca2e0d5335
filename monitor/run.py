"""A run: one execution of a task, with state, counts, log and error."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from identifiers import PortalId, RunId

Task = Literal[
    "connection_test",
    "import",
    "recalculation",
    "reclamation",
    "erasure",
    "usage",
    "consolidation",
]
Trigger = Literal["timer", "manual", "queue"]
State = Literal["Queued", "Running", "Succeeded", "PartiallySucceeded", "Failed"]
FINISHED: frozenset[State] = frozenset({"Succeeded", "PartiallySucceeded", "Failed"})
MAX_LOG_LINES = 200
# How long after it a run may still ask for others.
CHILDREN_WINDOW = timedelta(minutes=15)


class RunError(msgspec.Struct, frozen=True):
    """Why a run failed, in the words of the error catalogue."""

    code: str
    message: str
    remedy: str
    microsoft_code: str | None = None
    microsoft_message: str | None = None
    request_id: str | None = None


class LogLine(msgspec.Struct, frozen=True):
    """One line of a run's log."""

    at: datetime
    level: Literal["info", "warning", "error"]
    text: str


class Run(msgspec.Struct, frozen=True):
    """One execution of a task.

    `parent_run_id` is the run that asked for this one: the batch over many
    portals, or the recalculation that imports first. `counts` are named in
    snake_case, e.g. `contacts_added`, `graph_requests`, `graph_retries`.
    `requested_by` is whom a manual run was asked for by, None for the timers.
    """

    run_id: RunId
    task: Task
    trigger: Trigger
    state: State
    created_at: datetime
    portal_id: PortalId | None = None
    portal_name: str | None = None
    parent_run_id: RunId | None = None
    child_count: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    attempts: int = 0
    requested_by: str | None = None
    counts: dict[str, int] = {}
    error: RunError | None = None
    log: tuple[LogLine, ...] = ()


def new_run_id(now: datetime) -> RunId:
    """A UUIDv7: its first 48 bits are the milliseconds of `now`, so storage can find its month."""
    milliseconds = int(now.timestamp() * 1000)
    tail = secrets.token_bytes(10)
    raw = bytearray(milliseconds.to_bytes(6, "big") + tail)
    raw[6] = 0x70 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    text = raw.hex()
    return RunId(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")


def new_run(
    task: Task,
    trigger: Trigger,
    now: datetime,
    *,
    portal_id: PortalId | None = None,
    portal_name: str | None = None,
    parent_run_id: RunId | None = None,
    requested_by: str | None = None,
) -> Run:
    """A run that nobody has begun to work on."""
    return Run(
        new_run_id(now),
        task,
        trigger,
        "Queued",
        now,
        portal_id=portal_id,
        portal_name=portal_name,
        parent_run_id=parent_run_id,
        requested_by=requested_by,
    )


def new_parent(
    task: Task,
    trigger: Trigger,
    child_count: int,
    now: datetime,
    requested_by: str | None = None,
) -> Run:
    """The run that stands for several of the same task; without any it has ended already."""
    return Run(
        new_run_id(now),
        task,
        trigger,
        "Queued" if child_count else "Succeeded",
        now,
        child_count=child_count,
        finished_at=None if child_count else now,
        requested_by=requested_by,
    )


def created_at(run_id: RunId) -> datetime:
    """When the run was created, read from its ID; to the millisecond."""
    return datetime.fromtimestamp(int(run_id.replace("-", "")[:12], 16) / 1000, UTC)
