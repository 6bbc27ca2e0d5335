"""Webhooks, the alerts that hold at present, and deliveries under way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from azure.core import MatchConditions
from azure.data.tables import UpdateMode

from errors import Conflict, NotFound
from storage.rows import record_of, row_of
from storage.tables import Page, Row, encode_key
from webhooks.model import Alert, Delivery, Webhook, WebhookId

if TYPE_CHECKING:
    from storage.tables import Tables

WEBHOOKS = "Webhooks"
ALERTS = "Alerts"
DELIVERIES = "Deliveries"
_PARTITION = "webhook"
_OPEN = "open"
_STATE = "state"
_REVIEWED = "reviewed"


class WebhookStore:
    """Webhooks, in one partition; RowKey is the webhook ID."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def create(self, webhook: Webhook) -> None:
        """Stores a new webhook."""
        table = await self._tables.table(WEBHOOKS)
        await self._tables.submit(
            table, [("upsert", row_of(webhook, _PARTITION, webhook.webhook_id))]
        )

    async def get(self, webhook_id: WebhookId) -> Webhook:
        """One webhook. Raises NotFound."""
        table = await self._tables.table(WEBHOOKS)
        row = await self._tables.get(table, _PARTITION, webhook_id)
        if row is None:
            raise NotFound(
                f"There is no webhook {webhook_id}.",
                remedy="List the webhooks for the IDs there are.",
            )
        return record_of(row, Webhook)

    async def list(self) -> Sequence[Webhook]:
        """All webhooks."""
        table = await self._tables.table(WEBHOOKS)
        rows = self._tables.query(table, "PartitionKey eq @partition", {"partition": _PARTITION})
        return [record_of(row, Webhook) async for row in rows]

    async def list_page(self, *, top: int, continuation: str | None) -> Page[Webhook]:
        """Webhooks by ID, a page at a time."""
        table = await self._tables.table(WEBHOOKS)
        page = await self._tables.query_page(
            table,
            "PartitionKey eq @partition",
            {"partition": _PARTITION},
            top=top,
            continuation=continuation,
        )
        return Page([record_of(row, Webhook) for row in page.items], page.continuation)

    async def delete(self, webhook_id: WebhookId) -> None:
        """Deletes a webhook; succeeds on the absent."""
        table = await self._tables.table(WEBHOOKS)
        await self._tables.submit(
            table, [("delete", {"PartitionKey": _PARTITION, "RowKey": webhook_id})]
        )


