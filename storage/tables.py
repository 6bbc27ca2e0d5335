"""Table Storage as the repositories use it: keys, transactions, queries, pages."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import EntityProperty, TableTransactionError, UpdateMode
from azure.data.tables.aio import TableClient, TableServiceClient

from concurrency import run_all
from errors import InvalidInput
from storage.errors import translated

Row = dict[str, Any]
Operation = tuple[str, Row]
Item = TypeVar("Item")

MAX_TRANSACTION_ROWS = 100
# Table Storage allows 4 MiB a transaction; binary grows by a third on the wire.
MAX_TRANSACTION_BYTES = 3_500_000
_ROW_OVERHEAD_BYTES = 1_000
_CALLS_AT_ONCE = 16
_TRANSACTIONS_AT_ONCE = 6
_READ_PAGE = 1000
_FORBIDDEN = re.compile(r"[/\\#?%|\x00-\x1f\x7f-\x9f]")
_ESCAPED = re.compile(r"%([0-9A-F]{2})")


class Page(msgspec.Struct, Generic[Item]):
    """Some rows of a list, and the position after them; None at the end."""

    items: list[Item]
    continuation: str | None


def encode_key(text: str) -> str:
    """`text` as a key: what Table Storage forbids becomes %XX.

    Forbidden are / \\ # ? and control characters; % and | have a meaning here.
    Source: https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
    """
    return _FORBIDDEN.sub(lambda found: f"%{ord(found.group()):02X}", text)


def decode_key(key: str) -> str:
    """The text that `encode_key` encoded."""
    return _ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), key)


class Tables:
    """The tables of one storage account; `prefix` keeps several ledgers apart."""

    def __init__(self, service: TableServiceClient, *, prefix: str = "") -> None:
        self._service = service
        self._prefix = prefix
        self._known: dict[str, TableClient] = {}
        self._creating = asyncio.Lock()

    async def table(self, name: str) -> TableClient:
        """The client of a table, which exists after this."""
        known = self._known.get(name)
        if known is None:
            async with self._creating:
                with translated(f"Table {name}"):
                    known = await self._service.create_table_if_not_exists(self._prefix + name)
                self._known[name] = known
        return known

    async def get(self, table: TableClient, partition_key: str, row_key: str) -> Row | None:
        """One row, None if there is none."""
        with translated(f"Table {table.table_name}"):
            try:
                return dict_of(await table.get_entity(partition_key, row_key))
            except ResourceNotFoundError:
                return None

    async def get_many(
        self, table: TableClient, keys: Sequence[tuple[str, str]]
    ) -> list[Row | None]:
        """The rows of the keys, in their order, several read at once."""
        return await run_all((self.get(table, *key) for key in keys), at_once=_CALLS_AT_ONCE)

    async def query(
        self,
        table: TableClient,
        query_filter: str,
        parameters: Mapping[str, object],
        *,
        select: Sequence[str] | None = None,
        page_size: int = _READ_PAGE,
    ) -> AsyncIterator[Row]:
        """The rows that match; values from outside go into `parameters`."""
        rows = table.query_entities(
            query_filter,
            parameters=dict(parameters),
            select=list(select) if select else None,
            results_per_page=page_size,
        )
        with translated(f"Table {table.table_name}"):
            async for row in rows:
                yield dict_of(row)

    async def query_page(
        self,
        table: TableClient,
        query_filter: str,
        parameters: Mapping[str, object],
        *,
        top: int,
        continuation: str | None,
    ) -> Page[Row]:
        """Up to `top` rows that match, after the position `continuation`.

        A page may be short, or empty, and still continue.
        """
        token = _token(continuation)
        pages = table.query_entities(
            query_filter, parameters=dict(parameters), results_per_page=top
        ).by_page(continuation_token=token)  # type: ignore[arg-type]  # a mapping, says its pager
        with translated(f"Table {table.table_name}"):
            try:
                page = await anext(pages)
            except StopAsyncIteration:
                return Page([], None)
            items = [dict_of(row) async for row in page]
        following = pages.continuation_token  # type: ignore[attr-defined]  # set by the SDK's pager
        return Page(items, msgspec.json.encode(following).decode() if following else None)

    async def submit(self, table: TableClient, operations: Sequence[Operation]) -> None:
        """Writes rows: ("create" | "upsert" | "delete", row).

        Rows of one partition go in transactions of up to 100 rows, several
        transactions at once. Each transaction succeeds or fails as a whole;
        upserting replaces, and repeating the call is safe.
        """
        await run_all(
            (self._transact(table, part) for part in _transactions(operations)),
            at_once=_TRANSACTIONS_AT_ONCE,
        )

    async def transact(self, table: TableClient, operations: Sequence[Any]) -> None:
        """One transaction of the SDK's own operations, all in one partition."""
        await self._transact(table, operations)

    async def _transact(self, table: TableClient, operations: Sequence[Any]) -> None:
        with translated(f"Table {table.table_name}"):
            try:
                await table.submit_transaction(operations)
            except TableTransactionError as error:
                # with a condition, it matters that the row is gone
                deleting = all(o[0] == "delete" and len(o) == 2 for o in operations)
                if not (deleting and error.status_code == 404):
                    raise
                # someone else deleted one of the rows; the others still have to go
                for _, row in operations:
                    await table.delete_entity(row["PartitionKey"], row["RowKey"])

    async def delete_partitions(self, name: str, prefix: str, keep_prefix: str | None) -> None:
        """Deletes all rows whose PartitionKey begins with `prefix`, but not with `keep_prefix`."""
        table = await self.table(name)
        ranges = [(prefix, prefix + "\uffff")]
        if keep_prefix is not None:
            ranges = [(prefix, keep_prefix), (keep_prefix + "\uffff", prefix + "\uffff")]
        for low, high in ranges:
            doomed: list[Operation] = []
            async for row in self.query(
                table,
                "PartitionKey ge @low and PartitionKey lt @high",
                {"low": low, "high": high},
                select=["PartitionKey", "RowKey"],
            ):
                doomed.append(("delete", row))
                if len(doomed) >= _READ_PAGE:
                    await self.submit(table, doomed)
                    doomed = []
            await self.submit(table, doomed)

    async def close(self) -> None:
        """Closes the connections."""
        await self._service.close()


