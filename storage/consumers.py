"""The index of who consumes a license: per partition and license, user IDs with a flag each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING

from compliance.consumers import consumer
from compliance.model import Consumer, ConsumerCounts
from compliance.tally import tally
from concurrency import run_all
from errors import InvalidInput
from identifiers import PortalId, SkuId, UserId, canonical_guid
from storage.blocks import (
    ConsumerIndex,
    Layout,
    digest,
    join_properties,
    pack_user_ids,
    split_properties,
    unpack_user_ids,
)
from storage.tables import Page

if TYPE_CHECKING:
    from storage.contacts import ContactStore
    from storage.tables import Tables

TABLE = "Consumers"
_COUNT_READERS = 8


class ConsumerStore:
    """Lists and counts consumers; replaces the index a partition at a time."""

    def __init__(self, tables: Tables, contacts: ContactStore) -> None:
        self._tables = tables
        self._contacts = contacts

    async def replace_partition(
        self,
        portal_id: PortalId,
        layout: Layout,
        partition: int,
        indexes: Mapping[SkuId, ConsumerIndex],
    ) -> int:
        """Makes the partition's index exactly `indexes`; returns the rows written or deleted."""
        table = await self._tables.table(TABLE)
        key = layout.partition_key(portal_id, partition)
        rows: dict[str, dict[str, object]] = {}
        for sku_id, index in indexes.items():
            user_ids = pack_user_ids(index.user_ids)
            flags = bytes(index.flags)
            rows[sku_id] = {
                "PartitionKey": key,
                "RowKey": sku_id,
                "Digest": digest(user_ids + flags),
                "Count": len(index.user_ids),
                **split_properties("Ids", user_ids),
                **split_properties("Flags", flags),
            }
        stored = {
            str(row["RowKey"]): row["Digest"]
            async for row in self._tables.query(
                table,
                "PartitionKey eq @partition",
                {"partition": key},
                select=["RowKey", "Digest"],
            )
        }
        operations: list[tuple[str, dict[str, object]]] = [
            ("upsert", row) for sku, row in rows.items() if stored.get(sku) != row["Digest"]
        ]
        operations += [
            ("delete", {"PartitionKey": key, "RowKey": sku}) for sku in stored if sku not in rows
        ]
        await self._tables.submit(table, operations)
        return len(operations)

    async def counts(self, portal_id: PortalId) -> dict[SkuId, ConsumerCounts]:
        """How the assignments of each license of the portal stand."""
        layout = await self._contacts.layout(portal_id)
        if layout is None:
            return {}
        table = await self._tables.table(TABLE)
        flags: dict[SkuId, list[bytes]] = {}

        async def read(partition: int) -> None:
            async for row in self._tables.query(
                table,
                "PartitionKey eq @partition",
                {"partition": layout.partition_key(portal_id, partition)},
            ):
                sku_id = SkuId(str(row["RowKey"]))
                flags.setdefault(sku_id, []).append(join_properties("Flags", row))

        await run_all((read(partition) for partition in layout.partitions), at_once=_COUNT_READERS)
        return {sku_id: tally(parts) for sku_id, parts in flags.items()}

    async def list_page(
        self, portal_id: PortalId, sku_id: SkuId, *, top: int, continuation: str | None
    ) -> Page[Consumer]:
        """Consumers of one license by user ID; what it costs depends on `top` alone."""
        if continuation is not None and canonical_guid(continuation) is None:
            raise InvalidInput(
                "continuation",
                "The continuation cannot be read.",
                remedy="Pass the continuation of the page before unchanged.",
            )
        after = UserId(continuation) if continuation is not None else None
        user_ids: list[UserId] = []
        async for part in self._user_ids(portal_id, sku_id, after):
            user_ids += part
            if len(user_ids) > top:
                break
        page = user_ids[:top]
        contacts = await self._contacts.get_many(portal_id, page)
        items = [
            found
            for user_id in page
            if user_id in contacts
            and (found := consumer(portal_id, sku_id, contacts[user_id])) is not None
        ]
        return Page(items, page[-1] if len(user_ids) > top else None)

    async def _user_ids(
        self, portal_id: PortalId, sku_id: SkuId, after: UserId | None
    ) -> AsyncIterator[list[UserId]]:
        layout = await self._contacts.layout(portal_id)
        if layout is None:
            return
        first = layout.partition_of_block(layout.block_of(after)) if after is not None else 0
        table = await self._tables.table(TABLE)
        start, width = first, 1
        while start < len(layout.partitions):
            # a popular license fills the page from one partition, a rare one needs them all
            rows = await self._tables.get_many(
                table,
                [
                    (layout.partition_key(portal_id, partition), sku_id)
                    for partition in layout.partitions[start : start + width]
                ],
            )
            for row in rows:
                if row is not None:
                    user_ids = unpack_user_ids(join_properties("Ids", row))
                    yield [u for u in user_ids if u > after] if after is not None else user_ids
            start, width = start + width, width * 4

    async def delete_license(self, portal_id: PortalId, sku_id: SkuId) -> None:
        """Deletes the index of one license."""
        layout = await self._contacts.layout(portal_id)
        if layout is None:
            return
        table = await self._tables.table(TABLE)
        keys = [(layout.partition_key(portal_id, p), str(sku_id)) for p in layout.partitions]
        rows = await self._tables.get_many(table, keys)
        await self._tables.submit(
            table,
            [
                ("delete", {"PartitionKey": partition_key, "RowKey": row_key})
                for (partition_key, row_key), row in zip(keys, rows, strict=True)
                if row is not None
            ],
        )

    async def delete_other_layouts(self, portal_id: PortalId, keep: Layout | None) -> None:
        """Deletes the portal's rows of every layout but `keep`; all of them if None."""
        await self._tables.delete_partitions(
            TABLE, f"{portal_id}|", keep.key_prefix(portal_id) if keep else None
        )
