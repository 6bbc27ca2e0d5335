"""The contacts of a portal, packed in blocks that a whole partition's import replaces."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from errors import NotFound
from identifiers import PortalId, UserId, canonical_guid
from imports.model import Contact
from storage.blocks import (
    Layout,
    decode_contacts,
    digest,
    encode_contact,
    join_contacts,
    join_properties,
    split_properties,
)
from storage.digests import stored_digests
from storage.overlay import NOTHING, Overlay, decode_overlay
from storage.tables import Page, unusable_continuation

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient

    from storage.sync_state import SyncStateStore
    from storage.tables import Tables

TABLE = "Contacts"
LAYOUT_KIND = "layout"
_OVERLAY_KIND = "overlay-"
# An entity may have 1 MiB.
_PIECE_BYTES = 800_000
_OVERLAYS_KEPT = 8
# A filtered list reads this many blocks a request at most, some 6,000 contacts.
MAX_BLOCKS_PER_PAGE = 64
_BLOCKS_PER_READ = 8


class BlockChanges(msgspec.Struct, frozen=True):
    """What applying a partition did, in contacts, and in rows written or deleted."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    rows_written: int = 0


class _Standing(msgspec.Struct, frozen=True):
    """The layout, and where the overlay stands that belongs to it."""

    generation: int
    block_bits: int
    partition_bits: int
    overlay: str | None = None
    overlay_rows: int = 0


