"""Runs that stand for several others: stored first, and told how many could be queued."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from errors import LedgerError
from identifiers import RunId
from monitor.recorder import RunRecorder
from monitor.run import Run, RunError

if TYPE_CHECKING:
    from storage.runs import RunStore


@asynccontextmanager
async def parent_run(
    store: RunStore, parent: Run, clock: Callable[[], datetime]
) -> AsyncIterator[list[RunId]]:
    """Stores the parent; the body queues its children, and adds them to the list.

    If the body fails, the parent waits for no more than those.
    """
    await store.create(parent)
    queued: list[RunId] = []
    try:
        yield queued
    except BaseException:
        # what the body failed of is told, whether or not storage takes this
        with suppress(LedgerError):
            await store.save(short_of_children(parent, len(queued), clock()))
        raise


@asynccontextmanager
async def sent_or_failed(
    store: RunStore,
    run: Run,
    clock: Callable[[], datetime],
    *,
    unless: tuple[type[LedgerError], ...] = (),
) -> AsyncIterator[None]:
    """Ends the run if the body cannot send its message, which nobody would work on.

    Errors of the classes `unless` are the caller's to settle.
    """
    try:
        yield
    except unless:
        raise
    except LedgerError as error:
        with suppress(LedgerError):
            await RunRecorder(store, run, clock).fail(error)
        raise


def short_of_children(parent: Run, children: int, now: datetime) -> Run:
    """The parent of so many children, fewer than it was meant to have."""
    return msgspec.structs.replace(
        parent,
        child_count=children,
        state=parent.state if children else "Failed",
        finished_at=None if children else now,
        error=RunError(
            code="children_missing",
            message=f"Only {children} of {parent.child_count} portals were queued.",
            remedy="Start it again for the others; the next timer does so by itself.",
        ),
    )
