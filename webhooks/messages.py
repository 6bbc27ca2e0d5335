"""The message on the queue `webhooks`."""

from __future__ import annotations

import msgspec

from webhooks.model import WebhookId

QUEUE = "webhooks"


class DeliveryMessage(msgspec.Struct, frozen=True):
    """Asks for the delivery of one event to one webhook."""

    webhook_id: WebhookId
    event_id: str
