"""The index of who consumes a license: per partition and license, user IDs with a flag each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING

from compliance.consumers import consumer
from compliance.model import Consumer, ConsumerCounts
from compliance.tally import tally
from concurrency import run_all
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
from storage.digests import stored_digests
from storage.overlay import Overlay, flags_without
from storage.tables import Page, unusable_continuation

if TYPE_CHECKING:
    from storage.contacts import ContactStore
    from storage.tables import Tables

TABLE = "Consumers"
_COUNT_READERS = 8
# A partition has some 4,000 contacts; only a tenant beyond 15 million would need a second property.
_FLAG_COLUMNS = ["RowKey", "Flags0", "Flags1", "Flags2"]


class ConsumerStore:
    """Lists and counts consumers; replaces the index a partition at a time."""

    def __init__(self, tables: Tables, contacts: ContactStore) -> None:
        self._tables = tables
        self._contacts = contacts

    async def digests(
        self, portal_id: PortalId, layout: Layout, partitions: range
    ) -> dict[int, dict[str, str]]:
        """The digests of the partitions' index rows, by partition and license."""
        return await stored_digests(self._tables, TABLE, portal_id, layout, partitions)

    async def replace_partition(
        self,
        portal_id: PortalId,
        layout: Layout,
        partition: int,
        indexes: Mapping[SkuId, ConsumerIndex],
        *,
        stored: Mapping[str, str] | None = None,
    ) -> int:
        """Makes the partition's index exactly `indexes`; returns the rows written or deleted.

        `stored` are the partition's digests, if they have been read already.
        """
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
        if stored is None:
            stored = (await self.digests(portal_id, layout, range(partition, partition + 1)))[
                partition
            ]
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
        while True:
            standing = await self._contacts.standing(portal_id)
            if standing is None:
                return {}
            layout, overlay = standing
            flags = await self._flags(portal_id, layout, overlay)
            if await self._contacts.layout(portal_id) == layout:
                break
            # an import switched to another layout: what was read may lack rows
        for sku_id, index in overlay.indexes.items():
            flags.setdefault(sku_id, []).append(bytes(index.flags))
        return {sku_id: tally(parts) for sku_id, parts in flags.items()}

    async def _flags(
        self, portal_id: PortalId, layout: Layout, overlay: Overlay
    ) -> dict[SkuId, list[bytes]]:
        """The flag bytes of each license's consumers, but of those that the overlay knows."""
        table = await self._tables.table(TABLE)
        masked = overlay.packed_by_partition(layout)
        flags: dict[SkuId, list[bytes]] = {}

        async def read(partition: int) -> None:
            async for row in self._tables.query(
                table,
                "PartitionKey eq @partition",
                {"partition": layout.partition_key(portal_id, partition)},
                # the IDs are sixteen times the flags, and needed only to leave some out
                select=None if partition in masked else _FLAG_COLUMNS,
            ):
                part = join_properties("Flags", row)
                if partition in masked:
                    part = flags_without(join_properties("Ids", row), part, masked[partition])
                flags.setdefault(SkuId(str(row["RowKey"])), []).append(part)

        await run_all((read(partition) for partition in layout.partitions), at_once=_COUNT_READERS)
        return flags

    async def list_page(
        self, portal_id: PortalId, sku_id: SkuId, *, top: int, continuation: str | None
    ) -> Page[Consumer]:
        """Consumers of one license by user ID; what it costs depends on `top` alone."""
        after: UserId | None = None
        if continuation is not None:
            position = canonical_guid(continuation)
            if position is None:
                raise unusable_continuation()
            after = UserId(position)
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
        """The consumers' IDs after `after`, sorted, some partitions at a time."""
        standing = await self._contacts.standing(portal_id)
        while standing is not None:
            layout, overlay = standing
            first = layout.partition_of_block(layout.block_of(after)) if after is not None else 0
            start, width = first, 1
            while start < len(layout.partitions):
                # a popular license fills the page from one partition, a rare one needs them all
                partitions = layout.partitions[start : start + width]
                found = await self._read_index(portal_id, sku_id, layout, overlay, partitions)
                if await self._contacts.layout(portal_id) != layout:
                    # an import switched to another layout: what was read may lack rows
                    break
                found = [u for u in found if u > after] if after is not None else found
                if found:
                    yield found
                    after = found[-1]
                start, width = start + width, width * 4
            else:
                return
            standing = await self._contacts.standing(portal_id)

    async def _read_index(
        self,
        portal_id: PortalId,
        sku_id: SkuId,
        layout: Layout,
        overlay: Overlay,
        partitions: range,
    ) -> list[UserId]:
        table = await self._tables.table(TABLE)
        rows = await self._tables.get_many(
            table, [(layout.partition_key(portal_id, p), sku_id) for p in partitions]
        )
        found = [
            user_id
            for row in rows
            if row is not None
            for user_id in unpack_user_ids(join_properties("Ids", row))
        ]
        if len(overlay):
            laid_over = overlay.indexes.get(sku_id)
            low = layout.first_id_of(layout.blocks_of(partitions.start).start)
            high = layout.first_id_of(layout.blocks_of(partitions.stop - 1).stop)
            found = [user_id for user_id in found if user_id not in overlay]
            if laid_over is not None:
                found += [user_id for user_id in laid_over.user_ids if low <= user_id < high]
                found.sort()
        return found

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
