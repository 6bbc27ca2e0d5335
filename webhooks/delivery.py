"""Brings events to webhooks: one delivery of an event each, attempted until it is taken."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from errors import CredentialMissing, NotFound, PreconditionFailed
from webhooks.messages import QUEUE, DeliveryMessage
from webhooks.model import MAX_ATTEMPTS, Delivery, Event, Webhook, wait_seconds
from webhooks.payload import body_of
from webhooks.signature import signed_headers

if TYPE_CHECKING:
    from composition import Ledger
    from webhooks.sender import Answer

_CLAIM = timedelta(minutes=2)
_OVERDUE = timedelta(minutes=15)


async def send(ledger: Ledger, webhook: Webhook, event: Event) -> Answer:
    """What a webhook answers to an event. Raises CredentialMissing."""
    secret = await ledger.webhook_secrets.read(webhook.secret_name)
    body = body_of(event, webhook.kind)
    headers = signed_headers(secret.signing_key, event.event_id, body, ledger.clock())
    return await ledger.sender.post(secret.url, body, headers)


async def announce(ledger: Ledger, webhooks: Sequence[Webhook], event: Event) -> None:
    """Begins the deliveries of an event to the webhooks that want it; again, it changes nothing."""
    now = ledger.clock()
    for webhook in webhooks:
        if event.kind not in webhook.events:
            continue
        delivery = Delivery(webhook.webhook_id, event, "pending", now, now)
        if await ledger.deliveries.create(delivery):
            await _queue(ledger, delivery, 0)


async def _queue(ledger: Ledger, delivery: Delivery, delay_seconds: int) -> None:
    message = DeliveryMessage(delivery.webhook_id, delivery.event.event_id)
    await ledger.queue.send(QUEUE, msgspec.json.encode(message), delay_seconds=delay_seconds)


async def queue_overdue(ledger: Ledger) -> None:
    """Queues deliveries whose message got lost."""
    async for delivery in ledger.deliveries.overdue(ledger.clock() - _OVERDUE):
        await _queue(ledger, delivery, 0)


async def deliver(ledger: Ledger, message: DeliveryMessage) -> None:
    """Makes one attempt at a delivery; a failed one is queued again with a longer wait.

    Only one worker makes an attempt at a time, and what a receiver has taken
    is not sent again. A receiver that took it and could not say so gets it
    again under the same event ID.
    """
    delivery = await ledger.deliveries.get(message.webhook_id, message.event_id)
    if delivery is None or delivery.state in ("delivered", "failed"):
        return
    try:
        webhook = await ledger.webhooks.get(message.webhook_id)
    except NotFound:
        return
    now = ledger.clock()
    if delivery.state == "sending" and delivery.due_at > now:
        wait = int((delivery.due_at - now).total_seconds()) + 1
        await _queue(ledger, delivery, wait)
        return
    claimed = msgspec.structs.replace(
        delivery, state="sending", attempts=delivery.attempts + 1, due_at=now + _CLAIM
    )
    try:
        await ledger.deliveries.save(claimed)
    except (PreconditionFailed, NotFound):
        # another worker has it, or the webhook was deleted
        return
    answer, gone = await _attempt(ledger, webhook, claimed.event)
    current = await ledger.deliveries.get(message.webhook_id, message.event_id)
    if current is not None:
        await _settle(ledger, current, answer, gone)


async def _attempt(ledger: Ledger, webhook: Webhook, event: Event) -> tuple[Answer | None, str]:
    try:
        return await send(ledger, webhook, event), ""
    except CredentialMissing as error:
        return None, error.message


async def _settle(ledger: Ledger, delivery: Delivery, answer: Answer | None, missing: str) -> None:
    now = ledger.clock()
    status = answer.status if answer is not None else None
    error = answer.error if answer is not None else missing
    settled = msgspec.structs.replace(delivery, status=status, error=error)
    if answer is not None and answer.accepted:
        settled = msgspec.structs.replace(settled, state="delivered", delivered_at=now)
        await ledger.deliveries.save(settled)
        return
    # 410 is how receivers say that nobody listens any more
    if delivery.attempts >= MAX_ATTEMPTS or status == 410:
        await ledger.deliveries.save(msgspec.structs.replace(settled, state="failed"))
        return
    wait = wait_seconds(delivery.attempts, ledger.settings.webhook_retry_seconds)
    if answer is not None and answer.retry_after_seconds is not None:
        wait = max(wait, answer.retry_after_seconds)
    waiting = msgspec.structs.replace(
        settled, state="pending", due_at=now + timedelta(seconds=wait)
    )
    await ledger.deliveries.save(waiting)
    await _queue(ledger, waiting, wait)
