"""Works off a message: makes a preview, executes it, or undoes it, to its end or hands over."""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from errors import LeaseLost, LedgerError, PermissionMissing, Stuck
from graph.errors import permission_remedy
from graph.group_members import member_ids
from graph.permissions import needs_of
from imports.lease import held_lease
from monitor.handover import OutOfTime, hand_over
from monitor.recorder import RunRecorder
from monitor.run import FINISHED, RunError
from portals.connection import connected
from reclamation.evidence import gather_evidence
from reclamation.execution import Execution
from reclamation.journal import Journal
from reclamation.messages import QUEUE, Action, ReclamationMessage
from reclamation.model import ItemState, Reclamation, ReclamationState
from reclamation.preview import prepare
from reclamation.sending import Stalled, is_transient, stalled_by
from reclamation.service import allowing_portal, end_early, ended_as
from reclamation.undo import Undo

if TYPE_CHECKING:
    from composition import Ledger
    from graph.client import GraphClient
    from identifiers import UserId
    from portals.model import Portal

# A reclamation writes to a portal beside its imports, but never beside another one.
LEASE_KIND = "lease-reclamation"
LEASE_WAIT_SECONDS = 10
MAX_STALLS = 10
UNDER_WAY: dict[Action, ReclamationState] = {
    "preview": "preparing",
    "execute": "executing",
    "undo": "undoing",
}
# What is not as it was asked for when a run has ended.
_LEFT: dict[Action, tuple[ItemState, ...]] = {
    "preview": (),
    "execute": ("failed", "unconfirmed", "planned"),
    "undo": ("not_restored", "restoring"),
}


async def work_off(ledger: Ledger, message: ReclamationMessage, *, worker: str) -> None:
    """Does what the message asks, to its end, to the time budget, or to where it stalls.

    What the tenant or the portal forbids ends the run as failed, and is
    settled. Storage failures and defects are raised, for the host to try the
    message again.
    """
    run = await ledger.runs.get(message.run_id)
    if run.state in FINISHED:
        return
    reclamation = await ledger.reclamations.get(message.reclamation_id)
    recorder = RunRecorder(ledger.runs, run, ledger.clock)
    if reclamation.state != UNDER_WAY[message.action]:
        # the worker before ended it, and did not live to say so
        await _finish_run(message, reclamation, recorder)
        return
    async with recorder.at_work():
        await _attempt(ledger, message, reclamation, recorder, worker)


async def _attempt(
    ledger: Ledger,
    message: ReclamationMessage,
    reclamation: Reclamation,
    recorder: RunRecorder,
    worker: str,
) -> None:
    run = recorder.run
    journal = Journal(ledger, reclamation, message.run_id, run.requested_by or "unknown", recorder)
    try:
        async with held_lease(
            ledger.sync_state,
            reclamation.portal_id,
            worker=worker,
            run_id=message.run_id,
            clock=ledger.clock,
            seconds=ledger.settings.lease_seconds,
            kind=_lease_kind(message),
        ):
            await recorder.start()
            await _work(ledger, message, reclamation, journal, recorder)
    except LeaseLost:
        await _hand_over(ledger, message, recorder, LEASE_WAIT_SECONDS, message.stalls)
    except OutOfTime:
        await _hand_over(ledger, message, recorder, 0, 0)
    except Stalled as stalled:
        await _wait(ledger, message, recorder, stalled, journal)
    except LedgerError as failure:
        if failure.status == 503:
            raise
        if is_transient(failure):
            await _wait(ledger, message, recorder, stalled_by(failure), journal)
        else:
            await end_early(ledger, message)
            await recorder.fail(failure)


def _lease_kind(message: ReclamationMessage) -> str:
    # previews only read, so that each needs to be alone with itself
    if message.action == "preview":
        return f"{LEASE_KIND}-{message.reclamation_id}"
    return LEASE_KIND


