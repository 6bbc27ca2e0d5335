"""Consolidated positions and persons by repository, a generation at a time, and their staging."""

from __future__ import annotations

import secrets
import zlib
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import msgspec

from consolidation.matching import Sighting
from consolidation.model import (
    ConsolidatedLicense,
    ConsolidatedProduct,
    MatchedPerson,
    RepositoryState,
)
from identifiers import RunId
from storage.blocks import join_properties, split_properties
from storage.generation_names import generation_of, oldest_kept
from storage.rows import record_of, row_of
from storage.tables import Operation, Page, unusable_continuation

if TYPE_CHECKING:
    from storage.tables import Tables

POSITIONS = "Consolidated"
PERSONS = "ConsolidatedPersons"
STAGING = "ConsolidationStaging"
_TABLES = (POSITIONS, PERSONS, STAGING)
_STATE = "state"
_PROGRESS = "progress"
PERSONS_PER_BLOCK = 500
# Memory for sightings until they are written; a bucket's part of it is a row.
STAGED_BYTES = 10_000_000
_BLOCKS_PER_READ = 4
Position = TypeVar("Position", ConsolidatedLicense, ConsolidatedProduct)
_persons_decoder = msgspec.msgpack.Decoder(list[MatchedPerson])
_sightings_decoder = msgspec.msgpack.Decoder(Sighting)
_encoder = msgspec.msgpack.Encoder()


class ConsolidationDraft:
    """A consolidation's results while they are written; nobody reads them before `publish`."""

    def __init__(self, tables: Tables, repository: str, now: datetime, generation: str) -> None:
        self._tables = tables
        self._repository = repository
        self._now = now
        self.generation = generation
        self.chunks: list[str] = []
        self._staged: dict[int, list[bytes]] = {}
        self._staged_bytes = 0
        self._buckets: set[int] = set()
        self._held: list[MatchedPerson] = []
        # of the last person written
        self.last_key = ""

    def _key(self, name: str) -> str:
        return f"{self._repository}|{self.generation}|{name}"

    async def progress(self) -> bytes | None:
        """What was saved of the work on this draft, None if nothing was."""
        table = await self._tables.table(STAGING)
        row = await self._tables.get(table, self._key(_PROGRESS), _PROGRESS)
        return join_properties("Data", row) if row is not None else None

    async def save_progress(self, progress: bytes) -> None:
        """Keeps the progress until the draft is published."""
        key = self._key(_PROGRESS)
        row = {"PartitionKey": key, "RowKey": _PROGRESS, **split_properties("Data", progress)}
        await self._tables.submit(await self._tables.table(STAGING), [("upsert", row)])

    async def resume(self, chunks: Sequence[str], buckets: Sequence[int], last_key: str) -> None:
        """Goes on from saved progress; persons after `last_key`, written after it, are deleted."""
        self.chunks, self._buckets, self.last_key = list(chunks), set(buckets), last_key
        table = await self._tables.table(PERSONS)
        rows = self._tables.query(
            table,
            "PartitionKey eq @key and RowKey gt @last",
            {"key": self._key("persons"), "last": last_key},
            select=["PartitionKey", "RowKey"],
        )
        await self._tables.submit(table, [("delete", row) async for row in rows])

    async def clear(self) -> None:
        """Deletes what a worker that was killed has left of this draft."""
        for name in _TABLES:
            await self._delete(name, self.generation)

    @property
    def is_full(self) -> bool:
        """Whether as much is staged in memory as may be."""
        return self._staged_bytes >= STAGED_BYTES

    @property
    def spilled(self) -> bool:
        """Whether there is more than is held in memory."""
        return bool(self.chunks)

    async def stage(self, sightings: Sequence[Sighting]) -> None:
        """Sorts sightings into buckets by their keys, in memory until `flush`."""
        for sighting in sightings:
            encoded = _encoder.encode(sighting)
            self._staged.setdefault(sighting.key[0], []).append(encoded)
            self._staged_bytes += len(encoded)

    async def flush(self) -> None:
        """Writes what is staged in memory, as a chunk with a name that no other worker chooses."""
        if not self._staged:
            return
        chunk = f"{len(self.chunks):06d}-{secrets.token_hex(4)}"
        operations: list[Operation] = []
        for bucket, encoded in self._staged.items():
            content = msgspec.msgpack.encode([msgspec.Raw(raw) for raw in encoded])
            row = {
                "PartitionKey": self._key(f"{bucket:02x}"),
                "RowKey": chunk,
                **split_properties("Data", zlib.compress(content, 1)),
            }
            operations.append(("upsert", row))
        await self._tables.submit(await self._tables.table(STAGING), operations)
        self._buckets.update(self._staged)
        self._staged, self._staged_bytes = {}, 0
        self.chunks.append(chunk)

    @property
    def buckets(self) -> list[int]:
        """The buckets in which something was staged, in the order of keys."""
        return sorted(self._buckets | self._staged.keys())

    async def sightings(self, bucket: int) -> AsyncIterator[list[Sighting]]:
        """What was staged in a bucket, some at a time."""
        if bucket in self._staged:
            yield [_sightings_decoder.decode(part) for part in self._staged[bucket]]
        if not self.spilled:
            return
        table = await self._tables.table(STAGING)
        chunks = frozenset(self.chunks)
        rows = self._tables.query(
            table,
            "PartitionKey eq @key",
            {"key": self._key(f"{bucket:02x}")},
            page_size=_BLOCKS_PER_READ,
        )
        async for row in rows:
            if row["RowKey"] not in chunks:
                continue
            parts = msgspec.msgpack.decode(
                zlib.decompress(join_properties("Data", row)), type=list[msgspec.Raw]
            )
            yield [_sightings_decoder.decode(part) for part in parts]

    async def add_persons(self, persons: Sequence[MatchedPerson]) -> None:
        """Adds persons found in several portals, in the order of their keys."""
        self._held += persons
        while len(self._held) >= PERSONS_PER_BLOCK:
            await self._write_block()

    async def flush_persons(self) -> None:
        """Writes the persons held in memory, in a block that may be a short one."""
        if self._held:
            await self._write_block()

    async def _write_block(self) -> None:
        block, self._held = self._held[:PERSONS_PER_BLOCK], self._held[PERSONS_PER_BLOCK:]
        row = {
            "PartitionKey": self._key("persons"),
            "RowKey": block[-1].key,
            **split_properties("Data", zlib.compress(msgspec.msgpack.encode(block), 1)),
        }
        await self._tables.submit(await self._tables.table(PERSONS), [("upsert", row)])
        self.last_key = block[-1].key

    async def publish(
        self,
        state: RepositoryState,
        licenses: Sequence[ConsolidatedLicense],
        products: Sequence[ConsolidatedProduct],
    ) -> bool:
        """Makes this the result that readers follow, unless a later one is; deletes older ones."""
        await self.flush_persons()
        table = await self._tables.table(POSITIONS)
        rows: list[Operation] = [
            ("upsert", row_of(item, self._key("licenses"), item.sku_id)) for item in licenses
        ]
        rows += [
            ("upsert", row_of(item, self._key("products"), f"{number:06d}"))
            for number, item in enumerate(products)
        ]
        await self._tables.submit(table, rows)
        await self._delete(STAGING, self.generation)
        previous = await _state(self._tables, self._repository)
        if previous is not None and previous.generation > self.generation:
            await self._delete(POSITIONS, self.generation)
            await self._delete(PERSONS, self.generation)
            return False
        await self._tables.submit(table, [("upsert", row_of(state, _STATE, self._repository))])
        for name in _TABLES:
            if previous is not None:
                await self._delete(name, previous.generation)
            await self._tables.delete_range(
                name, f"{self._repository}|", f"{self._repository}|{oldest_kept(self._now)}"
            )
        return True

    async def _delete(self, name: str, generation: str) -> None:
        await self._tables.delete_partitions(name, f"{self._repository}|{generation}|", None)


