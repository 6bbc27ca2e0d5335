"""Alerts and deliveries in storage: each begins once, whoever is first; and who may be called."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from devhost.stack import Stack
from errors import InvalidInput, PreconditionFailed
from storage.tables import Tables
from storage.webhooks import AlertStore, DeliveryStore
from tests.receiver import receiving
from webhooks.model import Alert, Delivery, Event, Fact, WebhookId
from webhooks.sender import Sender

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOOK = WebhookId("0f8fad5b-d9cb-469f-a165-70867728950e")
ALERT = Alert(
    "under_licensed:p:s",
    "under_licensed",
    NOW,
    "Under-licensed",
    "3 are missing.",
    "Buy more.",
    event_id="e1",
    facts=(Fact("Missing", 3), Fact("Code", "x/y#z")),
)


def delivery(event_id: str = "under_licensed:p:s/1", **values: object) -> Delivery:
    event = Event(event_id, "under_licensed", NOW, "Title", "Text", "Remedy", ALERT.facts)
    return msgspec.structs.replace(Delivery(HOOK, event, "pending", NOW, NOW), **values)


async def test_an_alert_begins_once_until_it_has_ended(tables: Tables):
    alerts = AlertStore(tables)
    assert await alerts.begin(ALERT)
    assert not await alerts.begin(msgspec.structs.replace(ALERT, event_id="e2"))
    assert await alerts.list() == [ALERT]
    await alerts.mark_told([ALERT])
    assert (await alerts.list())[0].told
    await alerts.end([ALERT])
    await alerts.end([ALERT])
    assert await alerts.list() == []
    assert await alerts.begin(ALERT)


async def test_the_time_of_the_last_review_is_kept_apart_from_alerts(tables: Tables):
    alerts = AlertStore(tables)
    assert await alerts.reviewed_until() is None
    await alerts.save_reviewed(NOW)
    assert await alerts.reviewed_until() == NOW
    assert await alerts.list() == []


async def test_a_delivery_is_made_once_and_claimed_by_one(tables: Tables):
    deliveries = DeliveryStore(tables)
    assert await deliveries.create(delivery())
    assert not await deliveries.create(delivery())
    first = await deliveries.get(HOOK, delivery().event.event_id)
    assert first is not None
    assert msgspec.structs.replace(first, etag=None) == delivery()
    await deliveries.save(msgspec.structs.replace(first, state="sending"))
    with pytest.raises(PreconditionFailed):
        await deliveries.save(msgspec.structs.replace(first, state="sending"))


async def test_only_what_waits_too_long_is_overdue_and_old_ones_are_forgotten(tables: Tables):
    deliveries = DeliveryStore(tables)
    past = NOW - timedelta(hours=1)
    for event_id, values in (
        ("a", {"due_at": past}),
        ("b", {"due_at": past, "state": "sending"}),
        ("c", {"due_at": past, "state": "delivered"}),
        ("d", {"created_at": past}),
    ):
        await deliveries.create(delivery(event_id, **values))
    overdue = {found.event.event_id async for found in deliveries.overdue(NOW)}
    assert overdue == {"a", "b"}
    await deliveries.forget(NOW)
    page = await deliveries.list_page(HOOK, top=10, continuation=None)
    assert [found.event.event_id for found in page.items] == ["a", "b", "c"]
    await deliveries.delete_webhook(HOOK)
    assert await deliveries.get(HOOK, "a") is None


async def test_a_name_that_leads_inside_is_neither_stored_nor_called(parts: Stack):
    with receiving(parts.simulator_dir) as receiver:
        strict = Sender(frozenset())
        with pytest.raises(InvalidInput):
            await strict.resolvable(receiver.url)
        answer = await strict.post(receiver.url, b"{}", {})
        assert not answer.accepted
        assert "public internet" in (answer.error or "")
        assert receiver.received == []
        allowed = Sender(frozenset({"localhost"}))
        assert await allowed.resolvable(receiver.url) == "localhost"
        assert (await allowed.post(receiver.url, b"{}", {})).status == 204


async def test_a_redirect_is_not_followed_and_waiting_is_heeded(parts: Stack):
    with receiving(parts.simulator_dir) as receiver:
        sender = Sender(frozenset({"localhost"}))
        receiver.will_answer(307, Location=receiver.url)
        assert (await sender.post(receiver.url, b"{}", {})).status == 307
        receiver.will_answer(503, Retry_After="7")
        assert (await sender.post(receiver.url, b"{}", {})).retry_after_seconds == 7
        assert len(receiver.received) == 2


async def test_a_receiver_without_a_certificate_we_trust_gets_nothing(parts: Stack, tmp_path):
    from simulator.authority import write_certificates

    write_certificates(tmp_path)
    with receiving(tmp_path) as receiver:
        answer = await Sender(frozenset({"localhost"})).post(receiver.url, b"{}", {})
        assert answer.status is None
        assert "in-the-address" not in (answer.error or "")
        assert receiver.received == []
