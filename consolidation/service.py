"""Consolidates repositories: one position over all portals, persons matched across them."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from compliance.service import recalculate_portal
from consolidation.messages import QUEUE, ConsolidationMessage
from consolidation.model import ContactRef, MatchedPerson, RepositoryState
from consolidation.queueing import queue_consolidation
from consolidation.work import Consolidation
from errors import LeaseLost, NotFound, Stuck
from identifiers import PortalId, UserId
from imports.lease import held_lease
from imports.model import Contact
from monitor.handover import LEASE_WAIT_SECONDS, OutOfTime, hand_over
from monitor.recorder import RunRecorder
from monitor.run import FINISHED, Run
from portals.model import Portal
from storage.generation_names import began_at

if TYPE_CHECKING:
    from composition import Ledger

# Workers' clocks agree to within this.
CLOCKS_DIFFER = timedelta(seconds=2)


async def portals_of(ledger: Ledger, repository: str) -> list[Portal]:
    """The portals whose data goes into the repository. Raises NotFound if none does."""
    found = [p for p in await ledger.portals.list() if p.repository == repository]
    if not found:
        raise NotFound(
            f"No portal belongs to the repository {repository}.",
            remedy="Name one that a portal has, such as default.",
        )
    return found


async def start_consolidation(ledger: Ledger, repository: str, *, requested_by: str | None) -> Run:
    """Queues the consolidation of a repository. Raises NotFound."""
    await portals_of(ledger, repository)
    return await queue_consolidation(ledger, repository, "manual", requested_by=requested_by)


async def start_all(ledger: Ledger) -> int:
    """Queues the consolidation of every repository; returns how many there are.

    What is left of repositories that no portal fills any more is deleted.
    """
    names = sorted({portal.repository for portal in await ledger.portals.list()})
    for repository in await ledger.consolidation.repositories():
        if repository not in names:
            await ledger.consolidation.delete(repository)
    for repository in names:
        await queue_consolidation(ledger, repository, "timer")
    return len(names)


async def consolidate(ledger: Ledger, message: ConsolidationMessage, *, worker: str) -> None:
    """Consolidates the repository of a message, to the run's end or to a hand-over.

    A new message goes on when the time budget is spent, or when another run on
    the repository is at work. Runs that waited for it share the next one.
    Storage failures and defects are raised.
    """
    run = await ledger.runs.get(message.run_id)
    if run.state in FINISHED:
        return
    recorder = RunRecorder(ledger.runs, run, ledger.clock)
    async with recorder.at_work(expected=(LeaseLost, OutOfTime)):
        try:
            if message.imported is not None:
                await recalculate_portal(ledger, message.imported)
                message = msgspec.structs.replace(message, imported=None, since=ledger.clock())
            await _attempt(ledger, message, recorder, worker)
        except NotFound as gone:
            await recorder.fail(gone)


async def _attempt(
    ledger: Ledger, message: ConsolidationMessage, recorder: RunRecorder, worker: str
) -> None:
    try:
        async with held_lease(
            ledger.sync_state,
            PortalId(f"consolidation:{message.repository}"),
            worker=worker,
            run_id=message.run_id,
            clock=ledger.clock,
            seconds=ledger.settings.lease_seconds,
        ):
            await recorder.start()
            await _settled(ledger, message, recorder)
    except LeaseLost:
        await _hand_over(ledger, message, recorder, LEASE_WAIT_SECONDS)
    except OutOfTime:
        recorder.log("info", "The time budget is spent; the run goes on in a new message.")
        await _hand_over(ledger, message, recorder, 0)


async def _hand_over(
    ledger: Ledger, message: ConsolidationMessage, recorder: RunRecorder, delay_seconds: int
) -> None:
    try:
        await hand_over(
            ledger.queue,
            QUEUE,
            message,
            recorder,
            code="consolidation_stuck",
            delay_seconds=delay_seconds,
        )
    except Stuck as stuck:
        await recorder.fail(stuck)


async def _settled(ledger: Ledger, message: ConsolidationMessage, recorder: RunRecorder) -> None:
    began = time.monotonic()
    recorder.log("info", f"Repository {message.repository}.")
    if ledger.settings.pseudonymous:
        recorder.log(
            "warning", "Addresses are not stored (PSEUDONYMOUS): nobody is known from two tenants."
        )
    portals = await portals_of(ledger, message.repository)
    run = recorder.run
    draft = ledger.consolidation.draft(
        message.repository, run.run_id, run.started_at or ledger.clock()
    )
    state = await ledger.consolidation.state(message.repository)
    if state is not None and _is_covered(state, message, run):
        recorder.log("info", "Another run has consolidated everything since.")
        await draft.clear()
    # an earlier worker may have ended it, and not have lived to say so
    elif state is None or state.generation != draft.generation:
        budget = ledger.settings.import_time_budget_seconds
        work = Consolidation(
            ledger, message.repository, portals, draft, lambda: time.monotonic() - began > budget
        )
        state = await work.run()
    recorder.set_count("portals", len(portals))
    for name in ("contacts", "persons", "matched", "shared_addresses"):
        recorder.set_count(name, getattr(state, name))
    await recorder.finish("Succeeded")


def _is_covered(state: RepositoryState, message: ConsolidationMessage, run: Run) -> bool:
    """Whether what the run is to take in was there when the last consolidation began to read."""
    return began_at(state.generation) > (message.since or run.created_at) + CLOCKS_DIFFER


class Repository(msgspec.Struct, frozen=True):
    """A named inventory: its portals now, and its last consolidation."""

    name: str
    portals: tuple[Portal, ...]
    state: RepositoryState | None


async def repositories(ledger: Ledger) -> list[Repository]:
    """The repositories that portals belong to, by name."""
    by_name: dict[str, list[Portal]] = {}
    for portal in await ledger.portals.list():
        by_name.setdefault(portal.repository, []).append(portal)
    return [
        Repository(name, tuple(portals), await ledger.consolidation.state(name))
        for name, portals in sorted(by_name.items())
    ]


class PersonContact(msgspec.Struct, frozen=True):
    """A contact of a person, with the name of its portal."""

    portal_id: PortalId
    portal_name: str
    contact: Contact


class Person(msgspec.Struct, frozen=True):
    """A person found in several portals, with the contacts that are still there."""

    key: str
    contacts: tuple[PersonContact, ...]


async def list_persons(
    ledger: Ledger, repository: str, *, top: int, continuation: str | None
) -> tuple[list[Person], str | None]:
    """A page of persons found in several portals, and where it goes on.

    Who is found in one portal only by now is left out, so a page may be short.
    """
    page = await ledger.consolidation.persons(repository, top=top, continuation=continuation)
    names = {portal.portal_id: portal.name for portal in await ledger.portals.list()}
    wanted: dict[PortalId, list[UserId]] = {}
    for person in page.items:
        for ref in person.contacts:
            wanted.setdefault(ref.portal_id, []).append(ref.user_id)
    known = {
        portal_id: await ledger.contacts.get_many(portal_id, user_ids)
        for portal_id, user_ids in wanted.items()
        if portal_id in names
    }

    def contact_of(ref: ContactRef) -> PersonContact | None:
        contact = known.get(ref.portal_id, {}).get(ref.user_id)
        if contact is None:
            return None
        return PersonContact(ref.portal_id, names[ref.portal_id], contact)

    def present(person: MatchedPerson) -> Person:
        found = (contact_of(ref) for ref in person.contacts)
        return Person(person.key, tuple(contact for contact in found if contact is not None))

    people = [present(person) for person in page.items]
    still = [p for p in people if len({c.portal_id for c in p.contacts}) > 1]
    return still, page.continuation