def _transactions(operations: Sequence[Operation]) -> list[list[tuple[Any, ...]]]:
    partitions: dict[str, list[Operation]] = {}
    for operation in operations:
        partitions.setdefault(operation[1]["PartitionKey"], []).append(operation)
    transactions: list[list[tuple[Any, ...]]] = []
    for rows in partitions.values():
        size = 0
        current: list[tuple[Any, ...]] = []
        for verb, row in rows:
            row_bytes = _wire_bytes(row)
            if current and (
                len(current) == MAX_TRANSACTION_ROWS or size + row_bytes > MAX_TRANSACTION_BYTES
            ):
                transactions.append(current)
                current, size = [], 0
            replace = ({"mode": UpdateMode.REPLACE},) if verb == "upsert" else ()
            current.append((verb, row, *replace))
            size += row_bytes
        if current:
            transactions.append(current)
    return transactions


def _wire_bytes(row: Row) -> int:
    return _ROW_OVERHEAD_BYTES + sum(
        len(value) * 4 // 3 if isinstance(value, bytes) else len(value) * 2
        for value in row.values()
        if isinstance(value, bytes | str)
    )


def _token(continuation: str | None) -> dict[str, str | None] | None:
    if continuation is None:
        return None
    try:
        token = msgspec.json.decode(continuation, type=dict[str, str | None])
    except msgspec.DecodeError as error:
        raise unusable_continuation() from error
    if token.keys() != {"PartitionKey", "RowKey"}:
        raise unusable_continuation()
    return token


def unusable_continuation() -> InvalidInput:
    """The error for a position that storage did not give."""
    return InvalidInput(
        "continuation",
        "The continuation cannot be read.",
        remedy="Pass the continuation of the page before unchanged, or leave it out.",
    )


def dict_of(entity: Mapping[str, Any]) -> Row:
    """The entity's properties; times in UTC, whole numbers plain; `_etag` is the row's ETag."""
    row: Row = {
        name: datetime.fromtimestamp(value.timestamp(), UTC)
        if isinstance(value, datetime)
        else value.value
        if isinstance(value, EntityProperty)
        else value
        for name, value in entity.items()
    }
    metadata = getattr(entity, "metadata", None)
    if metadata is not None:
        row["_etag"] = metadata.get("etag")
    return row
