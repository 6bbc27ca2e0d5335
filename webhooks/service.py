"""What may be done with webhooks: create, delete, test; and the digest they get."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import compliance.service
import spend.service
from errors import InvalidInput, LedgerError
from spend.annual import shown
from webhooks.delivery import announce, send
from webhooks.model import (
    Event,
    EventKind,
    Fact,
    Webhook,
    WebhookId,
    WebhookKind,
    WebhookSecret,
)
from webhooks.signature import checked_key, new_key

if TYPE_CHECKING:
    from composition import Ledger
    from spend.figures import CurrencyTotals
    from webhooks.sender import Answer

MAX_WEBHOOKS = 50
_KEPT = timedelta(days=90)
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
    try:
        await ledger.webhooks.create(webhook)
    except LedgerError:
        await ledger.webhook_secrets.delete(secret_name)
        raise
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
    return await send(ledger, webhook, event)


async def send_digest(ledger: Ledger) -> Event:
    """Tells every webhook that wants it how the ledger stands, once a week at most."""
    now = ledger.clock()
    year, week, _ = now.isocalendar()
    found = await compliance.service.summary(ledger)
    costs = await spend.service.summary(ledger, None)
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
            *(fact for totals in costs.currencies for fact in _money(totals)),
        ),
    )
    await announce(ledger, await ledger.webhooks.list(), event)
    await ledger.deliveries.forget(now - _KEPT)
    return event


def _money(totals: CurrencyTotals) -> list[Fact]:
    wasted = totals.wasted
    facts = [Fact(f"Spend a year ({totals.currency})", shown(totals.annual))]
    if wasted.annual is not None:
        facts.append(Fact(f"Wasted a year ({totals.currency})", shown(wasted.annual)))
    return facts
