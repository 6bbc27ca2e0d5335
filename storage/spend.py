"""What the last recalculation found of a portal's spend: figures, shares, findings."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from concurrency import run_all
from identifiers import PortalId, SkuId
from spend.model import Dimension, Finding, FindingList, LicenseFigures
from spend.shares import Share
from spend.what_if import NeedCount
from storage.blocks import join_properties, split_properties
from storage.findings import TABLE as FINDINGS
from storage.findings import FindingStore, FindingsWriter
from storage.generation_names import new_generation, oldest_kept
from storage.rows import record_of, row_of
from storage.tables import Operation, Page

if TYPE_CHECKING:
    from storage.sync_state import SyncStateStore
    from storage.tables import Tables

FIGURES = "Spend"
SHARES = "SpendShares"
STATE_KIND = "spend"
_NEEDS = "needs"
_RECORDS_PER_ROW = 200
_STATES_AT_ONCE = 8
_share_decoder = msgspec.msgpack.Decoder(list[Share])
_need_decoder = msgspec.msgpack.Decoder(list[NeedCount])


class SpendState(msgspec.Struct, frozen=True):
    """The recalculation that readers follow."""

    generation: str
    calculated_at: datetime


class SpendDraft:
    """A recalculation's results while they are written; nobody reads them before `publish`."""

    def __init__(
        self, tables: Tables, sync_state: SyncStateStore, portal_id: PortalId, now: datetime
    ) -> None:
        self._tables = tables
        self._sync_state = sync_state
        self._portal_id = portal_id
        self._now = now
        self._generation = new_generation(now)
        self._findings = FindingStore(tables)

    def findings(self, name: FindingList) -> FindingsWriter:
        """A writer of one list of findings."""
        return self._findings.writer(_key(self._portal_id, self._generation, name))

    async def write_shares(self, dimension: Dimension, shares: Iterable[Share]) -> None:
        """Writes the seats by department or country."""
        await self._write_rows(dimension, list(shares))

    async def write_needs(self, needs: Sequence[NeedCount]) -> None:
        """Writes how many seats need what."""
        await self._write_rows(_NEEDS, needs)

    async def _write_rows(self, name: str, every: Sequence[msgspec.Struct]) -> None:
        key = _key(self._portal_id, self._generation, name)
        operations: list[Operation] = []
        for start in range(0, len(every), _RECORDS_PER_ROW):
            content = zlib.compress(msgspec.msgpack.encode(every[start : start + _RECORDS_PER_ROW]))
            row = {
                "PartitionKey": key,
                "RowKey": f"{start:06d}",
                **split_properties("Data", content),
            }
            operations.append(("upsert", row))
        await self._tables.submit(await self._tables.table(SHARES), operations)

    async def publish(self, figures: Sequence[LicenseFigures]) -> bool:
        """Makes this the result that readers follow, unless a later one is; deletes older ones."""
        previous = await _state(self._sync_state, self._portal_id)
        if previous is not None and previous.generation > self._generation:
            await self._delete_generation(self._generation)
            return False
        await self._replace_figures(figures)
        state = SpendState(self._generation, self._now)
        await self._sync_state.write(self._portal_id, STATE_KIND, msgspec.json.encode(state))
        if previous is not None:
            await self._delete_generation(previous.generation)
        for name in (FINDINGS, SHARES):
            await self._tables.delete_range(
                name, f"{self._portal_id}|", f"{self._portal_id}|{oldest_kept(self._now)}"
            )
        return True

    async def _delete_generation(self, generation: str) -> None:
        for name in (FINDINGS, SHARES):
            await self._tables.delete_partitions(name, f"{self._portal_id}|{generation}|", None)

    async def _replace_figures(self, figures: Sequence[LicenseFigures]) -> None:
        table = await self._tables.table(FIGURES)
        rows: list[Operation] = [
            ("upsert", row_of(item, item.portal_id, item.sku_id)) for item in figures
        ]
        kept = {item.sku_id for item in figures}
        stored = self._tables.query(
            table,
            "PartitionKey eq @portal",
            {"portal": self._portal_id},
            select=["PartitionKey", "RowKey"],
        )
        rows += [("delete", row) async for row in stored if row["RowKey"] not in kept]
        await self._tables.submit(table, rows)


