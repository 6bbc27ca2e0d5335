"""Microsoft's published list of SKUs and their service plans."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from catalogue.model import CatalogueEntry
from identifiers import SkuId
from storage.rows import record_of, row_of

if TYPE_CHECKING:
    from storage.tables import Tables

TABLE = "Catalogue"
_ENTRIES = "sku"
_STATE = "state"


class CatalogueState(msgspec.Struct, frozen=True):
    """When the list was fetched, and its ETag at the source."""

    fetched_at: datetime
    source_etag: str | None = None


class CatalogueStore:
    """The list, a row per SKU."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def state(self) -> CatalogueState | None:
        """When it was fetched, None if it never was."""
        table = await self._tables.table(TABLE)
        row = await self._tables.get(table, _STATE, _STATE)
        return record_of(row, CatalogueState) if row is not None else None

    async def entries(self) -> dict[SkuId, CatalogueEntry]:
        """The list by SKU ID; empty if it was never fetched."""
        table = await self._tables.table(TABLE)
        rows = self._tables.query(table, "PartitionKey eq @entries", {"entries": _ENTRIES})
        entries = [record_of(row, CatalogueEntry) async for row in rows]
        return {entry.sku_id: entry for entry in entries}

    async def replace(self, entries: Sequence[CatalogueEntry], state: CatalogueState) -> None:
        """Makes the stored list this one."""
        table = await self._tables.table(TABLE)
        stored = await self.entries()
        current = {entry.sku_id for entry in entries}
        await self._tables.submit(
            table,
            [
                *(
                    ("upsert", row_of(entry, _ENTRIES, entry.sku_id))
                    for entry in entries
                    if stored.get(entry.sku_id) != entry
                ),
                *(
                    ("delete", {"PartitionKey": _ENTRIES, "RowKey": sku_id})
                    for sku_id in stored
                    if sku_id not in current
                ),
            ],
        )
        await self.touch(state)

    async def touch(self, state: CatalogueState) -> None:
        """Notes that the list was looked at again."""
        table = await self._tables.table(TABLE)
        await self._tables.submit(table, [("upsert", row_of(state, _STATE, _STATE))])
