"""What a usage run under way has read, so that another worker can go on with it."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from identifiers import PortalId
from storage.blocks import join_properties, split_properties

if TYPE_CHECKING:
    from storage.tables import Operation, Tables

TABLE = "UsageStaging"
# Before compression; a row takes 1 MB.
_ROW_BYTES = 700_000
_ROWS_PER_WRITE = 16
_ROWS_PER_READ = 4
_decoder = msgspec.msgpack.Decoder(list[msgspec.Raw])


class UsageStagingStore:
    """Chunks of encoded records by portal; a chunk is as many rows as it needs."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def write(self, portal_id: PortalId, chunk: str, records: Sequence[bytes]) -> None:
        """Writes a chunk; `records` are encoded by msgpack, one value each."""
        table = await self._tables.table(TABLE)
        operations: list[Operation] = []
        for number, some in enumerate(_rows(records)):
            content = msgspec.msgpack.encode([msgspec.Raw(record) for record in some])
            row = {
                "PartitionKey": portal_id,
                "RowKey": f"{chunk}-{number:04d}",
                **split_properties("Data", zlib.compress(content, 1)),
            }
            operations.append(("upsert", row))
            if len(operations) == _ROWS_PER_WRITE:
                await self._tables.submit(table, operations)
                operations = []
        await self._tables.submit(table, operations)

    async def read(self, portal_id: PortalId, chunk: str) -> AsyncIterator[list[msgspec.Raw]]:
        """The records of a chunk, some at a time, in their order."""
        table = await self._tables.table(TABLE)
        async for row in self._tables.query(
            table,
            "PartitionKey eq @portal and RowKey ge @first and RowKey lt @last",
            {"portal": portal_id, "first": f"{chunk}-", "last": f"{chunk}."},
            page_size=_ROWS_PER_READ,
        ):
            yield _decoder.decode(zlib.decompress(join_properties("Data", row)))

    async def clear(self, portal_id: PortalId) -> None:
        """Deletes everything staged for the portal."""
        await self._tables.delete_partitions(TABLE, portal_id, None)


def _rows(records: Sequence[bytes]) -> Iterator[list[bytes]]:
    some: list[bytes] = []
    size = 0
    for record in records:
        if some and size + len(record) > _ROW_BYTES:
            yield some
            some, size = [], 0
        some.append(record)
        size += len(record)
    if some:
        yield some
