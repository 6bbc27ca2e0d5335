"""Ends runs that nothing works on: their message was never stored, or their worker died."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from compliance.messages import QUEUE as RECALCULATIONS
from consolidation.messages import QUEUE as CONSOLIDATIONS
from errors import LedgerError
from imports.messages import QUEUE as IMPORTS
from monitor.recorder import RunRecorder
from reclamation.messages import QUEUE as RECLAMATIONS
from usage.messages import QUEUE as USAGE

if TYPE_CHECKING:
    from composition import Ledger

# A message is on its way to its queue for seconds at most; an HTTP call may take minutes.
SILENCE = timedelta(minutes=15)
_LOOKED_BACK = timedelta(hours=12)
_QUEUES = (IMPORTS, RECALCULATIONS, RECLAMATIONS, USAGE, CONSOLIDATIONS)


async def end_orphans(ledger: Ledger) -> int:
    """Ends unfinished runs of the last hours while every queue is empty; returns how many.

    A message that is being worked on still counts in its queue, so with all of
    them empty nobody will come back to a run. Runs that stand for others
    follow those.
    """
    now = ledger.clock()
    for queue in _QUEUES:
        if await ledger.queue.length(queue):
            return 0
    ended = 0
    for run in await ledger.runs.unfinished(since=now - _LOOKED_BACK, until=now - SILENCE):
        await RunRecorder(ledger.runs, run, ledger.clock).fail(
            LedgerError(
                "Nothing works on the run: its message was never queued, or its worker died.",
                remedy="Start it again. If it happens often, look at the storage account's "
                "availability and at crashes in Application Insights.",
                code="run_lost",
            )
        )
        ended += 1
    return ended