class SpendStore:
    """Reads figures by portal and SKU, shares and findings of the last recalculation."""

    def __init__(self, tables: Tables, sync_state: SyncStateStore) -> None:
        self._tables = tables
        self._sync_state = sync_state
        self._findings = FindingStore(tables)

    def draft(self, portal_id: PortalId, now: datetime) -> SpendDraft:
        """A new result of the portal, beside the present one."""
        return SpendDraft(self._tables, self._sync_state, portal_id, now)

    async def figures_page(
        self, portal_id: PortalId | None, *, top: int, continuation: str | None
    ) -> Page[LicenseFigures]:
        """Figures of the licenses of one portal or of all."""
        page = await self._tables.query_page(
            await self._tables.table(FIGURES),
            *_of_portal(portal_id),
            top=top,
            continuation=continuation,
        )
        return Page([record_of(row, LicenseFigures) for row in page.items], page.continuation)

    async def figures(self, portal_id: PortalId | None) -> AsyncIterator[LicenseFigures]:
        """All figures of one portal or of all portals, by portal and SKU ID."""
        table = await self._tables.table(FIGURES)
        async for row in self._tables.query(table, *_of_portal(portal_id)):
            yield record_of(row, LicenseFigures)

    async def shares(self, portal_id: PortalId, dimension: Dimension) -> AsyncIterator[list[Share]]:
        """The seats of the portal by department or country, some hundred values at a time."""
        async for content in self._rows(portal_id, dimension):
            yield _share_decoder.decode(content)

    async def needs(self, portal_id: PortalId) -> list[NeedCount]:
        """How many seats of the portal need what."""
        found: list[NeedCount] = []
        async for content in self._rows(portal_id, _NEEDS):
            found += _need_decoder.decode(content)
        return found

    async def _rows(self, portal_id: PortalId, name: str) -> AsyncIterator[bytes]:
        state = await _state(self._sync_state, portal_id)
        if state is None:
            return
        table = await self._tables.table(SHARES)
        key = _key(portal_id, state.generation, name)
        async for row in self._tables.query(table, "PartitionKey eq @key", {"key": key}):
            yield zlib.decompress(join_properties("Data", row))

    async def findings_page(
        self,
        portal_ids: Sequence[PortalId],
        name: FindingList,
        *,
        top: int,
        continuation: str | None,
        matches: Callable[[Finding], bool] | None = None,
    ) -> Page[tuple[PortalId, Finding]]:
        """Findings of one list, by portal and user ID."""
        states = await run_all(
            (_state(self._sync_state, portal_id) for portal_id in portal_ids),
            at_once=_STATES_AT_ONCE,
        )
        lists = [
            (portal_id, _key(portal_id, state.generation, name))
            for portal_id, state in zip(portal_ids, states, strict=True)
            if state is not None
        ]
        return await self._findings.list_page(
            lists, top=top, continuation=continuation, matches=matches
        )

    async def delete_license(self, portal_id: PortalId, sku_id: SkuId) -> None:
        """Deletes the figures of one license; succeeds on the absent."""
        table = await self._tables.table(FIGURES)
        await self._tables.submit(
            table, [("delete", {"PartitionKey": portal_id, "RowKey": sku_id})]
        )

    async def delete_portal(self, portal_id: PortalId) -> None:
        """Deletes everything of the portal's spend but its contracts."""
        await self._sync_state.delete(portal_id, STATE_KIND)
        await self._tables.delete_partitions(FIGURES, portal_id, None)
        for name in (FINDINGS, SHARES):
            await self._tables.delete_partitions(name, f"{portal_id}|", None)


async def _state(sync_state: SyncStateStore, portal_id: PortalId) -> SpendState | None:
    stored = await sync_state.read(portal_id, STATE_KIND)
    return msgspec.json.decode(stored, type=SpendState) if stored is not None else None


def _key(portal_id: PortalId, generation: str, name: str) -> str:
    return f"{portal_id}|{generation}|{name}"


def _of_portal(portal_id: PortalId | None) -> tuple[str, dict[str, str]]:
    if portal_id is None:
        return "PartitionKey ge @low", {"low": ""}
    return "PartitionKey eq @portal", {"portal": portal_id}