class ConsolidationStore:
    """Reads the last consolidation of a repository; the names of repositories are table keys."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def draft(self, repository: str, run_id: RunId, began: datetime) -> ConsolidationDraft:
        """The result of a run on the repository that began then, beside the present one."""
        return ConsolidationDraft(self._tables, repository, began, generation_of(run_id, began))

    async def state(self, repository: str) -> RepositoryState | None:
        """The last consolidation, None before the first."""
        return await _state(self._tables, repository)

    async def repositories(self) -> list[str]:
        """The repositories that were ever consolidated."""
        table = await self._tables.table(POSITIONS)
        rows = self._tables.query(
            table, "PartitionKey eq @state", {"state": _STATE}, select=["RowKey"]
        )
        return [str(row["RowKey"]) async for row in rows]

    async def licenses(
        self, repository: str, *, top: int, continuation: str | None
    ) -> Page[ConsolidatedLicense]:
        """Consolidated licenses by SKU ID. None before the first consolidation."""
        return await self._page(repository, "licenses", ConsolidatedLicense, top, continuation)

    async def products(
        self, repository: str, *, top: int, continuation: str | None
    ) -> Page[ConsolidatedProduct]:
        """Consolidated products by title. None before the first consolidation."""
        return await self._page(repository, "products", ConsolidatedProduct, top, continuation)

    async def _page(
        self,
        repository: str,
        name: str,
        record_type: type[Position],
        top: int,
        continuation: str | None,
    ) -> Page[Position]:
        state = await self.state(repository)
        if state is None:
            return Page([], None)
        rows = await self._tables.query_page(
            await self._tables.table(POSITIONS),
            "PartitionKey eq @key",
            {"key": f"{repository}|{state.generation}|{name}"},
            top=top,
            continuation=continuation,
        )
        return Page([record_of(row, record_type) for row in rows.items], rows.continuation)

    async def persons(
        self, repository: str, *, top: int, continuation: str | None
    ) -> Page[MatchedPerson]:
        """Persons found in several portals. None before the first consolidation."""
        state = await self.state(repository)
        if state is None:
            return Page([], None)
        after = _after(continuation)
        table = await self._tables.table(PERSONS)
        rows = self._tables.query(
            table,
            "PartitionKey eq @key and RowKey gt @after",
            {"key": f"{repository}|{state.generation}|persons", "after": after},
            page_size=_BLOCKS_PER_READ,
        )
        items: list[MatchedPerson] = []
        async for row in rows:
            block = _persons_decoder.decode(zlib.decompress(join_properties("Data", row)))
            for person in block:
                if person.key <= after:
                    continue
                if len(items) == top:
                    return Page(items, items[-1].key)
                items.append(person)
        return Page(items, None)

    async def delete(self, repository: str) -> None:
        """Deletes everything of a repository; succeeds on the absent."""
        table = await self._tables.table(POSITIONS)
        row = {"PartitionKey": _STATE, "RowKey": repository}
        await self._tables.submit(table, [("delete", row)])
        for name in _TABLES:
            await self._tables.delete_partitions(name, f"{repository}|", None)


async def _state(tables: Tables, repository: str) -> RepositoryState | None:
    row = await tables.get(await tables.table(POSITIONS), _STATE, repository)
    return record_of(row, RepositoryState) if row is not None else None


def _after(continuation: str | None) -> str:
    if continuation is None:
        return ""
    if not continuation.isalnum():
        raise unusable_continuation()
    return continuation