class ContactStore:
    """Reads contacts by ID or in pages; replaces them a partition at a time."""

    def __init__(self, tables: Tables, sync_state: SyncStateStore) -> None:
        self._tables = tables
        self._sync_state = sync_state
        self._overlays: dict[PortalId, tuple[str, Overlay]] = {}

    async def layout(self, portal_id: PortalId) -> Layout | None:
        """Where the portal's contacts stand, None before its first import."""
        stored = await self._sync_state.read(portal_id, LAYOUT_KIND)
        return msgspec.json.decode(stored, type=Layout) if stored is not None else None

    async def save_layout(self, portal_id: PortalId, layout: Layout) -> None:
        """Makes `layout` the one that readers follow, with nothing laid over it."""
        await self._sync_state.replace(
            portal_id, {LAYOUT_KIND: msgspec.json.encode(layout)}, instead_of=_OVERLAY_KIND
        )

    async def save_overlay(self, portal_id: PortalId, layout: Layout, overlay: Overlay) -> int:
        """Lays changed contacts over the layout, instead of those before; returns rows written.

        What is stored already is not written. `overlay` must be within the
        limits of `storage.overlay`.
        """
        content = overlay.encode()
        pieces = [content[at : at + _PIECE_BYTES] for at in range(0, len(content), _PIECE_BYTES)]
        standing = _Standing(
            layout.generation,
            layout.block_bits,
            layout.partition_bits,
            overlay=digest(content),
            overlay_rows=len(pieces),
        )
        state = msgspec.json.encode(standing)
        if await self._sync_state.read(portal_id, LAYOUT_KIND) == state:
            return 0
        rows = dict(zip(_piece_names(standing), pieces, strict=True))
        await self._sync_state.replace(
            portal_id, {LAYOUT_KIND: state, **rows}, instead_of=_OVERLAY_KIND
        )
        return len(rows) + 1

    async def standing(self, portal_id: PortalId) -> tuple[Layout, Overlay] | None:
        """Where the portal's contacts stand and what is laid over them, None before its import."""
        while True:
            stored = await self._sync_state.read(portal_id, LAYOUT_KIND)
            if stored is None:
                return None
            standing = msgspec.json.decode(stored, type=_Standing)
            layout = msgspec.json.decode(stored, type=Layout)
            if standing.overlay is None:
                return layout, NOTHING
            known = self._overlays.get(portal_id)
            if known is not None and known[0] == standing.overlay:
                return layout, known[1]
            pieces = await self._sync_state.read_many(portal_id, _piece_names(standing))
            if None not in pieces:
                overlay = decode_overlay(b"".join(piece or b"" for piece in pieces))
                self._overlays.pop(portal_id, None)
                while len(self._overlays) >= _OVERLAYS_KEPT:
                    self._overlays.pop(next(iter(self._overlays)))
                self._overlays[portal_id] = (standing.overlay, overlay)
                return layout, overlay
            # an import replaced it between the two reads

    async def get(self, portal_id: PortalId, user_id: UserId) -> Contact:
        """One contact. Raises NotFound."""
        found = await self.get_many(portal_id, [user_id])
        if user_id not in found:
            raise NotFound(
                f"Portal {portal_id} has no contact {user_id}.",
                remedy="List the portal's contacts for the IDs it has.",
            )
        return found[user_id]

    async def get_many(
        self, portal_id: PortalId, user_ids: Sequence[UserId]
    ) -> dict[UserId, Contact]:
        """Those of the contacts that exist, by ID; each block is read once."""
        wanted = frozenset(user_ids)
        while True:
            standing = await self.standing(portal_id)
            if standing is None:
                return {}
            layout, overlay = standing
            stored = [user_id for user_id in wanted if user_id not in overlay]
            found = {
                contact.user_id: contact
                for contact in await self._stored(portal_id, layout, stored)
                if contact.user_id in wanted and contact.user_id not in overlay
            }
            if len(found) == len(stored) or await self.layout(portal_id) == layout:
                break
        laid_over = {u: overlay.get(u) for u in wanted if u in overlay}
        return found | {u: contact for u, contact in laid_over.items() if contact is not None}

    async def _stored(
        self, portal_id: PortalId, layout: Layout, user_ids: Sequence[UserId]
    ) -> list[Contact]:
        """What the blocks in which the contacts belong hold, with others of the same blocks."""
        blocks = sorted({layout.block_of(user_id) for user_id in user_ids})
        table = await self._tables.table(TABLE)
        rows = await self._tables.get_many(
            table,
            [
                (layout.partition_key(portal_id, layout.partition_of_block(b)), _row_key(b))
                for b in blocks
            ],
        )
        return [
            contact
            for row in rows
            if row is not None
            for contact in decode_contacts(join_properties("Data", row))
        ]

    async def list_page(
        self,
        portal_ids: Sequence[PortalId],
        *,
        top: int,
        continuation: str | None,
        matches: Callable[[Contact], bool] | None = None,
    ) -> Page[tuple[PortalId, Contact]]:
        """Contacts of the portals, in the order of portal and user ID.

        With `matches`, a page may hold fewer than `top` and still continue,
        since a request reads a bounded number of blocks.
        """
        portals = sorted(portal_ids)
        after_portal, after_user = _position(continuation)
        items: list[tuple[PortalId, Contact]] = []
        budget = MAX_BLOCKS_PER_PAGE
        for portal_id in portals:
            if after_portal is not None and portal_id < after_portal:
                continue
            after = after_user if portal_id == after_portal else None
            async for block in self.blocks(portal_id, after):
                budget -= 1
                for contact in block:
                    if after is not None and contact.user_id <= after:
                        continue
                    if matches is not None and not matches(contact):
                        continue
                    items.append((portal_id, contact))
                    if len(items) > top:
                        items.pop()
                        return Page(items, f"{portal_id}|{items[-1][1].user_id}")
                if budget <= 0:
                    return Page(items, f"{portal_id}|{block[-1].user_id}")
        return Page(items, None)

    async def blocks(
        self, portal_id: PortalId, after: UserId | None = None
    ) -> AsyncIterator[list[Contact]]:
        """The portal's contacts, a block at a time, in the order of user IDs.

        The first block may begin before `after`.
        """
        standing = await self.standing(portal_id)
        width = _BLOCKS_PER_READ
        while standing is not None:
            layout, overlay = standing
            block = layout.block_of(after) if after is not None else 0
            while block < 1 << layout.block_bits:
                stop = min(block + width, layout.blocks_of(layout.partition_of_block(block)).stop)
                found = await self._read_blocks(portal_id, layout, overlay, range(block, stop))
                if await self.layout(portal_id) != layout:
                    # an import switched to another layout: what was read may lack rows
                    break
                # given away one by one, so that they need not wait for the next to be read
                found.reverse()
                while found:
                    contacts = found.pop()
                    after = contacts[-1].user_id
                    yield contacts
                block, width = stop, min(2 * width, MAX_BLOCKS_PER_PAGE)
            else:
                return
            standing = await self.standing(portal_id)

    async def _read_blocks(
        self, portal_id: PortalId, layout: Layout, overlay: Overlay, blocks: range
    ) -> list[list[Contact]]:
        """The blocks, all of one partition, with what is laid over them; none of them empty."""
        table = await self._tables.table(TABLE)
        partition = layout.partition_of_block(blocks.start)
        rows = self._tables.query(
            table,
            "PartitionKey eq @partition and RowKey ge @first and RowKey lt @stop",
            {
                "partition": layout.partition_key(portal_id, partition),
                "first": _row_key(blocks.start),
                "stop": _row_key(blocks.stop),
            },
        )
        found: list[list[Contact]] = []
        low = layout.first_id_of(blocks.start)
        async for row in rows:
            # what is laid over a gap before the block comes with it
            high = layout.first_id_of(int(row["RowKey"], 16) + 1)
            found.append(overlay.over(decode_contacts(join_properties("Data", row)), low, high))
            low = high
        found.append(overlay.over([], low, layout.first_id_of(blocks.stop)))
        return [contacts for contacts in found if contacts]

    async def partition(
        self, portal_id: PortalId, layout: Layout, partition: int, overlay: Overlay
    ) -> dict[UserId, bytes]:
        """The partition's contacts as `encode_contact` makes them, as `overlay` has them."""
        table = await self._tables.table(TABLE)
        key = layout.partition_key(portal_id, partition)
        stored = [contact async for contact in self._partition_contacts(table, key)]
        return overlay.over_encoded(
            {contact.user_id: encode_contact(contact) for contact in stored},
            layout.first_id_of(layout.blocks_of(partition).start),
            layout.first_id_of(layout.blocks_of(partition).stop),
        )

    async def digests(
        self, portal_id: PortalId, layout: Layout, partitions: range
    ) -> dict[int, dict[str, str]]:
        """The digests of the partitions' blocks, by partition and row key."""
        return await stored_digests(self._tables, TABLE, portal_id, layout, partitions)

    async def replace_partition(
        self,
        portal_id: PortalId,
        layout: Layout,
        partition: int,
        encoded: Mapping[UserId, bytes],
        *,
        keep_unseen: bool,
        overlay: Overlay = NOTHING,
        stored: Mapping[str, str] | None = None,
    ) -> tuple[BlockChanges, dict[UserId, bytes]]:
        """Makes the partition hold exactly `encoded`, contacts as `encode_contact` makes them.

        Rows that already say so are not written. With `keep_unseen`, stored
        contacts missing from `encoded` stay, as `overlay` has them. Returns
        what changed against what readers saw, and the partition's contacts as
        they now stand, in the order of their IDs. Running it twice changes
        nothing the second time. `stored` are the partition's digests, if they
        have been read already.
        """
        table = await self._tables.table(TABLE)
        key = layout.partition_key(portal_id, partition)
        kept = await self.partition(portal_id, layout, partition, overlay) if keep_unseen else {}
        standing = dict(sorted({**kept, **encoded}.items()))
        contents: dict[str, tuple[bytes, int]] = {}
        grouped: dict[int, list[UserId]] = {}
        for user_id in standing:
            grouped.setdefault(layout.block_of(user_id), []).append(user_id)
        for block, user_ids in grouped.items():
            content = join_contacts([standing[user_id] for user_id in user_ids])
            contents[_row_key(block)] = (content, len(user_ids))
        if stored is None:
            stored = (await self.digests(portal_id, layout, range(partition, partition + 1)))[
                partition
            ]
        digests = {row_key: digest(content) for row_key, (content, _) in contents.items()}
        written = [row for row in contents if stored.get(row) != digests[row]]
        deleted = [row for row in stored if row not in contents]
        changes = await self._compare(
            table, key, layout, overlay, written, deleted, stored, contents
        )
        await self._tables.submit(
            table,
            [
                *(
                    (
                        "upsert",
                        {
                            "PartitionKey": key,
                            "RowKey": row,
                            "Digest": digests[row],
                            "Count": contents[row][1],
                            **split_properties("Data", contents[row][0]),
                        },
                    )
                    for row in written
                ),
                *(("delete", {"PartitionKey": key, "RowKey": row}) for row in deleted),
            ],
        )
        return changes, standing

    async def _partition_contacts(self, table: TableClient, key: str) -> AsyncIterator[Contact]:
        rows = self._tables.query(
            table, "PartitionKey eq @partition", {"partition": key}, page_size=_BLOCKS_PER_READ
        )
        async for row in rows:
            for contact in decode_contacts(join_properties("Data", row)):
                yield contact

    async def _compare(
        self,
        table: TableClient,
        key: str,
        layout: Layout,
        overlay: Overlay,
        written: Sequence[str],
        deleted: Sequence[str],
        stored: Mapping[str, str],
        contents: Mapping[str, tuple[bytes, int]],
    ) -> BlockChanges:
        touched = [row for row in [*written, *deleted] if row in stored]
        rows = await self._tables.get_many(table, [(key, row) for row in touched])
        before: dict[UserId, Contact] = {
            contact.user_id: contact
            for row in rows
            if row is not None
            for contact in decode_contacts(join_properties("Data", row))
        }
        for row_key in [*written, *deleted]:
            block = int(row_key, 16)
            for user_id in overlay.between(
                layout.first_id_of(block), layout.first_id_of(block + 1)
            ):
                contact = overlay.get(user_id)
                if contact is None:
                    before.pop(user_id, None)
                else:
                    before[user_id] = contact
        if not before:
            return BlockChanges(
                added=sum(contents[row][1] for row in written),
                rows_written=len(written) + len(deleted),
            )
        added = changed = 0
        for row_key in written:
            for contact in decode_contacts(contents[row_key][0]):
                known = before.pop(contact.user_id, None)
                added += known is None
                changed += known is not None and known != contact
        return BlockChanges(added, changed, len(before), len(written) + len(deleted))

    async def delete_other_layouts(self, portal_id: PortalId, keep: Layout | None) -> None:
        """Deletes the portal's rows of every layout but `keep`; all of them if None."""
        await self._tables.delete_partitions(
            TABLE, f"{portal_id}|", keep.key_prefix(portal_id) if keep else None
        )

    async def delete_portal(self, portal_id: PortalId) -> None:
        """Deletes the portal's contacts."""
        await self._sync_state.delete(portal_id, LAYOUT_KIND)
        self._overlays.pop(portal_id, None)
        await self.delete_other_layouts(portal_id, None)


def _piece_names(standing: _Standing) -> list[str]:
    return [f"{_OVERLAY_KIND}{standing.overlay}-{n}" for n in range(standing.overlay_rows)]


def _row_key(block: int) -> str:
    return f"{block:06x}"


def _position(continuation: str | None) -> tuple[PortalId | None, UserId | None]:
    if continuation is None:
        return None, None
    portal_text, _, user_text = continuation.partition("|")
    portal_id, user_id = canonical_guid(portal_text), canonical_guid(user_text)
    if portal_id is None or user_id is None:
        raise unusable_continuation()
    return PortalId(portal_id), UserId(user_id)
