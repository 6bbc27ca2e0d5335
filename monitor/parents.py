"""Runs that stand for several others: stored first, and told how many could be queued."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from errors import LedgerError
from identifiers import RunId
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