class AlertStore:
    """The alerts that hold, in one partition by key; and when the ledger was reviewed last."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def list(self) -> Sequence[Alert]:
        """All alerts that hold."""
        table = await self._tables.table(ALERTS)
        rows = self._tables.query(table, "PartitionKey eq @partition", {"partition": _OPEN})
        return [record_of(row, Alert) async for row in rows]

    async def list_page(self, *, top: int, continuation: str | None) -> Page[Alert]:
        """Alerts by key, a page at a time."""
        table = await self._tables.table(ALERTS)
        page = await self._tables.query_page(
            table,
            "PartitionKey eq @partition",
            {"partition": _OPEN},
            top=top,
            continuation=continuation,
        )
        return Page([record_of(row, Alert) for row in page.items], page.continuation)

    async def begin(self, alert: Alert) -> bool:
        """Stores an alert that begins; False if another review has begun it already."""
        table = await self._tables.table(ALERTS)
        try:
            await self._tables.transact(table, [("create", _alert_row(alert))], thing="the alert")
        except Conflict:
            return False
        return True

    async def mark_told(self, alerts: Sequence[Alert]) -> None:
        """Notes that the deliveries of alerts exist."""
        table = await self._tables.table(ALERTS)
        told = [msgspec.structs.replace(alert, told=True) for alert in alerts]
        await self._tables.submit(table, [("upsert", _alert_row(alert)) for alert in told])

    async def end(self, alerts: Sequence[Alert]) -> None:
        """Deletes alerts that hold no more; succeeds on the absent."""
        table = await self._tables.table(ALERTS)
        keys = [{"PartitionKey": _OPEN, "RowKey": encode_key(alert.key)} for alert in alerts]
        await self._tables.submit(table, [("delete", key) for key in keys])

    async def reviewed_until(self) -> datetime | None:
        """Since when imports have to be looked at, None before the first review."""
        table = await self._tables.table(ALERTS)
        row = await self._tables.get(table, _STATE, _REVIEWED)
        return row["Until"] if row is not None else None

    async def save_reviewed(self, until: datetime) -> None:
        """Keeps since when imports have to be looked at."""
        table = await self._tables.table(ALERTS)
        row = {"PartitionKey": _STATE, "RowKey": _REVIEWED, "Until": until}
        await self._tables.submit(table, [("upsert", row)])


class DeliveryStore:
    """Deliveries; PartitionKey is the webhook ID, RowKey the event ID."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def create(self, delivery: Delivery) -> bool:
        """Stores a new delivery; False if the webhook has one of that event already."""
        table = await self._tables.table(DELIVERIES)
        try:
            await self._tables.transact(table, [("create", _row(delivery))], thing="the delivery")
        except Conflict:
            return False
        return True

    async def get(self, webhook_id: WebhookId, event_id: str) -> Delivery | None:
        """One delivery, None if there is none."""
        table = await self._tables.table(DELIVERIES)
        row = await self._tables.get(table, webhook_id, encode_key(event_id))
        return _delivery(row) if row is not None else None

    async def save(self, delivery: Delivery) -> None:
        """Replaces the delivery if nobody has since it was read; else raises PreconditionFailed.

        Raises NotFound if it was deleted.
        """
        table = await self._tables.table(DELIVERIES)
        condition: dict[str, Any] = {
            "mode": UpdateMode.REPLACE,
            "etag": delivery.etag,
            "match_condition": MatchConditions.IfNotModified,
        }
        operation = ("update", _row(delivery), condition)
        await self._tables.transact(table, [operation], thing="the delivery")

    async def list_page(
        self, webhook_id: WebhookId, *, top: int, continuation: str | None
    ) -> Page[Delivery]:
        """The deliveries of a webhook by event, a page at a time."""
        table = await self._tables.table(DELIVERIES)
        page = await self._tables.query_page(
            table,
            "PartitionKey eq @webhook",
            {"webhook": webhook_id},
            top=top,
            continuation=continuation,
        )
        return Page([_delivery(row) for row in page.items], page.continuation)

    async def overdue(self, before: datetime) -> AsyncIterator[Delivery]:
        """Deliveries that should have been made before `before`: their message got lost."""
        table = await self._tables.table(DELIVERIES)
        async for row in self._tables.query(
            table,
            "DueAt lt @before and (State eq 'pending' or State eq 'sending')",
            {"before": before},
        ):
            yield _delivery(row)

    async def forget(self, before: datetime) -> None:
        """Deletes deliveries created before `before`."""
        table = await self._tables.table(DELIVERIES)
        rows = self._tables.query(
            table, "CreatedAt lt @before", {"before": before}, select=["PartitionKey", "RowKey"]
        )
        await self._tables.submit(table, [("delete", row) async for row in rows])

    async def delete_webhook(self, webhook_id: WebhookId) -> None:
        """Deletes the deliveries of a webhook."""
        await self._tables.delete_partitions(DELIVERIES, webhook_id, None)


def _alert_row(alert: Alert) -> Row:
    return row_of(alert, _OPEN, encode_key(alert.key))


def _row(delivery: Delivery) -> Row:
    return row_of(delivery, delivery.webhook_id, encode_key(delivery.event.event_id))


def _delivery(row: Row) -> Delivery:
    return record_of(row, Delivery, etag=row["_etag"])
