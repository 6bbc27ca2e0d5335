"""What may be done with webhooks, and what they are told: alerts as they begin, and a digest."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

import compliance.service
from errors import CredentialMissing, InvalidInput, NotFound, PreconditionFailed
from identifiers import PortalId, SkuId
from monitor.run import Run
from webhooks.changes import (
    Outcomes,
    ended,
    event_of,
    grouped,
    import_alert,
    outcomes,
    position_alert,
    position_key,
    secret_alert,
)
from webhooks.messages import QUEUE, DeliveryMessage
from webhooks.model import (
    ALERT_KINDS,
    MAX_ATTEMPTS,
    Alert,
    Delivery,
    Event,
    EventKind,
    Fact,
    Webhook,
    WebhookId,
    WebhookKind,
    WebhookSecret,
    wait_seconds,
)
from webhooks.payload import body_of
from webhooks.signature import checked_key, new_key, signed_headers

if TYPE_CHECKING:
    from composition import Ledger
    from webhooks.sender import Answer

MAX_WEBHOOKS = 50
_LOOK_BACK = timedelta(days=7)
_OVERDUE = timedelta(minutes=15)
_KEPT = timedelta(days=90)
_CLAIM = timedelta(minutes=2)
_DIGEST_LINES = 10


async def create_webhook(
    ledger: Ledger,
    name: str,
    kind: WebhookKind,
    url: str,
    signing_key: str | None,
    events: Sequence[EventKind],
) -> tuple[Webhook, str | None]:
    """Stores a webhook; returns it, and the signing key if one was made for it.

    Raises InvalidInput for an address that may not be called, and
    CredentialMissing if Key Vault does not take it.
    """
    if len(await ledger.webhooks.list()) >= MAX_WEBHOOKS:
        raise InvalidInput(
            "name",
            f"There are {MAX_WEBHOOKS} webhooks already.",
            remedy="Delete one that is no longer needed.",
        )
    host = await ledger.sender.resolvable(url)
    key = checked_key(signing_key) if signing_key is not None else new_key()
    webhook_id = WebhookId(str(uuid.uuid4()))
    secret_name = await ledger.webhook_secrets.store(webhook_id, WebhookSecret(url, key))
    webhook = Webhook(
        webhook_id, name, kind, host, tuple(dict.fromkeys(events)), ledger.clock(), secret_name
    )
    await ledger.webhooks.create(webhook)
    return webhook, key if signing_key is None else None


async def delete_webhook(ledger: Ledger, webhook_id: WebhookId) -> None:
    """Deletes a webhook with its address and deliveries. Raises NotFound."""
    webhook = await ledger.webhooks.get(webhook_id)
    await ledger.webhook_secrets.delete(webhook.secret_name)
    await ledger.webhooks.delete(webhook_id)
    await ledger.deliveries.delete_webhook(webhook_id)


async def send_test(ledger: Ledger, webhook_id: WebhookId) -> Answer:
    """Sends an event that says it is a test, once. Raises NotFound, CredentialMissing."""
    webhook = await ledger.webhooks.get(webhook_id)
    now = ledger.clock()
    event = Event(
        f"test:{uuid.uuid4()}",
        "test",
        now,
        "Ledger365 can reach you",
        f"This is a test of the webhook {webhook.name}.",
        "Nothing is to be done.",
    )
    return await _send(ledger, webhook, event)


async def _send(ledger: Ledger, webhook: Webhook, event: Event) -> Answer:
    secret = await ledger.webhook_secrets.read(webhook.secret_name)
    body = body_of(event, webhook.kind)
    headers = signed_headers(secret.signing_key, event.event_id, body, ledger.clock())
    return await ledger.sender.post(secret.url, body, headers)


async def review(ledger: Ledger) -> int:
    """Compares what holds now with the alerts there are; returns how many began.

    An alert is stored before anybody is told, and stays until its state ends,
    so a change is told once, however often this runs and wherever it breaks
    off: what an earlier review began and did not tell is told now.
    """
    now = ledger.clock()
    known = {alert.key: alert for alert in await ledger.alerts.list()}
    held: dict[str, Alert | tuple[PortalId, SkuId]] = {}
    async for row in ledger.positions.summary_rows():
        if row.managed and row.status in ("under_licensed", "cannot_be_synchronized"):
            key = position_key(row.status, row.portal_id, row.sku_id, row.reason)
            held[key] = (row.portal_id, row.sku_id)
    imported = await _imports(ledger, now)
    unknown: set[str] = set()
    for portal in await ledger.portals.list():
        expiring = secret_alert(portal, now, ledger.settings.expiry_warning_days)
        if expiring is not None:
            held[expiring.key] = expiring
        last = imported.last.get(portal.portal_id)
        if last is None and portal.enabled:
            unknown.add(f"import_failing:{portal.portal_id}")
        elif last is not None and portal.enabled:
            failing = import_alert(portal, last, now)
            if failing is not None:
                held[failing.key] = failing
    await ledger.alerts.end(ended(known.values(), held.keys(), unknown))
    began = await _begin(ledger, {k: v for k, v in held.items() if k not in known}, now)
    untold = [alert for alert in known.values() if not alert.told and alert.key in held]
    await _tell(ledger, [*untold, *began])
    await ledger.alerts.save_reviewed(imported.since)
    await _send_again(ledger, now)
    return len(began)


async def _imports(ledger: Ledger, now: datetime) -> Outcomes:
    oldest = now - _LOOK_BACK
    since = max(await ledger.alerts.reviewed_until() or oldest, oldest)
    runs: list[Run] = []
    continuation: str | None = None
    while True:
        page = await ledger.runs.list_page(
            now=now, top=1000, continuation=continuation, task="import"
        )
        # logs and counts of thousands of runs are of no use here
        runs += [
            msgspec.structs.replace(run, log=(), counts={})
            for run in page.items
            if run.created_at >= since
        ]
        continuation = page.continuation
        if continuation is None or (page.items and page.items[-1].created_at < since):
            break
    return outcomes(runs, now)


async def _begin(
    ledger: Ledger, new: dict[str, Alert | tuple[PortalId, SkuId]], now: datetime
) -> list[Alert]:
    alerts: list[Alert] = []
    for found in new.values():
        if isinstance(found, Alert):
            alerts.append(found)
            continue
        try:
            position = await ledger.positions.get(*found)
        except NotFound:
            continue
        alert = position_alert(position, now)
        if alert is not None:
            alerts.append(alert)
    event_ids = {kind: f"{kind}:{uuid.uuid4()}" for kind in ALERT_KINDS}
    return [alert for alert in grouped(alerts, event_ids) if await ledger.alerts.begin(alert)]


async def _tell(ledger: Ledger, alerts: Sequence[Alert]) -> None:
    by_event: dict[str, list[Alert]] = {}
    for alert in alerts:
        by_event.setdefault(alert.event_id, []).append(alert)
    if not by_event:
        return
    webhooks = await ledger.webhooks.list()
    for of_event in by_event.values():
        await _announce(ledger, webhooks, event_of(of_event))
        await ledger.alerts.mark_told(of_event)


async def _announce(ledger: Ledger, webhooks: Sequence[Webhook], event: Event) -> None:
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


async def _send_again(ledger: Ledger, now: datetime) -> None:
    """Queues deliveries whose message got lost."""
    async for delivery in ledger.deliveries.overdue(now - _OVERDUE):
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
        return await _send(ledger, webhook, event), ""
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


async def send_digest(ledger: Ledger) -> Event:
    """Tells every webhook that wants it how the ledger stands, once a week at most."""
    now = ledger.clock()
    year, week, _ = now.isocalendar()
    found = await compliance.service.summary(ledger)
    alerts = sorted(await ledger.alerts.list(), key=lambda alert: alert.title.casefold())
    lines = [alert.title for alert in alerts[:_DIGEST_LINES]]
    if len(alerts) > _DIGEST_LINES:
        lines.append(f"and {len(alerts) - _DIGEST_LINES} more")
    statuses = sorted(found.statuses.items())
    event = Event(
        f"digest:{year}-W{week:02d}",
        "digest",
        now,
        f"License ledger, week {week} of {year}",
        "; ".join(lines) + "." if lines else "Nothing needs attention.",
        "",
        (
            Fact("Portals", found.portals),
            Fact("Licenses", found.licenses),
            Fact("Seats entitled", found.entitled),
            Fact("Seats consumed", found.consumed),
            Fact("Seats missing", found.shortfall),
            Fact("Seats to spare", found.spare),
            *(Fact(status.replace("_", " ").capitalize(), n) for status, n in statuses),
        ),
    )
    await _announce(ledger, await ledger.webhooks.list(), event)
    await ledger.deliveries.forget(now - _KEPT)
    return event
