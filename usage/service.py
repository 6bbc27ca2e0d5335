"""Finds out what the contacts of a portal use: starts usage runs, and executes them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from compliance.queueing import recalculate_soon
from errors import Conflict, GraphError, LeaseLost, LedgerError, Stuck
from identifiers import PortalId, RunId, UserId
from imports.lease import held_lease
from monitor.handover import LEASE_WAIT_SECONDS, OutOfTime, hand_over
from monitor.parents import parent_run
from monitor.queueing import queue_run
from monitor.recorder import RunRecorder
from monitor.run import FINISHED, Run, RunError, Trigger, new_parent, new_run
from portals.connection import connected
from usage.figures import sum_up
from usage.messages import LEASE_KIND, QUEUE, UsageMessage
from usage.model import USAGE_TASKS, UsageStatus

if TYPE_CHECKING:
    from composition import Ledger
    from graph.client import GraphClient
    from portals.model import Portal
    from usage.journal import Found
    from usage.model import PremiumUse

CONCEALED = RunError(
    code="report_names_concealed",
    message="The tenant hides the names of users in its reports, so nothing of them was kept.",
    remedy="In the Microsoft 365 admin center, under Settings, Org settings, Reports, turn off "
    "“Display concealed user, group, and site names in all reports”; then start the task again.",
)


async def start_usage(
    ledger: Ledger,
    portal_id: PortalId,
    trigger: Trigger,
    *,
    requested_by: str | None = None,
) -> Run:
    """Queues a portal's usage run and returns it; one that is going on is returned instead.

    Raises NotFound, and Conflict for a portal that is disabled, has no usage
    task switched on, or was never imported.
    """
    portal = await ledger.portals.get(portal_id)
    if not portal.enabled:
        raise Conflict(
            f"Portal {portal.name} is disabled.",
            remedy="Enable the portal, then start the task.",
            code="portal_disabled",
        )
    if not portal.tasks:
        raise Conflict(
            f"Portal {portal.name} has no usage task switched on.",
            remedy="PATCH the portal with tasks: roster, access, sign_ins, devices.",
            code="no_usage_task",
        )
    if await ledger.sync_state.summary(portal_id) is None:
        raise not_imported(portal)
    lease = await ledger.sync_state.current_lease(portal_id, ledger.clock(), kind=LEASE_KIND)
    if lease is not None:
        return await ledger.runs.get(lease.run_id)
    return await _queue_usage(ledger, portal, trigger, None, requested_by)


def not_imported(portal: Portal) -> Conflict:
    """The error for a portal whose contacts are not known yet."""
    return Conflict(
        f"Portal {portal.name} was never imported, so nobody is known to whom usage belongs.",
        remedy="Import the portal first.",
        code="not_imported",
    )


async def start_all_usage(ledger: Ledger) -> Run | None:
    """Queues the usage run of every enabled portal with a task switched on and an import.

    Returns their parent run, None if there is no such portal.
    """
    imported = {summary.portal_id async for summary in ledger.sync_state.summaries()}
    portals = [
        portal
        for portal in await ledger.portals.list()
        if portal.enabled and portal.tasks and portal.portal_id in imported
    ]
    if not portals:
        return None
    parent = new_parent("usage", "timer", len(portals), ledger.clock())
    async with parent_run(ledger.runs, parent, ledger.clock) as queued:
        for portal in portals:
            run = await _queue_usage(ledger, portal, "timer", parent.run_id, None)
            queued.append(run.run_id)
    return parent


async def _queue_usage(
    ledger: Ledger,
    portal: Portal,
    trigger: Trigger,
    parent_run_id: RunId | None,
    requested_by: str | None,
) -> Run:
    run = new_run(
        "usage",
        trigger,
        ledger.clock(),
        portal_id=portal.portal_id,
        portal_name=portal.name,
        parent_run_id=parent_run_id,
        requested_by=requested_by,
    )
    message = UsageMessage(portal.portal_id, run.run_id)
    await queue_run(ledger, run, QUEUE, message)
    return run


async def collect_usage(ledger: Ledger, message: UsageMessage, *, worker: str) -> None:
    """Executes the usage run of a message.

    What the tenant, the credential or the portal does wrong ends the run as
    failed, and is settled; what was known before stays. A new message goes on
    with it when its time budget is spent, or when another worker is at the
    portal. Storage failures and defects are raised.
    """
    run = await ledger.runs.get(message.run_id)
    if run.state in FINISHED:
        return
    recorder = RunRecorder(ledger.runs, run, ledger.clock)
    async with recorder.at_work():
        await _attempt(ledger, message, recorder, worker)


async def _attempt(
    ledger: Ledger, message: UsageMessage, recorder: RunRecorder, worker: str
) -> None:
    try:
        async with held_lease(
            ledger.sync_state,
            message.portal_id,
            worker=worker,
            run_id=message.run_id,
            clock=ledger.clock,
            seconds=ledger.settings.lease_seconds,
            kind=LEASE_KIND,
        ):
            await recorder.start()
            await _settled(ledger, message, recorder)
    except LeaseLost:
        await _hand_over(ledger, message, recorder, LEASE_WAIT_SECONDS)
        return
    except OutOfTime:
        recorder.log("info", "The time budget is spent; the run goes on in a new message.")
        await _hand_over(ledger, message, recorder, 0)
        return
    if recorder.run.state != "Failed":
        # who is inactive, and what would do instead, follows from this run
        await recalculate_soon(ledger, message.portal_id, None)


async def _hand_over(
    ledger: Ledger, message: UsageMessage, recorder: RunRecorder, delay_seconds: int
) -> None:
    try:
        await hand_over(
            ledger.queue,
            QUEUE,
            message,
            recorder,
            code="usage_stuck",
            delay_seconds=delay_seconds,
        )
    except Stuck as stuck:
        await recorder.fail(stuck)


async def _settled(ledger: Ledger, message: UsageMessage, recorder: RunRecorder) -> None:
    try:
        portal = await ledger.portals.get(message.portal_id)
        async with connected(ledger, portal, recorder) as graph:
            found = await _collect(ledger, portal, graph, recorder)
    except LeaseLost:
        raise
    except LedgerError as failure:
        if failure.status == 503:
            raise
        await ledger.usage.forget_progress(message.portal_id)
        await recorder.fail(failure)
    else:
        error = _shortcoming(found)
        if found.concealed:
            recorder.log("warning", f"{CONCEALED.message} {CONCEALED.remedy}")
        await recorder.finish("PartiallySucceeded" if error else "Succeeded", error)


def _shortcoming(found: Found) -> RunError | None:
    if found.concealed:
        return CONCEALED
    if not found.unavailable:
        return None
    lacked = dict.fromkeys(found.unavailable.values())
    tasks = ", ".join(found.unavailable)
    return RunError(
        code="usage_task_unavailable",
        message=f"Unavailable for want of {', '.join(lacked)}: {tasks}.",
        remedy="Grant the app registration what is missing, with admin consent, or switch the "
        "tasks off. A license of that name is bought for the tenant.",
    )


async def _collect(
    ledger: Ledger, portal: Portal, graph: GraphClient, recorder: RunRecorder
) -> Found:
    imported = await ledger.sync_state.summary(portal.portal_id)
    if imported is None:
        raise not_imported(portal)
    # whoever only starts or asks needs nothing of Graph
    from usage.collect import Collector
    from usage.journal import Journal

    began, budget = time.monotonic(), ledger.settings.import_time_budget_seconds
    journal = Journal(
        ledger.usage,
        portal.portal_id,
        recorder.run.run_id,
        lambda: (time.monotonic() - began) / budget,
    )
    nameless = ledger.settings.pseudonymous
    with Collector(graph, portal.report_period, recorder, journal, nameless=nameless) as collector:
        await collector.read(portal.tasks)
        await collector.join(_names(ledger, portal, graph))
        found = collector.found
        status = UsageStatus(
            portal.portal_id,
            ledger.clock(),
            recorder.run.run_id,
            portal.report_period,
            tuple(task for task in USAGE_TASKS if task in found.tasks),
            found.refreshed_on,
            found.concealed,
            found.unavailable,
            await _premium_use(graph, recorder) if "access" in portal.tasks else None,
        )
        devices = await ledger.usage.devices.replace(
            portal.portal_id, collector.devices(), expected=imported.contact_count
        )
        users = await ledger.usage.replace(
            status, collector.usages(), contact_count=imported.contact_count
        )
    recorder.set_count("contacts_with_usage", users)
    recorder.set_count("devices", devices)
    await sum_up(ledger, status)
    await journal.close()
    return found


async def _premium_use(graph: GraphClient, recorder: RunRecorder) -> PremiumUse | None:
    """The use of premium features; Graph's beta owes nobody an answer, so it may fail."""
    from graph.premium import premium_use

    try:
        return await premium_use(graph)
    except GraphError as error:
        recorder.log("info", f"The use of premium features cannot be read: {error.message}")
        return None


async def _names(
    ledger: Ledger, portal: Portal, graph: GraphClient
) -> AsyncIterator[list[tuple[str, UserId]]]:
    """The names and IDs of all users; Graph's where the ledger stores nobody by name."""
    if ledger.settings.pseudonymous:
        from graph.users import user_pages

        async for page in user_pages(graph, fields=["id", "userPrincipalName"]):
            yield [(user.user_principal_name or "", user.id) for user in page.value]
        return
    async for block in ledger.contacts.blocks(portal.portal_id):
        yield [(contact.user_principal_name, contact.user_id) for contact in block]
