"""The usage of a portal's contacts, packed in blocks; a run replaces all of it at once."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from identifiers import PortalId, UserId
from storage.blocks import Layout, join_properties, layout_for, next_generation, split_properties
from usage.model import Usage, UsageStatus

if TYPE_CHECKING:
    from storage.sync_state import SyncStateStore
    from storage.tables import Operation, Tables

TABLE = "Usage"
STATUS_KIND = "usage"
_BLOCKS_PER_READ = 8
_BLOCKS_PER_WRITE = 64
_decoder = msgspec.msgpack.Decoder(list[Usage])


class _Generation(msgspec.Struct, frozen=True):
    """What readers follow: the last complete run, and where its blocks stand."""

    status: UsageStatus
    layout: Layout


class UsageStore:
    """Reads usage by user ID or block by block; replaces a portal's usage as a whole."""

    def __init__(self, tables: Tables, sync_state: SyncStateStore) -> None:
        self._tables = tables
        self._sync_state = sync_state

    async def status(self, portal_id: PortalId) -> UsageStatus | None:
        """The last complete usage run of the portal, None before the first."""
        generation = await self._generation(portal_id)
        return generation.status if generation is not None else None

    async def get_many(
        self, portal_id: PortalId, user_ids: Sequence[UserId]
    ) -> dict[UserId, Usage]:
        """The usage of those contacts of which anything is known; each block is read once."""
        generation = await self._generation(portal_id)
        if generation is None or not user_ids:
            return {}
        layout = generation.layout
        wanted = frozenset(user_ids)
        blocks = sorted({layout.block_of(user_id) for user_id in wanted})
        table = await self._tables.table(TABLE)
        rows = await self._tables.get_many(
            table,
            [
                (layout.partition_key(portal_id, layout.partition_of_block(b)), _row_key(b))
                for b in blocks
            ],
        )
        return {
            usage.user_id: usage
            for row in rows
            if row is not None
            for usage in _decode(join_properties("Data", row))
            if usage.user_id in wanted
        }

    async def blocks(self, portal_id: PortalId) -> AsyncIterator[list[Usage]]:
        """The portal's usage, a block at a time, in the order of user IDs."""
        generation = await self._generation(portal_id)
        if generation is None:
            return
        table = await self._tables.table(TABLE)
        for partition in generation.layout.partitions:
            async for row in self._tables.query(
                table,
                "PartitionKey eq @partition",
                {"partition": generation.layout.partition_key(portal_id, partition)},
                page_size=_BLOCKS_PER_READ,
            ):
                yield _decode(join_properties("Data", row))

    async def replace(
        self,
        status: UsageStatus,
        usages: AsyncIterator[Sequence[Usage]],
        *,
        contact_count: int,
    ) -> int:
        """Makes `usages` all that is known of the portal's contacts; returns their number.

        They come in the order of user IDs, a batch at a time; `contact_count`
        decides on the layout. Readers see the old run until the new one is
        complete, and never parts of both.
        """
        portal_id = status.portal_id
        generation = await self._generation(portal_id)
        current = generation.layout if generation is not None else None
        layout = layout_for(contact_count, current)
        if layout == current:
            layout = next_generation(layout)
        # what a run that was killed has left under these keys
        await self._tables.delete_partitions(TABLE, layout.key_prefix(portal_id), None)
        count = await self._write(portal_id, layout, usages)
        await self._sync_state.write(
            portal_id, STATUS_KIND, msgspec.json.encode(_Generation(status, layout))
        )
        await self._tables.delete_partitions(TABLE, f"{portal_id}|", layout.key_prefix(portal_id))
        return count

    async def delete_portal(self, portal_id: PortalId) -> None:
        """Deletes the portal's usage."""
        await self._sync_state.delete(portal_id, STATUS_KIND)
        await self._tables.delete_partitions(TABLE, f"{portal_id}|", None)

    async def _write(
        self, portal_id: PortalId, layout: Layout, usages: AsyncIterator[Sequence[Usage]]
    ) -> int:
        table = await self._tables.table(TABLE)
        count, block = 0, 0
        held: list[Usage] = []
        operations: list[Operation] = []

        def close_block() -> None:
            if held:
                partition = layout.partition_of_block(block)
                row = {
                    "PartitionKey": layout.partition_key(portal_id, partition),
                    "RowKey": _row_key(block),
                    **split_properties("Data", _encode(held)),
                }
                operations.append(("upsert", row))
                held.clear()

        async for batch in usages:
            for usage in batch:
                belongs = layout.block_of(usage.user_id)
                if belongs != block:
                    close_block()
                    block = belongs
                held.append(usage)
                count += 1
            if len(operations) >= _BLOCKS_PER_WRITE:
                await self._tables.submit(table, operations)
                operations.clear()
        close_block()
        await self._tables.submit(table, operations)
        return count

    async def _generation(self, portal_id: PortalId) -> _Generation | None:
        stored = await self._sync_state.read(portal_id, STATUS_KIND)
        return msgspec.json.decode(stored, type=_Generation) if stored is not None else None


def _encode(usages: Sequence[Usage]) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(usages), 1)


def _decode(content: bytes) -> list[Usage]:
    return _decoder.decode(zlib.decompress(content))


def _row_key(block: int) -> str:
    return f"{block:06x}"
