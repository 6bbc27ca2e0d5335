"""Asks for the recalculation of a portal whose figures are to follow what has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compliance.messages import QUEUE, RecalculationMessage
from compliance.subject import subject
from identifiers import PortalId, RunId
from monitor.queueing import queue_run
from monitor.run import new_run
from monitor.waiting import remember_waiting, waiting_run

if TYPE_CHECKING:
    from composition import Ledger

# Names the recalculation that a change has asked for, while it waits.
PENDING_KIND = "spend-pending"


async def recalculate_soon(ledger: Ledger, portal_id: PortalId, requested_by: str | None) -> RunId:
    """Queues a recalculation of the portal; several changes share the one that still waits.

    Raises NotFound for a portal that never existed.
    """
    waiting = await waiting_run(ledger, portal_id, PENDING_KIND)
    if waiting is not None:
        return waiting
    portal = await subject(ledger, portal_id)
    run = new_run(
        "recalculation",
        "queue",
        ledger.clock(),
        portal_id=portal_id,
        portal_name=portal.name,
        requested_by=requested_by,
    )
    message = RecalculationMessage(portal_id, run.run_id)
    await queue_run(ledger, run, QUEUE, message)
    await remember_waiting(ledger, portal_id, PENDING_KIND, run.run_id)
    return run.run_id
