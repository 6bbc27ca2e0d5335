"""Reviews that break off or race, deliveries lost or doubled: each change is told once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

import composition
from compliance.model import ConsumerCounts, Position
from composition import Ledger
from devhost.stack import Stack
from errors import StorageUnavailable
from identifiers import PortalId, SkuId
from settings import read_settings
from storage.compliance import PositionStore
from storage.errors import unavailable
from storage.portals import PortalStore
from storage.queues import WorkQueue
from storage.runs import RunStore
from storage.tables import Tables
from storage.webhooks import AlertStore, DeliveryStore, WebhookStore
from tests.builders import make_portal, make_run
from tests.receiver import Receiver, receiving
from webhooks.delivery import deliver
from webhooks.messages import QUEUE, DeliveryMessage
from webhooks.model import ALERT_KINDS, Delivery, Webhook
from webhooks.review import review
from webhooks.service import create_webhook, delete_webhook

NOW = datetime.now(UTC)


class Broken(DeliveryStore):
    """Deliveries that cannot be stored."""

    async def create(self, delivery: Delivery) -> bool:
        raise unavailable("the delivery")


@pytest.fixture
def receiver(parts: Stack) -> Iterator[Receiver]:
    with receiving(parts.simulator_dir) as listening:
        yield listening


@pytest.fixture
async def ledger(parts: Stack, tables: Tables, queue: WorkQueue) -> AsyncIterator[Ledger]:
    """A ledger on tables and queues of its own, with the vault of the running parts."""
    environment = {**parts.environment(), "WEBHOOK_PRIVATE_HOSTS": "localhost"}
    opened = composition.build(read_settings(environment))
    yield replace(
        opened,
        portals=PortalStore(tables),
        positions=PositionStore(tables),
        runs=RunStore(tables),
        webhooks=WebhookStore(tables),
        alerts=AlertStore(tables),
        deliveries=DeliveryStore(tables),
        queue=queue,
    )
    await opened.close()


@pytest.fixture
async def webhook(ledger: Ledger, receiver: Receiver) -> AsyncIterator[Webhook]:
    created, _ = await create_webhook(
        ledger, "Operations", "generic", receiver.url, None, ALERT_KINDS
    )
    yield created
    await delete_webhook(ledger, created.webhook_id)


def position(number: int, consumed: int = 13) -> Position:
    short = consumed > 10
    return Position(
        PortalId("0f8fad5b-d9cb-469f-a165-70867728950e"),
        SkuId(f"0f8fad5b-d9cb-469f-a165-{number:012}"),
        "Contoso",
        f"License {number}",
        "PART",
        "under_licensed" if short else "compliant",
        None,
        *(10, consumed, 10 - consumed, 0, 0, 0, consumed),
        ConsumerCounts(),
        (),
        None,
        False,
        NOW,
        NOW,
    )


async def store(ledger: Ledger, *positions: Position) -> None:
    await ledger.positions.upsert(positions, day=NOW.date())


async def deliveries(ledger: Ledger, webhook: Webhook) -> list[Delivery]:
    page = await ledger.deliveries.list_page(webhook.webhook_id, top=1000, continuation=None)
    return page.items


def message(delivery: Delivery) -> DeliveryMessage:
    return DeliveryMessage(delivery.webhook_id, delivery.event.event_id)


async def test_what_a_review_began_and_could_not_tell_the_next_one_tells(
    ledger: Ledger, webhook: Webhook, tables: Tables
):
    await store(ledger, position(1))
    with pytest.raises(StorageUnavailable):
        await review(replace(ledger, deliveries=Broken(tables)))
    assert [alert.told for alert in await ledger.alerts.list()] == [False]
    assert await deliveries(ledger, webhook) == []
    assert await review(ledger) == 0
    assert [alert.told for alert in await ledger.alerts.list()] == [True]
    assert len(await deliveries(ledger, webhook)) == 1
    assert await review(ledger) == 0
    assert len(await deliveries(ledger, webhook)) == 1


async def test_reviews_side_by_side_tell_a_change_once(ledger: Ledger, webhook: Webhook):
    await store(ledger, position(1), position(2))
    began = await asyncio.gather(*(review(ledger) for _ in range(4)))
    assert sum(began) == 2
    assert len(await deliveries(ledger, webhook)) == 2
    assert await ledger.queue.length(QUEUE) == 2


async def test_many_changes_at_once_are_one_event_and_each_may_begin_anew(
    ledger: Ledger, webhook: Webhook
):
    await store(ledger, *(position(number) for number in range(30)))
    assert await review(ledger) == 30
    [told] = await deliveries(ledger, webhook)
    assert told.event.title == "30 licenses are under-licensed"
    await store(ledger, position(7, consumed=5))
    await review(ledger)
    assert len(await ledger.alerts.list()) == 29
    await store(ledger, position(7))
    assert await review(ledger) == 1
    assert len(await deliveries(ledger, webhook)) == 2


async def test_doubled_messages_reach_the_receiver_once(
    ledger: Ledger, webhook: Webhook, receiver: Receiver
):
    await store(ledger, position(1))
    await review(ledger)
    [waiting] = await deliveries(ledger, webhook)
    await asyncio.gather(*(deliver(ledger, message(waiting)) for _ in range(5)))
    await deliver(ledger, message(waiting))
    assert len(receiver.received) == 1
    [done] = await deliveries(ledger, webhook)
    assert (done.state, done.attempts, done.status) == ("delivered", 1, 204)


async def test_a_delivery_whose_message_got_lost_is_queued_again(
    ledger: Ledger, webhook: Webhook, receiver: Receiver
):
    await store(ledger, position(1))
    await review(ledger)
    assert await ledger.queue.length(QUEUE) == 1
    await review(ledger)
    assert await ledger.queue.length(QUEUE) == 1
    late = replace(ledger, clock=lambda: datetime.now(UTC) + timedelta(minutes=20))
    await review(late)
    assert await ledger.queue.length(QUEUE) == 2


async def test_a_worker_that_died_while_sending_blocks_an_event_for_minutes_only(
    ledger: Ledger, webhook: Webhook, receiver: Receiver
):
    receiver.will_answer(500)
    await store(ledger, position(1))
    await review(ledger)
    [waiting] = await deliveries(ledger, webhook)
    await deliver(ledger, message(waiting))
    [failed] = await deliveries(ledger, webhook)
    assert (failed.state, failed.status) == ("pending", 500)
    assert failed.due_at > datetime.now(UTC) + timedelta(seconds=25)
    # as a worker leaves it that dies between claiming and settling
    claimed = failed.due_at + timedelta(minutes=2)
    died = msgspec.structs.replace(failed, state="sending", due_at=claimed)
    await ledger.deliveries.save(died)
    await deliver(ledger, message(waiting))
    assert len(receiver.received) == 1
    late = replace(ledger, clock=lambda: claimed + timedelta(seconds=1))
    await deliver(late, message(waiting))
    assert len(receiver.received) == 2
    assert (await deliveries(ledger, webhook))[0].state == "delivered"


async def test_an_event_is_given_up_after_eight_attempts(
    ledger: Ledger, webhook: Webhook, receiver: Receiver
):
    receiver.will_answer(*[503] * 20)
    await store(ledger, position(1))
    await review(ledger)
    [waiting] = await deliveries(ledger, webhook)
    for _ in range(10):
        await deliver(ledger, message(waiting))
    [failed] = await deliveries(ledger, webhook)
    assert (failed.state, failed.attempts) == ("failed", 8)
    assert len(receiver.received) == 8


async def test_nothing_is_concluded_of_a_portal_whose_import_has_not_ended(
    ledger: Ledger, webhook: Webhook
):
    portal = make_portal()
    await ledger.portals.create(portal)
    now = datetime.now(UTC)
    await ledger.runs.create(make_run(now, portal_id=portal.portal_id, state="Failed"))
    assert await review(ledger) == 1
    await ledger.runs.create(make_run(datetime.now(UTC), portal_id=portal.portal_id))
    assert await review(ledger) == 0
    assert [alert.kind for alert in await ledger.alerts.list()] == ["import_failing"]
    done = make_run(datetime.now(UTC), portal_id=portal.portal_id, state="Succeeded")
    await ledger.runs.create(done)
    await review(ledger)
    assert await ledger.alerts.list() == []
