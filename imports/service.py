"""Imports one portal: gather, reconcile, apply; and starts imports."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from compliance.messages import QUEUE as RECALCULATIONS
from compliance.messages import RecalculationMessage
from compliance.queueing import recalculate_soon
from consolidation.queueing import queue_consolidation
from errors import Conflict, LeaseLost, NotFound, Stuck
from identifiers import PortalId, RunId
from imports.lease import held_lease
from imports.messages import QUEUE, ImportMessage
from monitor.handover import LEASE_WAIT_SECONDS, OutOfTime, hand_over
from monitor.parents import parent_run
from monitor.queueing import queue_run
from monitor.recorder import RunRecorder
from monitor.run import FINISHED, Run, Trigger, new_parent, new_run
from telemetry.signals import count

if TYPE_CHECKING:
    from composition import Ledger
    from portals.model import Portal


async def start_import(
    ledger: Ledger,
    portal_id: PortalId,
    trigger: Trigger,
    *,
    clean: bool = False,
    repository: str | None = None,
    parent_run_id: RunId | None = None,
    then_recalculate: RunId | None = None,
    requested_by: str | None = None,
) -> Run:
    """Queues a portal's import and returns its run.

    If the portal is being imported at this moment, a manual start returns
    that run instead. `repository` is where this import and later ones file
    the portal. Raises NotFound, and Conflict for a disabled portal.
    """
    portal = await ledger.portals.get(portal_id)
    if not portal.enabled:
        raise Conflict(
            f"Portal {portal.name} is disabled.",
            remedy="Enable the portal, then start the import.",
            code="portal_disabled",
        )
    portal = await _filed(ledger, portal, repository)
    if parent_run_id is None and then_recalculate is None and not clean:
        lease = await ledger.sync_state.current_lease(portal_id, ledger.clock())
        if lease is not None:
            running = await ledger.runs.get(lease.run_id)
            # an import that has ended keeps the lease for another moment; erasing takes it too
            if running.task == "import" and running.state not in FINISHED:
                return running
    return await _queue_import(
        ledger, portal, trigger, clean, parent_run_id, then_recalculate, requested_by
    )


async def start_imports(
    ledger: Ledger,
    portal_ids: Sequence[PortalId] | None,
    trigger: Trigger,
    *,
    clean: bool = False,
    repository: str | None = None,
    requested_by: str | None = None,
) -> Run:
    """Queues the import of several portals, or of all enabled ones, under one parent run.

    Raises NotFound or Conflict, before anything is queued, if one of
    `portal_ids` does not exist or is disabled.
    """
    if portal_ids is None:
        portals = [portal for portal in await ledger.portals.list() if portal.enabled]
    else:
        portals = [await ledger.portals.get(portal_id) for portal_id in dict.fromkeys(portal_ids)]
        disabled = [portal.name for portal in portals if not portal.enabled]
        if disabled:
            raise Conflict(
                f"Disabled portals cannot be imported: {', '.join(disabled)}.",
                remedy="Enable them, or leave them out.",
                code="portal_disabled",
            )
    parent = new_parent("import", trigger, len(portals), ledger.clock(), requested_by)
    async with parent_run(ledger.runs, parent, ledger.clock) as queued:
        for portal in portals:
            portal = await _filed(ledger, portal, repository)
            run = await _queue_import(
                ledger, portal, trigger, clean, parent.run_id, None, requested_by
            )
            queued.append(run.run_id)
    return parent


async def _filed(ledger: Ledger, portal: Portal, repository: str | None) -> Portal:
    if repository is None or portal.repository == repository:
        return portal
    filed = msgspec.structs.replace(portal, repository=repository)
    return await ledger.portals.update(filed, etag=None)


async def _queue_import(
    ledger: Ledger,
    portal: Portal,
    trigger: Trigger,
    clean: bool,
    parent_run_id: RunId | None,
    then_recalculate: RunId | None,
    requested_by: str | None,
) -> Run:
    run = new_run(
        "import",
        trigger,
        ledger.clock(),
        portal_id=portal.portal_id,
        portal_name=portal.name,
        parent_run_id=parent_run_id,
        requested_by=requested_by,
    )
    message = ImportMessage(
        portal.portal_id, run.run_id, clean=clean, then_recalculate=then_recalculate
    )
    await queue_run(ledger, run, QUEUE, message)
    return run


async def import_portal(ledger: Ledger, message: ImportMessage, *, worker: str) -> None:
    """Imports the portal of a message, to the run's end or to a hand-over.

    What the tenant, the credential or the portal does wrong ends the run as
    failed, and is settled. A new message goes on when the time budget is spent,
    or when another worker is at the portal. Storage failures and defects are
    raised, for the host to try the message again.
    """
    # whoever only starts imports needs nothing of Graph
    from imports.tenant import import_tenant

    run = await ledger.runs.get(message.run_id)
    if run.state in FINISHED:
        # delivered again after its end: only what follows may be missing
        await continue_after(ledger, message)
        return
    recorder = RunRecorder(ledger.runs, run, ledger.clock)
    try:
        # both mean that another message goes on with it
        async with (
            recorder.at_work(expected=(LeaseLost, OutOfTime)),
            held_lease(
                ledger.sync_state,
                message.portal_id,
                worker=worker,
                run_id=message.run_id,
                clock=ledger.clock,
                seconds=ledger.settings.lease_seconds,
            ),
        ):
            await recorder.start()
            await import_tenant(ledger, message, recorder)
    except LeaseLost:
        count("ledger.lease_waits", portal_id=message.portal_id)
        await _hand_over(ledger, message, recorder, LEASE_WAIT_SECONDS)
        return
    except OutOfTime:
        recorder.log("info", "The time budget is spent; the import goes on in a new message.")
        await _hand_over(ledger, message, recorder, 0)
        return
    await continue_after(ledger, message)


async def continue_after(ledger: Ledger, message: ImportMessage) -> None:
    """Queues what waits for the import.

    A recalculation that waits for it follows whatever came of the import. If
    something was imported, one follows all the same, and the portal's
    repository if it is to be consolidated then.
    """
    run = await ledger.runs.get(message.run_id)
    imported = run.state in ("Succeeded", "PartiallySucceeded")
    if imported:
        await _consolidate_after(ledger, message)
    if message.then_recalculate is not None:
        following = RecalculationMessage(
            message.portal_id, message.then_recalculate, message.run_id
        )
        await ledger.queue.send(RECALCULATIONS, msgspec.json.encode(following))
    elif imported:
        with suppress(NotFound):
            await recalculate_soon(ledger, message.portal_id, None)


async def _consolidate_after(ledger: Ledger, message: ImportMessage) -> None:
    with suppress(NotFound):
        # the portal may have been deleted meanwhile
        portal = await ledger.portals.get(message.portal_id)
        if portal.consolidate_after_import:
            await queue_consolidation(
                ledger, portal.repository, "queue", imported=message.portal_id
            )


async def _hand_over(
    ledger: Ledger, message: ImportMessage, recorder: RunRecorder, delay_seconds: int
) -> None:
    try:
        await hand_over(
            ledger.queue, QUEUE, message, recorder, code="import_stuck", delay_seconds=delay_seconds
        )
    except Stuck as stuck:
        await recorder.fail(stuck)
        await continue_after(ledger, message)
