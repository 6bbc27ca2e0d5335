"""The contacts of a portal, packed in blocks that a whole partition's import replaces."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from errors import InvalidInput, NotFound
from identifiers import PortalId, UserId, canonical_guid
from imports.model import Contact
from storage.blocks import (
    Layout,
    decode_contacts,
    digest,
    join_contacts,
    join_properties,
    split_properties,
)
from storage.tables import Page

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient

    from storage.sync_state import SyncStateStore
    from storage.tables import Tables

TABLE = "Contacts"
LAYOUT_KIND = "layout"
# A filtered list reads this many blocks a request at most, some 6,000 contacts.
MAX_BLOCKS_PER_PAGE = 64
_BLOCKS_PER_READ = 8
_DIGEST_COLUMNS = ["PartitionKey", "RowKey", "Digest", "Count"]


class BlockChanges(msgspec.Struct, frozen=True):
    """What applying a partition did, in contacts, and in rows written or deleted."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    rows_written: int = 0


class ContactStore:
    """Reads contacts by ID or in pages; replaces them a partition at a time."""

    def __init__(self, tables: Tables, sync_state: SyncStateStore) -> None:
        self._tables = tables
        self._sync_state = sync_state

    async def layout(self, portal_id: PortalId) -> Layout | None:
        """Where the portal's contacts stand, None before its first import."""
        stored = await self._sync_state.read(portal_id, LAYOUT_KIND)
        return msgspec.json.decode(stored, type=Layout) if stored is not None else None

    async def save_layout(self, portal_id: PortalId, layout: Layout) -> None:
        """Makes `layout` the one that readers follow."""
        await self._sync_state.write(portal_id, LAYOUT_KIND, msgspec.json.encode(layout))

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
        layout = await self.layout(portal_id)
        if layout is None:
            return {}
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
            contact.user_id: contact
            for row in rows
            if row is not None
            for contact in decode_contacts(join_properties("Data", row))
            if contact.user_id in wanted
        }

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
                if budget <= 0 and block:
                    return Page(items, f"{portal_id}|{block[-1].user_id}")
        return Page(items, None)

    async def blocks(
        self, portal_id: PortalId, after: UserId | None = None
    ) -> AsyncIterator[list[Contact]]:
        """The portal's contacts, a block at a time, in the order of user IDs.

        The first block may begin before `after`.
        """
        layout = await self.layout(portal_id)
        if layout is None:
            return
        first = layout.block_of(after) if after is not None else 0
        table = await self._tables.table(TABLE)
        for partition in layout.partitions:
            if partition < layout.partition_of_block(first):
                continue
            rows = self._tables.query(
                table,
                "PartitionKey eq @partition and RowKey ge @first",
                {
                    "partition": layout.partition_key(portal_id, partition),
                    "first": _row_key(first),
                },
                page_size=_BLOCKS_PER_READ,
            )
            async for row in rows:
                yield decode_contacts(join_properties("Data", row))

    async def replace_partition(
        self,
        portal_id: PortalId,
        layout: Layout,
        partition: int,
        encoded: Mapping[UserId, bytes],
        *,
        keep_unseen: bool,
    ) -> tuple[BlockChanges, dict[UserId, bytes]]:
        """Makes the partition hold exactly `encoded`, contacts as `encode_contact` makes them.

        Rows that already say so are not written. With `keep_unseen`, stored
        contacts missing from `encoded` stay. Returns what changed, and the
        partition's contacts as they now stand. Running it twice changes
        nothing the second time.
        """
        table = await self._tables.table(TABLE)
        key = layout.partition_key(portal_id, partition)
        if keep_unseen:
            stored = [contact async for contact in self._partition_contacts(table, key)]
            kept = {c.user_id: msgspec.msgpack.encode(c) for c in stored}
            encoded = {**kept, **encoded}
        contents: dict[str, tuple[bytes, int]] = {}
        grouped: dict[int, list[UserId]] = {}
        for user_id in sorted(encoded):
            grouped.setdefault(layout.block_of(user_id), []).append(user_id)
        for block, user_ids in grouped.items():
            content = join_contacts([encoded[user_id] for user_id in user_ids])
            contents[_row_key(block)] = (content, len(user_ids))
        stored_digests = {
            str(row["RowKey"]): str(row["Digest"])
            async for row in self._tables.query(
                table, "PartitionKey eq @partition", {"partition": key}, select=_DIGEST_COLUMNS
            )
        }
        digests = {row_key: digest(content) for row_key, (content, _) in contents.items()}
        written = [row for row in contents if stored_digests.get(row) != digests[row]]
        deleted = [row for row in stored_digests if row not in contents]
        changes = await self._compare(table, key, written, deleted, stored_digests, contents)
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
        return changes, dict(encoded)

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
        if not touched:
            return BlockChanges(
                added=sum(contents[row][1] for row in written), rows_written=len(written)
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
        await self.delete_other_layouts(portal_id, None)


def _row_key(block: int) -> str:
    return f"{block:06x}"


def _position(continuation: str | None) -> tuple[PortalId | None, UserId | None]:
    if continuation is None:
        return None, None
    portal_id, _, user_id = continuation.partition("|")
    if canonical_guid(portal_id) is None or canonical_guid(user_id) is None:
        raise InvalidInput(
            "continuation",
            "The continuation cannot be read.",
            remedy="Pass the continuation of the page before unchanged.",
        )
    return PortalId(portal_id), UserId(user_id)
