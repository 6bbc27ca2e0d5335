"""Asks for the consolidation of a repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consolidation.messages import QUEUE, ConsolidationMessage
from identifiers import PortalId, RunId
from monitor.queueing import queue_run
from monitor.run import Run, Trigger, new_run
from monitor.waiting import remember_waiting, waiting_run

if TYPE_CHECKING:
    from composition import Ledger

# Names, with the repository, the consolidation that a change of a portal has asked for.
PENDING_KIND = "consolidation-pending-"


async def consolidate_soon(
    ledger: Ledger, repository: str, portal_id: PortalId, requested_by: str | None
) -> RunId:
    """Queues the consolidation; several changes of a portal share the one that still waits."""
    kind = f"{PENDING_KIND}{repository}"
    waiting = await waiting_run(ledger, portal_id, kind)
    if waiting is not None:
        return waiting
    run = await queue_consolidation(ledger, repository, "queue", requested_by=requested_by)
    await remember_waiting(ledger, portal_id, kind, run.run_id)
    return run.run_id


async def queue_consolidation(
    ledger: Ledger,
    repository: str,
    trigger: Trigger,
    *,
    imported: PortalId | None = None,
    requested_by: str | None = None,
) -> Run:
    """Queues the consolidation and returns its run."""
    run = new_run("consolidation", trigger, ledger.clock(), requested_by=requested_by)
    message = ConsolidationMessage(repository, run.run_id, imported)
    await queue_run(ledger, run, QUEUE, message)
    return run
