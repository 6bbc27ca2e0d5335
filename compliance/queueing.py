"""Asks for the recalculation of a portal whose figures are to follow what has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from compliance.messages import QUEUE, RecalculationMessage
from compliance.subject import subject
from identifiers import PortalId, RunId
from monitor.parents import sent_or_failed
from monitor.run import Run, new_run_id
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
    now = ledger.clock()
    run = Run(
        new_run_id(now),
        "recalculation",
        "queue",
        "Queued",
        now,
        portal_id=portal_id,
        portal_name=portal.name,
        requested_by=requested_by,
    )
    await ledger.runs.create(run)
    message = RecalculationMessage(portal_id, run.run_id)
    async with sent_or_failed(ledger.runs, run, ledger.clock):
        await ledger.queue.send(QUEUE, msgspec.json.encode(message))
    await remember_waiting(ledger, portal_id, PENDING_KIND, run.run_id)
    return run.run_id
