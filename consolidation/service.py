"""Consolidates repositories: one position over all portals, persons matched across them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from compliance.model import Position
from compliance.service import recalculate_portal
from consolidation.matching import Indexes, Matcher, objects
from consolidation.messages import ConsolidationMessage
from consolidation.model import ContactRef, MatchedPerson, RepositoryState
from consolidation.positions import (
    consolidated_licenses,
    consolidated_products,
    folded_title,
    is_counted,
    of_each_tenant,
)
from consolidation.queueing import queue_consolidation
from errors import NotFound
from identifiers import PortalId, SkuId, TenantId, UserId
from imports.model import Contact, Product
from monitor.recorder import RunRecorder
from monitor.run import FINISHED, Run
from portals.model import Portal

if TYPE_CHECKING:
    from composition import Ledger
    from storage.consolidation import ConsolidationDraft


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


async def consolidate(ledger: Ledger, message: ConsolidationMessage) -> None:
    """Consolidates the repository of a message and ends its run."""
    run = await ledger.runs.get(message.run_id)
    if run.state in FINISHED:
        return
    recorder = RunRecorder(ledger.runs, run, ledger.clock)
    async with recorder.at_work():
        await _attempt(ledger, message, recorder)


async def _attempt(ledger: Ledger, message: ConsolidationMessage, recorder: RunRecorder) -> None:
    await recorder.start()
    recorder.log("info", f"Repository {message.repository}.")
    if ledger.settings.pseudonymous:
        recorder.log(
            "warning", "Addresses are not stored (PSEUDONYMOUS): nobody is known from two tenants."
        )
    try:
        if message.imported is not None:
            await recalculate_portal(ledger, message.imported)
        portals = await portals_of(ledger, message.repository)
    except NotFound as gone:
        await recorder.fail(gone)
        return
    state = await _consolidate(ledger, message.repository, portals)
    recorder.set_count("portals", len(portals))
    for name in ("contacts", "persons", "matched", "shared_addresses"):
        recorder.set_count(name, getattr(state, name))
    await recorder.finish("Succeeded")


async def _consolidate(
    ledger: Ledger, repository: str, portals: Sequence[Portal]
) -> RepositoryState:
    draft = ledger.consolidation.draft(repository, ledger.clock())
    tenants = {portal.portal_id: portal.tenant_id for portal in portals}
    positions: list[Position] = []
    products: list[Product] = []
    for portal in portals:
        positions += await ledger.positions.list(portal.portal_id)
        products += await ledger.licenses.list_products(portal.portal_id)
    chosen = of_each_tenant(positions, tenants)
    indexes = Indexes(tenants)
    contacts = await _stage(ledger, draft, tenants, chosen, indexes)
    titles = {position.sku_id: folded_title(position.title) for position in chosen}
    holders: Counter[SkuId] = Counter()
    title_holders: Counter[str] = Counter()
    persons = matched = shared = 0
    for bucket in draft.buckets:
        matcher = Matcher(indexes, titles)
        async for sightings in draft.sightings(bucket):
            for sighting in sightings:
                matcher.add(sighting)
        found = matcher.result()
        holders.update(found.holders)
        title_holders.update(found.title_holders)
        persons += found.persons
        matched += len(found.matched)
        shared += found.shared_addresses
        await draft.add_persons(found.matched)
    state = RepositoryState(
        repository=repository,
        generation=draft.generation,
        consolidated_at=ledger.clock(),
        portal_ids=tuple(tenants),
        contacts=contacts,
        persons=persons,
        matched=matched,
        shared_addresses=shared,
    )
    licenses = consolidated_licenses(chosen, holders)
    await draft.publish(state, licenses, consolidated_products(licenses, products, title_holders))
    return state


async def _stage(
    ledger: Ledger,
    draft: ConsolidationDraft,
    tenants: dict[PortalId, TenantId],
    chosen: Sequence[Position],
    indexes: Indexes,
) -> int:
    """Sorts the users of all tenants into buckets; returns the number of contacts."""
    by_tenant: dict[TenantId, list[PortalId]] = {}
    for portal_id, tenant_id in tenants.items():
        by_tenant.setdefault(tenant_id, []).append(portal_id)
    counted: dict[TenantId, set[SkuId]] = {}
    for position in chosen:
        if is_counted(position):
            counted.setdefault(tenants[position.portal_id], set()).add(position.sku_id)
    contacts = 0
    for tenant_id, portal_ids in by_tenant.items():
        streams = [(portal_id, ledger.contacts.blocks(portal_id)) for portal_id in portal_ids]
        skus = frozenset(counted.get(tenant_id, ()))
        async for some in objects(streams):
            contacts += sum(len(found.copies) for found in some)
            await draft.stage([indexes.sighting(tenant_id, found, skus) for found in some])
    await draft.flush()
    return contacts


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
