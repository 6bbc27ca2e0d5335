"""Asks for the consolidation of a repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from consolidation.messages import QUEUE, ConsolidationMessage
from identifiers import PortalId
from monitor.parents import sent_or_failed
from monitor.run import Run, Trigger, new_run_id

if TYPE_CHECKING:
    from composition import Ledger


async def queue_consolidation(
    ledger: Ledger,
    repository: str,
    trigger: Trigger,
    *,
    imported: PortalId | None = None,
    requested_by: str | None = None,
) -> Run:
    """Queues the consolidation and returns its run."""
    now = ledger.clock()
    run = Run(new_run_id(now), "consolidation", trigger, "Queued", now, requested_by=requested_by)
    await ledger.runs.create(run)
    message = ConsolidationMessage(repository, run.run_id, imported)
    async with sent_or_failed(ledger.runs, run, ledger.clock):
        await ledger.queue.send(QUEUE, msgspec.json.encode(message))
    return run
