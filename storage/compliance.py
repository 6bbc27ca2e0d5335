"""Compliance positions: the current ones, and one a day for history."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

from compliance.model import HistoryDay, Position, Status, SummaryRow
from errors import NotFound
from identifiers import PortalId, SkuId
from storage.rows import record_of, row_of
from storage.tables import Page, Row

if TYPE_CHECKING:
    from storage.tables import Tables

POSITIONS = "Compliance"
HISTORY = "ComplianceHistory"
# Row keys sort upwards; counting days down from here puts the newest first.
_LAST_DAY = date(9999, 12, 31).toordinal()


class PositionStore:
    """Positions by portal and SKU; history by portal, SKU and day, newest first."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def get(self, portal_id: PortalId, sku_id: SkuId) -> Position:
        """One position. Raises NotFound."""
        table = await self._tables.table(POSITIONS)
        row = await self._tables.get(table, portal_id, sku_id)
        if row is None:
            raise NotFound(
                f"There is no position for SKU {sku_id} of portal {portal_id}.",
                remedy="Import the portal and recalculate.",
            )
        return record_of(row, Position)

    async def list(self, portal_id: PortalId) -> Sequence[Position]:
        """All positions of a portal."""
        table = await self._tables.table(POSITIONS)
        rows = self._tables.query(table, "PartitionKey eq @portal", {"portal": portal_id})
        return [record_of(row, Position) async for row in rows]

    async def list_page(
        self,
        *,
        portal_id: PortalId | None,
        status: Status | None,
        managed: bool | None = None,
        top: int,
        continuation: str | None,
    ) -> Page[Position]:
        """Positions of one portal or all, of one status or any, managed or not.

        A page may hold fewer than `top` and still continue.
        """
        table = await self._tables.table(POSITIONS)
        conditions = ["PartitionKey ge @low"]
        parameters = {"low": ""}
        if portal_id is not None:
            conditions = ["PartitionKey eq @portal"]
            parameters = {"portal": str(portal_id)}
        if status is not None:
            conditions.append("Status eq @status")
            parameters["status"] = status
        page = await self._tables.query_page(
            table, " and ".join(conditions), parameters, top=top, continuation=continuation
        )
        # rows of an older release lack the column, so a filter of the service would miss them
        positions = [record_of(row, Position) for row in page.items]
        return Page(
            [p for p in positions if managed is None or p.managed is managed], page.continuation
        )

    async def summary_rows(self) -> AsyncIterator[SummaryRow]:
        """What a summary needs of every position."""
        table = await self._tables.table(POSITIONS)
        columns = [
            "PortalId",
            "SkuId",
            "Status",
            "Reason",
            "Entitled",
            "Consumed",
            "Available",
            "CalculatedAt",
            "Managed",
        ]
        async for row in self._tables.query(
            table, "PartitionKey ge @low", {"low": ""}, select=columns
        ):
            yield record_of(row, SummaryRow)

    async def upsert(self, positions: Sequence[Position], *, day: date) -> None:
        """Writes the positions, and them again as the history of `day`."""
        table = await self._tables.table(POSITIONS)
        await self._tables.submit(
            table,
            [("upsert", row_of(item, item.portal_id, item.sku_id)) for item in positions],
        )
        history = await self._tables.table(HISTORY)
        await self._tables.submit(history, [("upsert", _history_row(p, day)) for p in positions])

    async def delete(self, portal_id: PortalId, sku_id: SkuId) -> None:
        """Deletes a position, not its history; succeeds on the absent."""
        table = await self._tables.table(POSITIONS)
        await self._tables.submit(
            table, [("delete", {"PartitionKey": portal_id, "RowKey": sku_id})]
        )

    async def history(
        self,
        portal_id: PortalId,
        sku_id: SkuId,
        *,
        since: date | None,
        top: int,
        continuation: str | None,
    ) -> Page[HistoryDay]:
        """The position of each day on which it was calculated, newest first."""
        table = await self._tables.table(HISTORY)
        page = await self._tables.query_page(
            table,
            "PartitionKey eq @key and RowKey le @oldest",
            {
                "key": _history_key(portal_id, sku_id),
                "oldest": _day_key(since) if since is not None else "~",
            },
            top=top,
            continuation=continuation,
        )
        return Page([record_of(row, HistoryDay) for row in page.items], page.continuation)


def _history_key(portal_id: PortalId, sku_id: SkuId) -> str:
    return f"{portal_id}|{sku_id}"


def _day_key(day: date) -> str:
    return f"{_LAST_DAY - day.toordinal():07d}"


def _history_row(position: Position, day: date) -> Row:
    record = HistoryDay(
        day.isoformat(),
        position.status,
        position.reason,
        position.entitled,
        position.consumed,
        position.available,
        position.consumed_units,
    )
    return row_of(record, _history_key(position.portal_id, position.sku_id), _day_key(day))
