"""Runs, the monitor: newest first, in a partition a month."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from errors import NotFound
from identifiers import PortalId, RunId
from monitor.run import CHILDREN_WINDOW, Run, State, Task, created_at
from storage.rows import record_of, row_of
from storage.tables import Page, Row, unusable_continuation

if TYPE_CHECKING:
    from storage.tables import Tables

TABLE = "Runs"
MONTHS_LISTED = 24
CHILDREN_WINDOW_MILLISECONDS = CHILDREN_WINDOW // timedelta(milliseconds=1)
_MONTH = re.compile(r"[0-9]{4}(0[1-9]|1[0-2])")
# A filter may match little in many months; the rest is for the page after.
_CALLS_A_PAGE = 12
# What is stored of such a run's state is older than its children's.
_ENDS_WITH_ITS_CHILDREN = "(ChildCount gt 0 and (State eq 'Queued' or State eq 'Running'))"
_LAST_MILLISECOND = 9_999_999_999_999


class _Position(msgspec.Struct, frozen=True, array_like=True):
    month: str
    within: str | None


class RunStore:
    """Runs by month; the run ID tells the month, since it begins with its time."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def create(self, run: Run) -> None:
        """Stores a new run."""
        await self.save(run)

    async def save(self, run: Run) -> None:
        """Stores the run as it is now."""
        table = await self._tables.table(TABLE)
        partition, row = _keys(run.run_id)
        await self._tables.submit(table, [("upsert", row_of(run, partition, row))])

    async def get(self, run_id: RunId) -> Run:
        """One run. Raises NotFound."""
        table = await self._tables.table(TABLE)
        try:
            keys = _keys(run_id)
        except (ValueError, OverflowError) as error:
            # a GUID that begins with no time we can know is not one of ours
            raise _unknown(run_id) from error
        row = await self._tables.get(table, *keys)
        if row is None:
            raise _unknown(run_id)
        return record_of(row, Run)

    async def list_page(
        self,
        *,
        now: datetime,
        top: int,
        continuation: str | None,
        task: Task | None = None,
        portal_id: PortalId | None = None,
        state: State | None = None,
        parent_run_id: RunId | None = None,
    ) -> Page[Run]:
        """Runs that match, newest first, of the last 24 months.

        With a `state` come also those whose state follows from their children.
        A page may be short, or empty, and still continue.
        """
        position = _position(continuation, now)
        table = await self._tables.table(TABLE)
        conditions, parameters = ["PartitionKey eq @month"], {"month": position.month}
        for column, value in (
            ("Task", task),
            ("PortalId", portal_id),
            ("ParentRunId", parent_run_id),
        ):
            if value is not None:
                conditions.append(f"{column} eq @{column.lower()}")
                parameters[column.lower()] = str(value)
        if state is not None:
            conditions.append(f"(State eq @state or {_ENDS_WITH_ITS_CHILDREN})")
            parameters["state"] = state
        oldest = _months_before(_month(now), MONTHS_LISTED)
        rows: list[Row] = []
        month, within = position.month, position.within
        for _ in range(_CALLS_A_PAGE):
            page = await self._tables.query_page(
                table,
                " and ".join(conditions),
                {**parameters, "month": month},
                top=top - len(rows),
                continuation=within,
            )
            rows += page.items
            if page.continuation is not None:
                within = page.continuation
            else:
                month, within = _months_before(month, 1), None
            if month <= oldest:
                return Page([record_of(row, Run) for row in rows], None)
            if len(rows) >= top:
                break
        following = msgspec.json.encode(_Position(month, within)).decode()
        return Page([record_of(row, Run) for row in rows], following)

    async def unfinished(self, *, since: datetime, until: datetime) -> Sequence[Run]:
        """Runs created between the two that have not ended, but for those that have children."""
        table = await self._tables.table(TABLE)
        newest = _row_prefix(int(until.timestamp() * 1000))
        oldest = _row_prefix(int(since.timestamp() * 1000))
        return [
            run
            for month in dict.fromkeys((_month(since), _month(until)))
            async for row in self._tables.query(
                table,
                "PartitionKey eq @month and RowKey ge @newest and RowKey lt @oldest"
                " and ( State eq @queued or State eq @running )",
                {
                    "month": month,
                    "newest": newest,
                    "oldest": oldest,
                    "queued": "Queued",
                    "running": "Running",
                },
            )
            if (run := record_of(row, Run)).child_count == 0
        ]

    async def children(self, parent: Run) -> Sequence[Run]:
        """The runs that `parent` asked for: begun within a quarter of an hour after it."""
        table = await self._tables.table(TABLE)
        began = _milliseconds(parent.run_id)
        ended = began + CHILDREN_WINDOW_MILLISECONDS
        months = dict.fromkeys((_month(_moment(began)), _month(_moment(ended))))
        rows: list[Row] = []
        for month in months:
            rows += [
                row
                async for row in self._tables.query(
                    table,
                    "PartitionKey eq @month and RowKey ge @newest and RowKey le @oldest"
                    " and ParentRunId eq @parent",
                    {
                        "month": month,
                        "newest": _row_prefix(ended),
                        "oldest": _row_prefix(began) + "~",
                        "parent": parent.run_id,
                    },
                )
            ]
        return [record_of(row, Run) for row in rows]


def _unknown(run_id: RunId) -> NotFound:
    return NotFound(f"There is no run {run_id}.", remedy="List the runs for those there are.")


def _keys(run_id: RunId) -> tuple[str, str]:
    milliseconds = _milliseconds(run_id)
    return _month(_moment(milliseconds)), f"{_row_prefix(milliseconds)}-{run_id}"


def _milliseconds(run_id: RunId) -> int:
    return int(created_at(run_id).timestamp() * 1000)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _row_prefix(milliseconds: int) -> str:
    return f"{_LAST_MILLISECOND - milliseconds:013d}"


def _month(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m")


def _months_before(month: str, number: int) -> str:
    index = int(month[:4]) * 12 + int(month[4:]) - 1 - number
    return f"{index // 12:04d}{index % 12 + 1:02d}"


def _position(continuation: str | None, now: datetime) -> _Position:
    if continuation is None:
        return _Position(_month(now), None)
    try:
        position = msgspec.json.decode(continuation, type=_Position)
    except msgspec.DecodeError as error:
        raise unusable_continuation() from error
    # a month to come would be walked back from, empty month by empty month
    if not _MONTH.fullmatch(position.month) or position.month > _month(now):
        raise unusable_continuation()
    return position
