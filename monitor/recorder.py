"""Writes down a run while it goes on: state, counts, log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from errors import GraphError, LedgerError
from monitor.run import FINISHED, MAX_LOG_LINES, LogLine, Run, RunError, State
from telemetry.signals import count, run_ended, span

if TYPE_CHECKING:
    from storage.runs import RunStore

_CALLS = ("graph_requests", "graph_retries", "graph_throttled")


def run_error(error: LedgerError) -> RunError:
    """An error as a run tells it."""
    graph = error if isinstance(error, GraphError) else None
    return RunError(
        code=error.code,
        message=error.message,
        remedy=error.remedy,
        microsoft_code=graph.microsoft_code if graph else None,
        microsoft_message=graph.microsoft_message if graph else None,
        request_id=graph.request_id if graph else None,
    )


class RunRecorder:
    """Collects what a run has to tell, and stores it at its start, on flush and at its end."""

    def __init__(self, store: RunStore, run: Run, clock: Callable[[], datetime]) -> None:
        self.run = run
        self._store = store
        self._clock = clock
        self._counts = dict(run.counts)
        self._log = list(run.log)

    @asynccontextmanager
    async def at_work(
        self, *, expected: tuple[type[BaseException], ...] = ()
    ) -> AsyncIterator[None]:
        """Around a delivery's work on the run: a span, on which the run's end is told.

        What breaks off by an error that is not `expected` has still asked Graph:
        these calls are kept, if storage takes them, for the next delivery to
        count on from.
        """
        run = self.run
        of_portal = {"portal_id": run.portal_id} if run.portal_id is not None else {}
        with span(run.task, expected=expected, run_id=run.run_id, **of_portal):
            try:
                yield
            except expected:
                raise
            except Exception:
                with suppress(LedgerError):
                    await self._keep_calls()
                raise

    async def _keep_calls(self) -> None:
        """Adds the calls since the last flush, and nothing else: what is redone tells the rest."""
        stored = await self._store.get(self.run.run_id)
        new = {
            name: self._counts[name] - self.run.counts.get(name, 0)
            for name in _CALLS
            if name in self._counts
        }
        if stored.state in FINISHED or not any(new.values()):
            return
        counts = {**stored.counts, **{n: stored.counts.get(n, 0) + new[n] for n in new}}
        await self._store.save(msgspec.structs.replace(stored, counts=counts))

    async def start(self) -> None:
        """Marks the run as running; another attempt at it counts up."""
        self.run = msgspec.structs.replace(
            self.run,
            state="Running",
            started_at=self.run.started_at or self._clock(),
            attempts=self.run.attempts + 1,
        )
        await self.flush()

    def log(self, level: Literal["info", "warning", "error"], text: str) -> None:
        """Adds a line; the first 200 are kept."""
        if len(self._log) < MAX_LOG_LINES:
            self._log.append(LogLine(self._clock(), level, text))

    def count(self, name: str, number: int) -> None:
        """Adds to a count."""
        self._counts[name] = self._counts.get(name, 0) + number

    def set_count(self, name: str, number: int) -> None:
        """Sets a count."""
        self._counts[name] = number

    async def flush(self) -> None:
        """Stores what there is so far."""
        self.run = msgspec.structs.replace(
            self.run, counts=dict(self._counts), log=tuple(self._log)
        )
        await self._store.save(self.run)

    async def finish(self, state: State, error: RunError | None = None) -> None:
        """Ends the run."""
        self.run = msgspec.structs.replace(
            self.run, state=state, error=error, finished_at=self._clock()
        )
        failure = error.code if error is not None and state == "Failed" else None
        run_ended(self.run.run_id, state, failure)
        await self.flush()

    async def fail(self, error: LedgerError) -> None:
        """Ends the run as failed, telling why."""
        self.log("error", error.message)
        count(
            "ledger.runs_failed",
            portal_id=self.run.portal_id or "",
            task=self.run.task,
            code=error.code,
        )
        await self.finish("Failed", run_error(error))
