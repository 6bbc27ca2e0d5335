"""Records of a portal packed in blocks by ID, of which a run replaces all at once."""

from __future__ import annotations

import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from identifiers import PortalId, canonical_guid
from storage.blocks import Layout, join_properties, layout_for, next_generation, split_properties
from storage.tables import Page, unusable_continuation

if TYPE_CHECKING:
    from storage.sync_state import SyncStateStore
    from storage.tables import Operation, Tables

Record = TypeVar("Record")
# A filtered list reads this many blocks a request at most, some 6,000 records.
MAX_BLOCKS_PER_PAGE = 64
_BLOCKS_PER_READ = 8
_BLOCKS_PER_WRITE = 64


class _Generation(msgspec.Struct, frozen=True):
    """What readers follow: where the records stand, and what the run says of them."""

    layout: Layout
    note: msgspec.Raw


# For a portal: what of a record may be known, None for nothing.
Screen = Callable[[PortalId], Awaitable[Callable[[Record], Record | None]]]


class GenerationStore(Generic[Record]):
    """One table of records, addressed by GUIDs.

    Readers follow the layout kept in SyncState under `kind`, so they see one
    generation until the next is complete. A note goes with each generation
    and changes in the same moment.
    """

    def __init__(
        self,
        tables: Tables,
        sync_state: SyncStateStore,
        table: str,
        kind: str,
        record_type: type[Record],
        id_of: Callable[[Record], str],
        screen: Screen[Record],
    ) -> None:
        self._tables = tables
        self._sync_state = sync_state
        self._table = table
        self._kind = kind
        self._id_of = id_of
        self._screen = screen
        self._decoder = msgspec.msgpack.Decoder(list[record_type])  # type: ignore[valid-type]  # a type at run time

    async def note(self, portal_id: PortalId) -> bytes | None:
        """What the last complete run noted, None before the first."""
        generation = await self._generation(portal_id)
        return bytes(generation.note) if generation is not None else None

    async def _generation(self, portal_id: PortalId) -> _Generation | None:
        stored = await self._sync_state.read(portal_id, self._kind)
        return msgspec.json.decode(stored, type=_Generation) if stored is not None else None

    async def _layout(self, portal_id: PortalId) -> Layout | None:
        generation = await self._generation(portal_id)
        return generation.layout if generation is not None else None

    async def get_many(self, portal_id: PortalId, ids: Sequence[str]) -> dict[str, Record]:
        """Those of the records that exist, by ID; each block is read once."""
        layout = await self._layout(portal_id)
        if layout is None or not ids:
            return {}
        wanted = frozenset(ids)
        blocks = sorted({_block_of(layout, id_) for id_ in wanted})
        table = await self._tables.table(self._table)
        rows = await self._tables.get_many(
            table,
            [
                (layout.partition_key(portal_id, layout.partition_of_block(b)), _row_key(b))
                for b in blocks
            ],
        )
        return {
            id_: record
            for row in rows
            if row is not None
            for record in self._decode(join_properties("Data", row))
            if (id_ := self._id_of(record)) in wanted
        }

    async def blocks(
        self, portal_id: PortalId, after: str | None = None
    ) -> AsyncGenerator[list[Record], None]:
        """The portal's records, a block at a time, in the order of IDs.

        The first block may begin before `after`.
        """
        layout = await self._layout(portal_id)
        if layout is None:
            return
        first = _block_of(layout, after) if after is not None else 0
        table = await self._tables.table(self._table)
        for partition in layout.partitions:
            if partition < layout.partition_of_block(first):
                continue
            async for row in self._tables.query(
                table,
                "PartitionKey eq @partition and RowKey ge @first",
                {
                    "partition": layout.partition_key(portal_id, partition),
                    "first": _row_key(first),
                },
                page_size=_BLOCKS_PER_READ,
            ):
                yield self._decode(join_properties("Data", row))

    async def list_page(
        self,
        portal_ids: Sequence[PortalId],
        *,
        top: int,
        continuation: str | None,
        matches: Callable[[Record], bool],
    ) -> Page[tuple[PortalId, Record]]:
        """Records of the portals that match, in the order of portal and ID.

        A page may hold fewer than `top` and still continue, since a request
        reads a bounded number of blocks.
        """
        after_portal, after_id = _position(continuation)
        items: list[tuple[PortalId, Record]] = []
        budget = MAX_BLOCKS_PER_PAGE
        for portal_id in sorted(portal_ids):
            if after_portal is not None and portal_id < after_portal:
                continue
            after = after_id if portal_id == after_portal else None
            async for block in self.blocks(portal_id, after):
                budget -= 1
                for record in block:
                    if (after is not None and self._id_of(record) <= after) or not matches(record):
                        continue
                    items.append((portal_id, record))
                    if len(items) > top:
                        items.pop()
                        return Page(items, f"{portal_id}|{self._id_of(items[-1][1])}")
                if budget <= 0 and block:
                    return Page(items, f"{portal_id}|{self._id_of(block[-1])}")
        return Page(items, None)

    async def replace(
        self,
        portal_id: PortalId,
        batches: AsyncIterator[Sequence[Record]],
        *,
        expected: int,
        note: bytes = b"null",
    ) -> int:
        """Makes `batches`, in the order of IDs, all that there is; returns the number.

        About `expected` records decide on the layout; `note` is JSON.
        """
        current = await self._layout(portal_id)
        layout = layout_for(expected, current)
        if layout == current:
            layout = next_generation(layout)
        # what a run that was killed has left under these keys
        await self._tables.delete_partitions(self._table, layout.key_prefix(portal_id), None)
        count = await self._write(portal_id, layout, batches, await self._screen(portal_id))
        generation = _Generation(layout, msgspec.Raw(note))
        await self._sync_state.write(portal_id, self._kind, msgspec.json.encode(generation))
        await self._tables.delete_partitions(
            self._table, f"{portal_id}|", layout.key_prefix(portal_id)
        )
        return count

    async def screen(self, portal_id: PortalId) -> None:
        """Writes anew what there is, without what may no longer be known."""
        note = await self.note(portal_id)
        if note is None:
            return
        count = 0
        async for block in self.blocks(portal_id):
            count += len(block)
        await self.replace(portal_id, self.blocks(portal_id), expected=count, note=note)

    async def delete_portal(self, portal_id: PortalId) -> None:
        """Deletes the portal's records."""
        await self._sync_state.delete(portal_id, self._kind)
        await self._tables.delete_partitions(self._table, f"{portal_id}|", None)

    async def _write(
        self,
        portal_id: PortalId,
        layout: Layout,
        batches: AsyncIterator[Sequence[Record]],
        screened: Callable[[Record], Record | None],
    ) -> int:
        table = await self._tables.table(self._table)
        count, block = 0, 0
        held: list[Record] = []
        operations: list[Operation] = []

        def close_block() -> None:
            if held:
                partition = layout.partition_of_block(block)
                row = {
                    "PartitionKey": layout.partition_key(portal_id, partition),
                    "RowKey": _row_key(block),
                    **split_properties("Data", zlib.compress(msgspec.msgpack.encode(held), 1)),
                }
                operations.append(("upsert", row))
                held.clear()

        async for batch in batches:
            for given in batch:
                record = screened(given)
                if record is None:
                    continue
                belongs = _block_of(layout, self._id_of(record))
                if belongs != block:
                    close_block()
                    block = belongs
                held.append(record)
                count += 1
            if len(operations) >= _BLOCKS_PER_WRITE:
                await self._tables.submit(table, operations)
                operations.clear()
        close_block()
        await self._tables.submit(table, operations)
        return count

    def _decode(self, content: bytes) -> list[Record]:
        return self._decoder.decode(zlib.decompress(content))


def _position(continuation: str | None) -> tuple[str | None, str | None]:
    if continuation is None:
        return None, None
    portal_id, _, id_ = continuation.partition("|")
    if canonical_guid(portal_id) is None or canonical_guid(id_) is None:
        raise unusable_continuation()
    return portal_id, id_


def _block_of(layout: Layout, id_: str) -> int:
    return int(id_[:8], 16) >> (32 - layout.block_bits)


def _row_key(block: int) -> str:
    return f"{block:06x}"
