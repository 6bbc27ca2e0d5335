"""Table Storage as the repositories use it: keys, transactions, queries, pages."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.data.tables import EntityProperty, TableTransactionError, UpdateMode
from azure.data.tables.aio import TableClient, TableServiceClient

from concurrency import run_all
from errors import InvalidInput
from storage.errors import table_missing, translated
from telemetry.signals import span

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
# A transaction is a POST, which the SDK repeats only when told that it may.
_REPEATABLE = ("DELETE", "GET", "HEAD", "MERGE", "OPTIONS", "POST", "PUT", "TRACE")
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


def things_of(table: str) -> str:
    """What a table holds, as errors call it: "the sync state" of SyncState."""
    return "the " + " ".join(re.findall("[A-Z][a-z]*", table)).lower()


class Tables:
    """The tables of one storage account; `prefix` keeps several ledgers apart."""

    def __init__(self, service: TableServiceClient, *, prefix: str = "") -> None:
        self._service = service
        self._prefix = prefix
        self._known: dict[str, TableClient] = {}
        self._creating: dict[str, asyncio.Task[TableClient]] = {}

    async def table(self, name: str) -> TableClient:
        """The client of a table, which exists after this."""
        known = self._known.get(name)
        if known is not None:
            return known
        # all who ask at once wait for the same call, and fail with it
        creation = self._creating.get(name)
        if creation is None:
            creation = asyncio.create_task(self._create(name))
            self._creating[name] = creation
            creation.add_done_callback(lambda task: self._created(name, task))
        return await asyncio.shield(creation)

    async def _create(self, name: str) -> TableClient:
        with translated(things_of(name)):
            return await self._service.create_table_if_not_exists(self._prefix + name)

    def _created(self, name: str, creation: asyncio.Task[TableClient]) -> None:
        del self._creating[name]
        if not creation.cancelled() and creation.exception() is None:
            self._known[name] = creation.result()

    @contextmanager
    def _calling(self, table: TableClient, thing: str | None = None) -> Iterator[None]:
        """Translates what a call to the table raises.

        A table that somebody deleted is an error, not the absence of a row;
        the next use creates it again.
        """
        name = table.table_name.removeprefix(self._prefix)
        with translated(thing or things_of(name)):
            try:
                yield
            except HttpResponseError as error:
                if table_missing(error):
                    self._known.pop(name, None)
                raise

    async def get(self, table: TableClient, partition_key: str, row_key: str) -> Row | None:
        """One row, None if there is none."""
        with self._calling(table):
            try:
                return dict_of(await table.get_entity(partition_key, row_key))
            except ResourceNotFoundError as error:
                if table_missing(error):
                    raise
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
        with self._calling(table):
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
        with self._calling(table):
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
            (self.transact(table, part) for part in _transactions(operations)),
            at_once=_TRANSACTIONS_AT_ONCE,
        )

    async def transact(
        self, table: TableClient, operations: Sequence[Any], *, thing: str | None = None
    ) -> None:
        """One transaction of the SDK's own operations, all in one partition.

        `thing` is what errors call the rows, e.g. "The product". Upserts and
        deletes without a condition are repeated when the connection breaks;
        of other operations a StorageUnavailable does not tell whether they
        were stored.
        """
        repeatable = all(_unconditional(operation) for operation in operations)
        options = {"retry_on_methods": _REPEATABLE} if repeatable else {}
        with (
            self._calling(table, thing),
            span("table.batch", table=table.table_name, rows=len(operations)),
        ):
            try:
                if repeatable and len(operations) == 1:
                    # a fraction of what a transaction of one costs
                    await _write(table, *operations[0])
                else:
                    await table.submit_transaction(operations, **options)
            except TableTransactionError as error:
                # with a condition, it matters that the row is gone
                if table_missing(error) or not (repeatable and error.status_code == 404):
                    raise
                # a row to delete is gone, perhaps by this very transaction, sent before
                upserts = [o for o in operations if o[0] == "upsert"]
                if upserts:
                    await table.submit_transaction(upserts, **options)
                for verb, row, *_ in operations:
                    if verb == "delete":
                        await table.delete_entity(row["PartitionKey"], row["RowKey"])

    async def delete_partitions(self, name: str, prefix: str, keep_prefix: str | None) -> None:
        """Deletes all rows whose PartitionKey begins with `prefix`, but not with `keep_prefix`."""
        ranges = [(prefix, prefix + "\uffff")]
        if keep_prefix is not None:
            ranges = [(prefix, keep_prefix), (keep_prefix + "\uffff", prefix + "\uffff")]
        await run_all((self.delete_range(name, *bounds) for bounds in ranges), at_once=2)

    async def delete_range(self, name: str, low: str, high: str) -> None:
        """Deletes all rows whose PartitionKey is at least `low` and less than `high`."""
        table = await self.table(name)
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


async def _write(
    table: TableClient, verb: str, row: Row, options: Mapping[str, Any] | None = None
) -> None:
    """An upsert, or a delete, which succeeds on the absent."""
    if verb == "upsert":
        await table.upsert_entity(row, **options or {})
    else:
        await table.delete_entity(row["PartitionKey"], row["RowKey"])


def _unconditional(operation: Sequence[Any]) -> bool:
    verb, _, *options = operation
    return verb in ("upsert", "delete") and not any("match_condition" in o for o in options)


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
