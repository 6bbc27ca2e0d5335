"""Contacts of an import under way, so that memory stays flat and the work can resume."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from identifiers import PortalId
from storage.blocks import join_properties, split_properties

if TYPE_CHECKING:
    from storage.tables import Tables

TABLE = "Staging"
# Rows of a large tenant hold some 16 KB each; a page of them stays within a few MB.
_ROWS_PER_READ = 200
_decoder = msgspec.msgpack.Decoder(list[bytes])


class StagingStore:
    """Chunks of contacts, encoded, by portal and staging partition."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def write(
        self, portal_id: PortalId, chunk: str, contacts: Mapping[int, Sequence[bytes]]
    ) -> None:
        """Writes the chunk of each staging partition; writing it again replaces it."""
        table = await self._tables.table(TABLE)
        await self._tables.submit(
            table,
            [
                (
                    "upsert",
                    {
                        "PartitionKey": portal_id,
                        "RowKey": f"{partition:02x}-{chunk}",
                        **split_properties(
                            "Data", zlib.compress(msgspec.msgpack.encode(staged), 1)
                        ),
                    },
                )
                for partition, staged in contacts.items()
            ],
        )

    async def read(
        self, portal_id: PortalId, partitions: range, chunks: Collection[str]
    ) -> AsyncIterator[list[bytes]]:
        """What the named chunks hold for the staging partitions, by name."""
        table = await self._tables.table(TABLE)
        async for row in self._tables.query(
            table,
            "PartitionKey eq @portal and RowKey ge @first and RowKey lt @last",
            {
                "portal": portal_id,
                "first": f"{partitions.start:02x}-",
                "last": f"{partitions.stop - 1:02x}.",
            },
            page_size=_ROWS_PER_READ,
        ):
            if str(row["RowKey"])[3:] in chunks:
                yield _decoder.decode(zlib.decompress(join_properties("Data", row)))

    async def clear(self, portal_id: PortalId) -> None:
        """Deletes everything staged for the portal."""
        await self._tables.delete_partitions(TABLE, portal_id, None)
