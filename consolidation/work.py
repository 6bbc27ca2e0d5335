"""Consolidates one repository: stages the users of its portals, matches them, publishes.

Goes on from a checkpoint, and hands over when its time is spent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from compliance.model import Position
from consolidation.matching import DirectoryObject, Indexes, Matcher, objects
from consolidation.model import RepositoryState
from consolidation.positions import (
    consolidated_licenses,
    consolidated_products,
    folded_title,
    is_counted,
    of_each_tenant,
)
from consolidation.progress import Progress, portals_digest
from identifiers import PortalId, SkuId, TenantId, UserId
from imports.model import Product
from monitor.handover import OutOfTime
from portals.model import Portal

if TYPE_CHECKING:
    from composition import Ledger
    from storage.consolidation import ConsolidationDraft

# Matching this many of 256 takes seconds for a million users.
_BUCKETS_A_CHECKPOINT = 32


class Consolidation:
    """The work on one repository; `draft` takes its results."""

    def __init__(
        self,
        ledger: Ledger,
        repository: str,
        portals: Sequence[Portal],
        draft: ConsolidationDraft,
        out_of_time: Callable[[], bool],
    ) -> None:
        self._ledger = ledger
        self._repository = repository
        self._tenants = {portal.portal_id: portal.tenant_id for portal in portals}
        self._draft = draft
        self._out_of_time = out_of_time
        self._indexes = Indexes(self._tenants)
        self._progress = Progress(portals_digest(self._tenants))
        self._chosen: list[Position] = []

    async def run(self) -> RepositoryState:
        """The consolidation that readers follow from now on.

        Raises OutOfTime after saving where to go on.
        """
        positions: list[Position] = []
        products: list[Product] = []
        for portal_id in self._tenants:
            positions += await self._ledger.positions.list(portal_id)
            products += await self._ledger.licenses.list_products(portal_id)
        self._chosen = list(of_each_tenant(positions, self._tenants))
        await self._resume()
        progress = self._progress
        progress.titles |= {p.sku_id: folded_title(p.title) for p in self._chosen}
        if not progress.staged:
            await self._stage()
        await self._match()
        state = RepositoryState(
            repository=self._repository,
            generation=self._draft.generation,
            consolidated_at=self._ledger.clock(),
            portal_ids=tuple(self._tenants),
            contacts=progress.contacts,
            persons=progress.persons,
            matched=progress.matched,
            shared_addresses=progress.shared_addresses,
        )
        licenses = consolidated_licenses(self._chosen, progress.holders)
        await self._draft.publish(
            state, licenses, consolidated_products(licenses, products, progress.title_holders)
        )
        return state

    async def _resume(self) -> None:
        stored = await self._draft.progress()
        if stored is not None:
            progress = msgspec.json.decode(stored, type=Progress)
            if progress.portals == self._progress.portals:
                self._progress = progress
                self._indexes = Indexes(self._tenants, progress.sku_ids)
                await self._draft.resume(progress.chunks, progress.buckets, progress.last_key)
                return
        await self._draft.clear()

    async def _save(self) -> None:
        """What was written until here counts from now on."""
        progress = self._progress
        progress.sku_ids = list(self._indexes.sku_ids)
        progress.chunks, progress.buckets = self._draft.chunks, self._draft.buckets
        progress.last_key = self._draft.last_key
        await self._draft.save_progress(msgspec.json.encode(progress))

    async def _stage(self) -> None:
        """Sorts the users of all tenants into buckets."""
        by_tenant: dict[TenantId, list[PortalId]] = {}
        for portal_id, tenant_id in self._tenants.items():
            by_tenant.setdefault(tenant_id, []).append(portal_id)
        counted: dict[TenantId, set[SkuId]] = {}
        for position in self._chosen:
            if is_counted(position):
                tenant_id = self._tenants[position.portal_id]
                counted.setdefault(tenant_id, set()).add(position.sku_id)
        for number, (tenant_id, portal_ids) in enumerate(by_tenant.items()):
            if number < self._progress.tenant:
                continue
            await self._stage_tenant(tenant_id, portal_ids, frozenset(counted.get(tenant_id, ())))
            self._progress.tenant, self._progress.after = number + 1, None
        self._progress.staged = True
        if self._draft.spilled or self._out_of_time():
            await self._draft.flush()
            await self._save()

    async def _stage_tenant(
        self, tenant_id: TenantId, portal_ids: Sequence[PortalId], counted: frozenset[SkuId]
    ) -> None:
        progress, after = self._progress, self._progress.after
        streams = [(p, self._ledger.contacts.blocks(p, after)) for p in portal_ids]
        async for some in objects(streams):
            found = [one for one in some if after is None or _user_id(one) > after]
            progress.contacts += sum(len(one.copies) for one in found)
            await self._draft.stage([self._indexes.sighting(tenant_id, o, counted) for o in found])
            if not found:
                continue
            progress.after = _user_id(found[-1])
            late = self._out_of_time()
            if late or self._draft.is_full:
                await self._draft.flush()
                await self._save()
            if late:
                raise OutOfTime

    async def _match(self) -> None:
        """Matches bucket after bucket; those of an earlier worker are done."""
        progress = self._progress
        done = 0
        for bucket in self._draft.buckets:
            if bucket < progress.bucket:
                continue
            matcher = Matcher(self._indexes, progress.titles)
            async for sightings in self._draft.sightings(bucket):
                for sighting in sightings:
                    matcher.add(sighting)
            found = matcher.result()
            await self._draft.add_persons(found.matched)
            progress.count(bucket, found)
            done += 1
            late = self._out_of_time()
            if late or (self._draft.spilled and done % _BUCKETS_A_CHECKPOINT == 0):
                await self._draft.flush()
                await self._draft.flush_persons()
                await self._save()
            if late:
                raise OutOfTime


def _user_id(found: DirectoryObject) -> UserId:
    return found.copies[0][1].user_id