async def _work(
    ledger: Ledger,
    message: ReclamationMessage,
    reclamation: Reclamation,
    journal: Journal,
    recorder: RunRecorder,
) -> None:
    portal = await allowing_portal(ledger, reclamation.portal_id)
    deadline = time.monotonic() + ledger.settings.import_time_budget_seconds

    async def check() -> None:
        await recorder.flush()
        await allowing_portal(ledger, reclamation.portal_id)

    def out_of_time() -> bool:
        return time.monotonic() > deadline

    if message.action == "preview":
        members = await _excluded_members(ledger, portal, reclamation, recorder)
        prepared = await prepare(
            ledger, reclamation, members, portal.exclusions, recorder, out_of_time
        )
        validity = timedelta(hours=ledger.settings.reclamation_validity_hours)
        ended = msgspec.structs.replace(
            prepared, state="ready", expires_at=ledger.clock() + validity
        )
    else:
        async with connected(ledger, portal, recorder) as graph:
            await _check_permission(graph)
            if message.action == "execute":
                members = await _members(graph, reclamation)
                evidence = await gather_evidence(ledger, reclamation.portal_id)
                execution = Execution(
                    ledger, graph, portal, reclamation, evidence, members, journal
                )
                await execution.run(check, out_of_time)
            else:
                undo = Undo(ledger, graph, reclamation, journal, again=message.attempt == 1)
                await undo.run(check, out_of_time)
        ended = await ended_as(
            ledger, reclamation, "executed" if message.action == "execute" else "undone"
        )
    await ledger.reclamations.save(ended)
    await _finish_run(message, ended, recorder)


async def _finish_run(
    message: ReclamationMessage, reclamation: Reclamation, recorder: RunRecorder
) -> None:
    left = {
        state: number
        for state in _LEFT[message.action]
        if (number := reclamation.account.get(state, 0))
    }
    if not left:
        await recorder.finish("Succeeded")
        return
    told = ", ".join(f"{number} {state.replace('_', ' ')}" for state, number in left.items())
    await recorder.finish(
        "PartiallySucceeded",
        RunError(
            code="reclamation_incomplete",
            message=f"Not everything was done: {told}.",
            remedy="Look at these items of the reclamation; each says what stood in its way.",
        ),
    )


async def _check_permission(graph: GraphClient) -> None:
    roles = await graph.roles()
    for need in needs_of(["reclamation"]):
        if not need.optional and need.granted_by(roles) is None:
            raise PermissionMissing(need.permission, remedy=permission_remedy(need.permission))


async def _excluded_members(
    ledger: Ledger, portal: Portal, reclamation: Reclamation, recorder: RunRecorder
) -> Collection[UserId]:
    if not reclamation.exclusions.group_ids:
        return ()
    async with connected(ledger, portal, recorder) as graph:
        return await _members(graph, reclamation)


async def _members(graph: GraphClient, reclamation: Reclamation) -> Collection[UserId]:
    found: set[UserId] = set()
    for group_id in reclamation.exclusions.group_ids:
        found |= await member_ids(graph, group_id)
    return found


async def _wait(
    ledger: Ledger,
    message: ReclamationMessage,
    recorder: RunRecorder,
    stalled: Stalled,
    journal: Journal,
) -> None:
    stalls = 0 if journal.settled else message.stalls + 1
    if stalls >= MAX_STALLS:
        await end_early(ledger, message)
        await recorder.fail(stalled.error)
        return
    recorder.log("warning", f"Goes on in {stalled.delay_seconds} seconds: {stalled.error.message}")
    await _hand_over(ledger, message, recorder, stalled.delay_seconds, stalls)


async def _hand_over(
    ledger: Ledger,
    message: ReclamationMessage,
    recorder: RunRecorder,
    delay_seconds: int,
    stalls: int,
) -> None:
    handed_over = msgspec.structs.replace(message, stalls=stalls)
    try:
        await hand_over(
            ledger.queue,
            QUEUE,
            handed_over,
            recorder,
            code="reclamation_stuck",
            delay_seconds=delay_seconds,
        )
    except Stuck as stuck:
        await end_early(ledger, message)
        await recorder.fail(stuck)
