"""Reclamations, their items, and the audit of what was done, which only grows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import msgspec
from azure.core import MatchConditions
from azure.data.tables import UpdateMode

from errors import NotFound, StorageUnavailable
from identifiers import PortalId, ReclamationId, RunId, UserId
from monitor.run import created_at
from reclamation.model import AuditEntry, Item, ItemState, Reclamation
from storage.rows import record_of, row_of
from storage.tables import MAX_TRANSACTION_ROWS, Page, Row

if TYPE_CHECKING:
    from storage.tables import Tables

TABLE = "Reclamations"
ITEMS = "ReclamationItems"
PARTITION = "reclamation"
# Items and audit share a partition, so that a change and its audit are one transaction.
_ITEM, _AUDIT = "i|", "a|"
_LAST_MILLISECOND = 9_999_999_999_999
Change = tuple[Item, AuditEntry | None]


class ReclamationStore:
    """Reclamations newest first; items by user and SKU; audit entries by time."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def create(self, reclamation: Reclamation) -> Reclamation:
        """Stores a new reclamation."""
        table = await self._tables.table(TABLE)
        row = row_of(reclamation, PARTITION, _row_key(reclamation.reclamation_id))
        await self._tables.submit(table, [("create", row)])
        return await self.get(reclamation.reclamation_id)

    async def get(self, reclamation_id: ReclamationId) -> Reclamation:
        """One reclamation. Raises NotFound."""
        table = await self._tables.table(TABLE)
        try:
            key = _row_key(reclamation_id)
        except (ValueError, OverflowError) as error:
            # a GUID that begins with no time we can know is not one of ours
            raise _unknown(reclamation_id) from error
        row = await self._tables.get(table, PARTITION, key)
        if row is None:
            raise _unknown(reclamation_id)
        return _reclamation(row)

    async def save(self, reclamation: Reclamation) -> Reclamation:
        """Stores the changed reclamation. Raises PreconditionFailed if it changed since read."""
        table = await self._tables.table(TABLE)
        row = row_of(reclamation, PARTITION, _row_key(reclamation.reclamation_id))
        condition = {
            "mode": UpdateMode.REPLACE,
            "etag": reclamation.etag,
            "match_condition": MatchConditions.IfNotModified,
        }
        try:
            await self._tables.transact(
                table, [("update", row, condition)], thing="The reclamation"
            )
        except StorageUnavailable:
            # it may have been stored, though the answer was lost
            stored = await self.get(reclamation.reclamation_id)
            if msgspec.structs.replace(stored, etag=reclamation.etag) != reclamation:
                raise
            return stored
        return await self.get(reclamation.reclamation_id)

    async def list_page(
        self, *, portal_id: PortalId | None, top: int, continuation: str | None
    ) -> Page[Reclamation]:
        """Reclamations of one portal or of all, newest first."""
        conditions, parameters = ["PartitionKey eq @partition"], {"partition": PARTITION}
        if portal_id is not None:
            conditions.append("PortalId eq @portal")
            parameters["portal"] = portal_id
        page = await self._tables.query_page(
            await self._tables.table(TABLE),
            " and ".join(conditions),
            parameters,
            top=top,
            continuation=continuation,
        )
        return Page([_reclamation(row) for row in page.items], page.continuation)

    async def add_items(self, reclamation_id: ReclamationId, items: Sequence[Item]) -> None:
        """Writes items; writing one again replaces it."""
        table = await self._tables.table(ITEMS)
        await self._tables.submit(
            table, [("upsert", _item_row(reclamation_id, item)) for item in items]
        )

    async def clear_items(self, reclamation_id: ReclamationId, after: UserId | None = None) -> None:
        """Deletes the items of a preview that is begun anew, or from a user on; never the audit."""
        table = await self._tables.table(ITEMS)
        # behind all items of that user
        last_kept = f"{_ITEM}{after}|\uffff" if after is not None else ""
        doomed: list[tuple[str, Row]] = []
        async for row in self._rows(reclamation_id, _ITEM, None, ["PartitionKey", "RowKey"]):
            if row["RowKey"] <= last_kept:
                continue
            doomed.append(("delete", row))
            if len(doomed) >= 10 * MAX_TRANSACTION_ROWS:
                await self._tables.submit(table, doomed)
                doomed = []
        await self._tables.submit(table, doomed)

    async def items(
        self, reclamation_id: ReclamationId, states: Sequence[ItemState]
    ) -> AsyncIterator[Item]:
        """The items in one of the states, by user ID; they may be changed on the way."""
        async for row in self._rows(reclamation_id, _ITEM, states, None):
            yield record_of(row, Item)

    async def items_page(
        self,
        reclamation_id: ReclamationId,
        *,
        state: ItemState | None,
        top: int,
        continuation: str | None,
    ) -> Page[Item]:
        """Items by user ID, in one state or in any."""
        page = await self._page(reclamation_id, _ITEM, state, top, continuation)
        return Page([record_of(row, Item) for row in page.items], page.continuation)

    async def account(self, reclamation_id: ReclamationId) -> dict[ItemState, int]:
        """How many items are in which state, counted afresh."""
        return (await self.totals(reclamation_id))[0]

    async def totals(
        self, reclamation_id: ReclamationId
    ) -> tuple[dict[ItemState, int], dict[str, Fraction]]:
        """The same, and what a year of the reclaimed items costs, by currency."""
        counts: dict[ItemState, int] = {}
        saved: dict[str, Fraction] = {}
        columns = ["PartitionKey", "State", "AnnualCost", "Currency"]
        async for row in self._rows(reclamation_id, _ITEM, None, columns):
            counts[row["State"]] = counts.get(row["State"], 0) + 1
            currency, cost = row.get("Currency"), row.get("AnnualCost")
            if row["State"] == "reclaimed" and currency is not None and cost is not None:
                saved[currency] = saved.get(currency, Fraction(0)) + Fraction(cost)
        return counts, saved

    async def record(self, reclamation_id: ReclamationId, changes: Sequence[Change]) -> None:
        """Writes changed items, each together with its audit entry or not at all.

        Audit entries are only ever created. Raises Conflict for one that is
        there already.
        """
        table = await self._tables.table(ITEMS)
        # two rows a change at most
        step = MAX_TRANSACTION_ROWS // 2
        for start in range(0, len(changes), step):
            operations: list[Any] = []
            for item, entry in changes[start : start + step]:
                row = _item_row(reclamation_id, item)
                operations.append(("upsert", row, {"mode": UpdateMode.REPLACE}))
                if entry is not None:
                    operations.append(("create", _audit_row(reclamation_id, entry)))
            await self._tables.transact(table, operations)

    async def audit_page(
        self, reclamation_id: ReclamationId, *, top: int, continuation: str | None
    ) -> Page[AuditEntry]:
        """Audit entries in the order of time."""
        page = await self._page(reclamation_id, _AUDIT, None, top, continuation)
        return Page([record_of(row, AuditEntry) for row in page.items], page.continuation)

    async def of_portal(self, portal_id: PortalId) -> AsyncIterator[Reclamation]:
        """All reclamations of the portal, newest first."""
        table = await self._tables.table(TABLE)
        query = "PartitionKey eq @partition and PortalId eq @portal"
        async for row in self._tables.query(
            table, query, {"partition": PARTITION, "portal": portal_id}
        ):
            yield _reclamation(row)

    async def knows(self, reclamation_id: ReclamationId, user_id: UserId) -> bool:
        """Whether an item or an audit entry of the reclamation is about the user."""
        async for _ in self._rows_of(reclamation_id, user_id):
            return True
        return False

    async def forget_person(
        self, reclamation_id: ReclamationId, user_id: UserId, stand_in: UserId
    ) -> None:
        """Puts an ID that leads to nobody in the user's place, in items and audit, without names.

        Doing it again finishes what was broken off.
        """
        table = await self._tables.table(ITEMS)
        operations: list[Any] = []
        async for row in self._rows_of(reclamation_id, user_id):
            if row["RowKey"].startswith(_ITEM):
                nameless = _item_row(reclamation_id, _nameless_item(row, stand_in))
            else:
                nameless = _audit_row(reclamation_id, _nameless_entry(row, stand_in))
            operations += [
                ("upsert", nameless, {"mode": UpdateMode.REPLACE}),
                ("delete", {"PartitionKey": row["PartitionKey"], "RowKey": row["RowKey"]}),
            ]
        for start in range(0, len(operations), MAX_TRANSACTION_ROWS):
            await self._tables.transact(table, operations[start : start + MAX_TRANSACTION_ROWS])

    async def _rows_of(self, reclamation_id: ReclamationId, user_id: UserId) -> AsyncIterator[Row]:
        table = await self._tables.table(ITEMS)
        query = "PartitionKey eq @partition and UserId eq @user"
        parameters = {"partition": reclamation_id, "user": user_id}
        async for row in self._tables.query(table, query, parameters):
            yield row

    async def _rows(
        self,
        reclamation_id: ReclamationId,
        prefix: str,
        states: Sequence[ItemState] | None,
        select: Sequence[str] | None,
    ) -> AsyncIterator[Row]:
        table = await self._tables.table(ITEMS)
        query, parameters = _filter(reclamation_id, prefix, states or ())
        async for row in self._tables.query(table, query, parameters, select=select):
            yield row

    async def _page(
        self,
        reclamation_id: ReclamationId,
        prefix: str,
        state: ItemState | None,
        top: int,
        continuation: str | None,
    ) -> Page[Row]:
        query, parameters = _filter(reclamation_id, prefix, (state,) if state else ())
        return await self._tables.query_page(
            await self._tables.table(ITEMS), query, parameters, top=top, continuation=continuation
        )


