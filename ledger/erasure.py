"""Erases a person from the ledger, and lifts an erasure."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from compliance.queueing import recalculate_soon
from consolidation.queueing import consolidate_soon
from errors import Conflict, LeaseLost, NotFound
from identifiers import PortalId, UserId
from imports.erasure import Erasures
from imports.lease import IMPORT_LEASE, held_lease
from monitor.recorder import RunRecorder
from monitor.run import Run, new_run
from reclamation.erasure import forget_person, is_in_reclamations
from storage.blocks import decode_contact, encode_contact, index_consumers
from usage.messages import LEASE_KIND as USAGE_LEASE

if TYPE_CHECKING:
    from composition import Ledger


async def erase_person(
    ledger: Ledger, portal_id: PortalId, user_id: UserId, *, requested_by: str
) -> None:
    """Leaves of a contact a nameless holder of its licenses, now and at every import to come.

    Findings and consolidated persons hold the person's ID until the runs end that are
    queued for them.

    Erasing again is fine, and finishes what was broken off. Raises NotFound for
    a person whom the ledger does not know, Conflict while the portal is being
    imported, or licenses are taken back in it.
    """
    known = await ledger.contacts.get_many(portal_id, [user_id])
    if user_id in known and known[user_id].erased:
        # the ID of the ledger's own, which stands for nobody by name
        return
    erased = (await ledger.erasures.of(portal_id)).shown_id(user_id) != user_id
    if not (known or erased or await is_in_reclamations(ledger, portal_id, user_id)):
        raise NotFound(
            f"Portal {portal_id} has no contact {user_id}.",
            remedy="List the portal's contacts for the IDs it has.",
        )
    run = new_run(
        "erasure",
        "manual",
        ledger.clock(),
        portal_id=portal_id,
        requested_by=requested_by,
    )
    try:
        async with _lease(ledger, run, IMPORT_LEASE), _lease(ledger, run, USAGE_LEASE):
            recorder = RunRecorder(ledger.runs, run, ledger.clock)
            async with recorder.at_work():
                await _erase(ledger, portal_id, user_id, recorder)
    except LeaseLost as error:
        raise Conflict(
            "The portal is being imported, or its usage read, at this moment.",
            remedy="Erase the person when the run has ended.",
            code="import_running",
        ) from error
    await _forget_findings(ledger, portal_id, requested_by)


async def _forget_findings(ledger: Ledger, portal_id: PortalId, requested_by: str) -> None:
    """Asks for new results of what computed with the person: each replaces the one before."""
    await recalculate_soon(ledger, portal_id, requested_by)
    for repository in await ledger.consolidation.repositories():
        state = await ledger.consolidation.state(repository)
        if state is not None and portal_id in state.portal_ids:
            await consolidate_soon(ledger, repository, portal_id, requested_by)


async def _erase(
    ledger: Ledger, portal_id: PortalId, user_id: UserId, recorder: RunRecorder
) -> None:
    # what imports need is loaded by them and by this alone
    from imports.enumeration import CHECKPOINT_KIND

    await recorder.start()
    erasures = await ledger.erasures.add(portal_id, user_id)
    # an import that waits for its turn begins anew, and finds the person erased
    await ledger.sync_state.delete(portal_id, CHECKPOINT_KIND)
    await ledger.staging.clear(portal_id)
    await _rewrite(ledger, portal_id, user_id, erasures)
    await ledger.usage.screen(portal_id)
    try:
        await forget_person(ledger, portal_id, user_id, erasures.stand_in(user_id))
    except Conflict as refused:
        await recorder.fail(refused)
        raise
    await recorder.finish("Succeeded")


def _lease(ledger: Ledger, run: Run, kind: str) -> AbstractAsyncContextManager[None]:
    assert run.portal_id is not None  # noqa: S101 - an erasure is one portal's
    return held_lease(
        ledger.sync_state,
        run.portal_id,
        worker="erasure",
        run_id=run.run_id,
        clock=ledger.clock,
        seconds=ledger.settings.lease_seconds,
        kind=kind,
    )


async def _rewrite(
    ledger: Ledger, portal_id: PortalId, user_id: UserId, erasures: Erasures
) -> None:
    """Puts the nameless contact in the named one's place.

    In this order: a seat too many for a moment is better than one too few.
    """
    standing = await ledger.contacts.standing(portal_id)
    found = await ledger.contacts.get_many(portal_id, [user_id])
    if standing is None or user_id not in found:
        return
    layout, overlay = standing
    shown = erasures.shown(found[user_id])
    changes = {shown.user_id: encode_contact(shown), user_id: None}
    partitions = [layout.partition_of_block(layout.block_of(id_)) for id_ in changes]
    for partition in dict.fromkeys(partitions):
        contacts = await ledger.contacts.partition(portal_id, layout, partition, overlay)
        for id_, belongs in zip(changes, partitions, strict=True):
            changed = changes[id_]
            if belongs != partition:
                continue
            if changed is None:
                contacts.pop(id_, None)
            else:
                contacts[id_] = changed
        await ledger.contacts.replace_partition(
            portal_id, layout, partition, contacts, keep_unseen=False
        )
        decoded = {id_: decode_contact(contacts[id_]) for id_ in sorted(contacts)}
        await ledger.consumers.replace_partition(
            portal_id, layout, partition, index_consumers(decoded)
        )
    if user_id in overlay:
        await ledger.contacts.save_overlay(portal_id, layout, overlay.without(user_id))


async def lift_erasure(ledger: Ledger, portal_id: PortalId, user_id: UserId) -> None:
    """Lets the next import bring the person back by name. Raises NotFound if nobody was erased."""
    if not await ledger.erasures.lift(portal_id, user_id):
        raise NotFound(
            f"Nobody by the ID {user_id} is erased in portal {portal_id}.",
            remedy="Give the ID by which Entra knows the person.",
        )
    from imports.changes import DELTA_KIND

    # following changes would not show who did not change
    await ledger.sync_state.delete(portal_id, DELTA_KIND)
