"""What may be done with reclamations: preview, execute once, undo; and their early end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from errors import Conflict, InvalidInput, LedgerError, PreconditionFailed
from identifiers import PortalId, ReclamationId, SkuId
from monitor.recorder import RunRecorder
from monitor.run import FINISHED, Run, new_run, new_run_id
from reclamation.messages import QUEUE, Action, ReclamationMessage
from reclamation.model import (
    RESTORABLE_STATES,
    Exclusions,
    Reclamation,
    ReclamationState,
    Rule,
)

if TYPE_CHECKING:
    from composition import Ledger
    from portals.model import Portal

# What a reclamation becomes when its run ends before its end.
_ENDED_EARLY: dict[ReclamationState, ReclamationState] = {
    "preparing": "preview_failed",
    "executing": "stopped",
    "undoing": "stopped",
}


class PreviewRequest(msgspec.Struct, frozen=True):
    """What to preview; `sku_ids` None means all licenses of a user."""

    portal_id: PortalId
    sku_ids: tuple[SkuId, ...] | None
    rule: Rule
    exclusions: Exclusions


async def allowing_portal(ledger: Ledger, portal_id: PortalId) -> Portal:
    """The portal, if licenses may be taken back in it at this moment.

    Raises NotFound, and Conflict (portal_disabled, reclamation_not_allowed).
    """
    portal = await ledger.portals.get(portal_id)
    if not portal.enabled:
        raise Conflict(
            f"Portal {portal.name} is disabled.",
            remedy="Enable the portal first.",
            code="portal_disabled",
        )
    if not portal.reclamation_allowed:
        raise Conflict(
            f"Portal {portal.name} does not allow reclamation.",
            remedy="Set reclamationAllowed of the portal, and grant "
            "LicenseAssignment.ReadWrite.All to its app registration.",
            code="reclamation_not_allowed",
        )
    return portal


async def start_preview(
    ledger: Ledger, request: PreviewRequest, *, requested_by: str
) -> tuple[Reclamation, Run]:
    """Queues a preview of who would lose what.

    Raises InvalidInput, NotFound, Conflict (the portal forbids it, or was
    never imported).
    """
    portal = await allowing_portal(ledger, request.portal_id)
    if await ledger.sync_state.summary(portal.portal_id) is None:
        raise Conflict(
            f"Portal {portal.name} was never imported.",
            remedy="Import the portal; the preview goes by what was imported.",
        )
    await _check_licenses(ledger, request)
    now = ledger.clock()
    reclamation_id = ReclamationId(new_run_id(now))
    run = _new_run(ledger, portal, requested_by)
    rule = msgspec.structs.replace(request.rule, coverage_days=portal.inactive_days)
    reclamation = Reclamation(
        reclamation_id,
        portal.portal_id,
        portal.name,
        rule,
        request.exclusions,
        "preparing",
        now,
        now + timedelta(hours=ledger.settings.reclamation_validity_hours),
        requested_by,
        run.run_id,
        request.sku_ids,
    )
    await ledger.runs.create(run)
    created = await ledger.reclamations.create(reclamation)
    failed = msgspec.structs.replace(created, state="preview_failed")
    await _send(ledger, created, run, "preview", otherwise=failed)
    return created, run


async def _check_licenses(ledger: Ledger, request: PreviewRequest) -> None:
    known = {license_.sku_id for license_ in await ledger.licenses.list_licenses(request.portal_id)}
    for index, sku_id in enumerate(request.sku_ids or ()):
        if sku_id not in known:
            raise InvalidInput(
                f"skuIds[{index}]",
                f"The portal has no license {sku_id}.",
                remedy="List the portal's licenses for the SKU IDs it has.",
            )


async def execute(
    ledger: Ledger, reclamation_id: ReclamationId, *, requested_by: str
) -> tuple[Reclamation, Run]:
    """Queues the execution of a preview, which succeeds once.

    Raises NotFound, and Conflict: preview_not_ready, preview_expired,
    already_executed, reclamation_not_allowed.
    """
    reclamation = await ledger.reclamations.get(reclamation_id)
    portal = await allowing_portal(ledger, reclamation.portal_id)
    _check_executable(ledger, reclamation)
    run = _new_run(ledger, portal, requested_by)
    started = msgspec.structs.replace(
        reclamation,
        state="executing",
        executed_by=requested_by,
        executed_at=ledger.clock(),
        execution_run_id=run.run_id,
    )
    return await _start(ledger, reclamation, started, run, "execute")


def _check_executable(ledger: Ledger, reclamation: Reclamation) -> None:
    match reclamation.state:
        case "ready":
            pass
        case "preparing":
            raise Conflict(
                "The preview is not ready yet.",
                remedy="Wait for the preview's run to end, and look at what it lists.",
                code="preview_not_ready",
            )
        case "preview_failed":
            raise Conflict(
                "The preview failed, so there is nothing to execute.",
                remedy="Look at the preview's run, and make a new one.",
                code="preview_not_ready",
            )
        case _:
            raise _already_executed()
    if ledger.clock() >= reclamation.expires_at:
        raise Conflict(
            f"The preview expired at {reclamation.expires_at:%Y-%m-%dT%H:%MZ}.",
            remedy="Make a new preview, and look at what it lists.",
            code="preview_expired",
        )


def _already_executed() -> Conflict:
    return Conflict(
        "The preview was executed already.",
        remedy="Look at what became of its items; for more, make a new preview.",
        code="already_executed",
    )


def _running() -> Conflict:
    return Conflict(
        "The reclamation is under way.",
        remedy="Wait for its run to end; withdrawing reclamationAllowed from the portal stops it.",
        code="reclamation_running",
    )


async def undo(
    ledger: Ledger, reclamation_id: ReclamationId, *, requested_by: str
) -> tuple[Reclamation, Run]:
    """Queues the undoing of an executed reclamation; what failed may be tried again.

    Raises NotFound, and Conflict: nothing_to_undo, reclamation_running,
    reclamation_not_allowed.
    """
    reclamation = await ledger.reclamations.get(reclamation_id)
    portal = await allowing_portal(ledger, reclamation.portal_id)
    reclamation = await _as_its_run_ended(ledger, reclamation)
    if reclamation.state in ("executing", "undoing"):
        raise _running()
    if not any(reclamation.account.get(state, 0) for state in RESTORABLE_STATES):
        raise Conflict(
            "The reclamation holds no license to give back.",
            remedy="Look at its items; only those that are reclaimed can be given back.",
            code="nothing_to_undo",
        )
    run = _new_run(ledger, portal, requested_by)
    started = msgspec.structs.replace(
        reclamation,
        state="undoing",
        undone_by=requested_by,
        undone_at=ledger.clock(),
        undo_run_id=run.run_id,
    )
    return await _start(ledger, reclamation, started, run, "undo")


async def _as_its_run_ended(ledger: Ledger, reclamation: Reclamation) -> Reclamation:
    """The reclamation; if its run was given up, and nobody could say so of it, as that left it."""
    run_id = {
        "executing": reclamation.execution_run_id,
        "undoing": reclamation.undo_run_id,
    }.get(reclamation.state)
    if run_id is None or (await ledger.runs.get(run_id)).state not in FINISHED:
        return reclamation
    return await _end_early(ledger, reclamation)


async def _start(
    ledger: Ledger, before: Reclamation, started: Reclamation, run: Run, action: Action
) -> tuple[Reclamation, Run]:
    try:
        saved = await ledger.reclamations.save(started)
    except PreconditionFailed as error:
        # another request was faster
        raise (_already_executed() if action == "execute" else _running()) from error
    await ledger.runs.create(run)
    # until the message is sent, nothing was asked of the tenant, and it may be started again
    otherwise = msgspec.structs.replace(before, etag=saved.etag)
    await _send(ledger, saved, run, action, otherwise=otherwise)
    return saved, run


async def _send(
    ledger: Ledger, started: Reclamation, run: Run, action: Action, *, otherwise: Reclamation
) -> None:
    """Queues the work; if that fails, `otherwise` is what the reclamation is."""
    message = ReclamationMessage(started.reclamation_id, run.run_id, action)
    try:
        await ledger.queue.send(QUEUE, msgspec.json.encode(message))
    except LedgerError as error:
        await ledger.reclamations.save(otherwise)
        await RunRecorder(ledger.runs, run, ledger.clock).fail(error)
        raise


async def end_early(ledger: Ledger, message: ReclamationMessage) -> None:
    """Leaves a reclamation whose run ends before its end, with an exact account of it."""
    await _end_early(ledger, await ledger.reclamations.get(message.reclamation_id))


async def _end_early(ledger: Ledger, reclamation: Reclamation) -> Reclamation:
    state = _ENDED_EARLY.get(reclamation.state)
    if state is None:
        return reclamation
    return await ledger.reclamations.save(await ended_as(ledger, reclamation, state))


async def ended_as(
    ledger: Ledger, reclamation: Reclamation, state: ReclamationState
) -> Reclamation:
    """The reclamation in the state, with an account of its items as they are now."""
    account, saved = await ledger.reclamations.totals(reclamation.reclamation_id)
    return msgspec.structs.replace(
        reclamation,
        state=state,
        account=account,
        reclaimed_savings={currency: str(amount) for currency, amount in saved.items()},
    )


def _new_run(ledger: Ledger, portal: Portal, requested_by: str) -> Run:
    return new_run(
        "reclamation",
        "manual",
        ledger.clock(),
        portal_id=portal.portal_id,
        portal_name=portal.name,
        requested_by=requested_by,
    )
