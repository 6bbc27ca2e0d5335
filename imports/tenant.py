"""Imports one portal: gather, reconcile, apply; by following changes or by reading everything."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from concurrency import both
from errors import LeaseLost, LedgerError
from imports.changes import DELTA_KIND, DeltaState, UserChanges, apply_changes, read_changes
from imports.directory import apply_directory, read_directory
from imports.enumeration import Enumeration
from imports.messages import ImportMessage
from imports.model import ImportSummary
from monitor.handover import OutOfTime
from monitor.recorder import RunRecorder
from monitor.run import RunError
from portals.connection import connected
from telemetry.signals import count

if TYPE_CHECKING:
    from composition import Ledger
    from graph.client import GraphClient
    from portals.model import Portal

HELD_BACK = RunError(
    code="removals_held_back",
    message="The tenant shows far less than at the last import, so nothing was removed.",
    remedy="Check the tenant. If it is right, start a clean import of the portal to accept it.",
)


async def import_tenant(ledger: Ledger, message: ImportMessage, recorder: RunRecorder) -> None:
    """Imports the message's portal and ends its run.

    Raises OutOfTime when it is to be gone on with, LeaseLost, and storage
    failures; what the tenant or the credential does wrong fails the run.
    """
    try:
        portal, previous = await both(
            ledger.portals.get(message.portal_id), ledger.sync_state.summary(message.portal_id)
        )
        async with connected(ledger, portal, recorder) as graph:
            error = await _import_from(ledger, portal, graph, previous, message.clean, recorder)
    except (OutOfTime, LeaseLost):
        raise
    except LedgerError as failure:
        if failure.status == 503:
            raise
        await recorder.fail(failure)
    else:
        await recorder.finish("PartiallySucceeded" if error else "Succeeded", error)


async def _import_from(
    ledger: Ledger,
    portal: Portal,
    graph: GraphClient,
    previous: ImportSummary | None,
    clean: bool,
    recorder: RunRecorder,
) -> RunError | None:
    deadline = time.monotonic() + ledger.settings.import_time_budget_seconds
    held: bool | None = None
    # whoever asks for an import by hand wants what delta queries do not tell, too
    if previous is not None and recorder.run.trigger == "timer" and not clean:
        changes = await read_changes(ledger, portal, graph, previous, recorder)
        if changes is not None:
            held = await _follow(ledger, portal, graph, previous, changes, recorder)
    if held is None:
        held = await _read_in_full(ledger, portal, graph, previous, clean, deadline, recorder)
    if held:
        recorder.log("warning", HELD_BACK.message)
        return HELD_BACK
    return None


async def _follow(
    ledger: Ledger,
    portal: Portal,
    graph: GraphClient,
    previous: ImportSummary,
    changes: UserChanges,
    recorder: RunRecorder,
) -> bool | None:
    """Whether removals were held back; None if all users must be read instead."""
    known_groups = await ledger.groups.list_groups(portal.portal_id)
    directory = await read_directory(
        graph,
        recorder,
        groups=changes.unknown_groups(known_groups),
        rooms=changes.may_have_new_room(),
        # only who goes or comes back changes their licenses
        deleted_users=bool(changes.removed or (changes.users and previous.deleted_user_units)),
    )
    rooms = directory.rooms if directory.rooms is not None else changes.state.rooms
    applied = await apply_changes(
        ledger, portal.portal_id, changes, frozenset(rooms or ()), portal.exclusions, recorder
    )
    if not applied:
        return None
    recorder.log("info", f"{len(changes.users)} users changed since the last import.")
    recorder.set_count("contacts", previous.contact_count)
    count("ledger.users_imported", len(changes.users))
    licenses = await apply_directory(ledger, portal, directory, False, recorder)
    units = directory.deleted_user_units
    await _remember(
        ledger,
        portal,
        msgspec.structs.replace(
            previous,
            completed_at=ledger.clock(),
            run_id=recorder.run.run_id,
            deleted_user_units=previous.deleted_user_units if units is None else units,
        ),
        DeltaState(
            changes.link,
            changes.state.full_read_at,
            changes.state.excluded,
            None if rooms is None else tuple(sorted(rooms)),
        ),
    )
    return licenses.held


async def _read_in_full(
    ledger: Ledger,
    portal: Portal,
    graph: GraphClient,
    previous: ImportSummary | None,
    clean: bool,
    deadline: float,
    recorder: RunRecorder,
) -> bool:
    """Whether removals were held back."""
    began = ledger.clock()
    previous_count = previous.contact_count if previous else 0
    enumeration = Enumeration(
        ledger, portal.portal_id, recorder, lambda: time.monotonic() > deadline
    )
    directory, _ = await both(
        read_directory(graph, recorder), enumeration.begin(graph, previous_count)
    )
    result = await enumeration.run(
        graph,
        rooms=directory.rooms or frozenset(),
        excluded=portal.exclusions,
        previous_count=previous_count,
        clean=clean,
    )
    recorder.set_count("contacts", result.contact_count)
    count("ledger.users_imported", result.contact_count)
    _, licenses = await both(
        enumeration.clean_up(result), apply_directory(ledger, portal, directory, clean, recorder)
    )
    rooms, excluded = directory.rooms, tuple(sorted(portal.exclusions))
    await _remember(
        ledger,
        portal,
        ImportSummary(
            portal.portal_id,
            ledger.clock(),
            recorder.run.run_id,
            result.contact_count if not result.held or previous is None else previous.contact_count,
            directory.deleted_user_units or {},
            excluded,
        ),
        # what was held back must be looked at whole again
        DeltaState(
            result.delta_link, began, excluded, None if rooms is None else tuple(sorted(rooms))
        )
        if result.delta_link is not None and not result.held
        else None,
    )
    return result.held or licenses.held


async def _remember(
    ledger: Ledger, portal: Portal, summary: ImportSummary, state: DeltaState | None
) -> None:
    if state is not None:
        await ledger.sync_state.write(portal.portal_id, DELTA_KIND, msgspec.json.encode(state))
    await ledger.sync_state.save_summary(summary)