def _filter(
    reclamation_id: ReclamationId, prefix: str, states: Sequence[ItemState]
) -> tuple[str, dict[str, str]]:
    query = "PartitionKey eq @partition and RowKey ge @low and RowKey lt @high"
    parameters = {"partition": reclamation_id, "low": prefix, "high": prefix + "\uffff"}
    if states:
        names = [f"state{index}" for index in range(len(states))]
        # the SDK finds parameters between blanks only
        query += f" and ( {' or '.join(f'State eq @{name}' for name in names)} )"
        parameters.update(zip(names, states, strict=True))
    return query, parameters


def _row_key(reclamation_id: ReclamationId) -> str:
    # the ID begins with its time, as that of a run does
    milliseconds = int(created_at(RunId(reclamation_id)).timestamp() * 1000)
    return f"{_LAST_MILLISECOND - milliseconds:013d}-{reclamation_id}"


def _reclamation(row: Row) -> Reclamation:
    return record_of(row, Reclamation, etag=row["_etag"])


def _item_row(reclamation_id: ReclamationId, item: Item) -> Row:
    return row_of(item, reclamation_id, f"{_ITEM}{item.user_id}|{item.sku_id}")


def _audit_row(reclamation_id: ReclamationId, entry: AuditEntry) -> Row:
    milliseconds = int(entry.at.timestamp() * 1000)
    key = f"{_AUDIT}{milliseconds:013d}|{entry.user_id}|{entry.sku_id}|{entry.action}"
    return row_of(entry, reclamation_id, key)


def _nameless_item(row: Row, stand_in: UserId) -> Item:
    return msgspec.structs.replace(
        record_of(row, Item),
        user_id=stand_in,
        user_principal_name="",
        display_name=None,
        department=None,
        message=None,
    )


def _nameless_entry(row: Row, stand_in: UserId) -> AuditEntry:
    return msgspec.structs.replace(
        record_of(row, AuditEntry), user_id=stand_in, user_principal_name="", message=None
    )


def _unknown(reclamation_id: ReclamationId) -> NotFound:
    return NotFound(
        f"There is no reclamation {reclamation_id}.",
        remedy="List the reclamations for those there are.",
    )
