"""What webhooks, alerts and deliveries are. Rules only, no I/O."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NewType, get_args

import msgspec

from identifiers import PortalId

WebhookId = NewType("WebhookId", str)
WebhookKind = Literal["teams", "slack", "generic"]
AlertKind = Literal[
    "under_licensed",
    "cannot_be_synchronized",
    "secret_expiring",
    "import_failing",
    "premium_overused",
    "unused",
    "expiring",
]
EventKind = Literal[AlertKind, "digest", "test"]
DeliveryState = Literal["pending", "sending", "delivered", "failed"]

ALERT_KINDS: tuple[AlertKind, ...] = get_args(AlertKind)
# more changes of one kind than these, found at once, are told in one message
TOLD_SINGLY = 10
MAX_ATTEMPTS = 8
_LONGEST_WAIT_SECONDS = 6 * 3600


class Webhook(msgspec.Struct, frozen=True):
    """Where events go. The address is a secret as much as the signing key is: of it, only
    the host is known outside Key Vault.
    """

    webhook_id: WebhookId
    name: str
    kind: WebhookKind
    host: str
    events: tuple[EventKind, ...]
    created_at: datetime
    secret_name: str


class WebhookSecret(msgspec.Struct, frozen=True):
    """What Key Vault keeps of a webhook. Its representation shows nothing of it."""

    url: str
    signing_key: str

    def __repr__(self) -> str:
        return "WebhookSecret(…)"


class Fact(msgspec.Struct, frozen=True):
    """A figure of an event, named for readers."""

    name: str
    value: str | int


class Event(msgspec.Struct, frozen=True):
    """Something that receivers are told. `event_id` is the same however often it is sent."""

    event_id: str
    kind: EventKind
    at: datetime
    title: str
    text: str
    remedy: str
    facts: tuple[Fact, ...] = ()
    portal_id: PortalId | None = None
    sku_id: str | None = None


class Alert(msgspec.Struct, frozen=True):
    """A state of affairs that holds at present, told under `event_id` when it began.

    `key` names the state: while an alert has it, the change that began it is
    not told again. `told` is whether its deliveries exist.
    """

    key: str
    kind: AlertKind
    since: datetime
    title: str
    text: str
    remedy: str
    event_id: str = ""
    told: bool = False
    facts: tuple[Fact, ...] = ()
    portal_id: PortalId | None = None
    sku_id: str | None = None


class Delivery(msgspec.Struct, frozen=True):
    """One event on its way to one webhook; `status` is the receiver's last answer."""

    webhook_id: WebhookId
    event: Event
    state: DeliveryState
    created_at: datetime
    due_at: datetime
    attempts: int = 0
    delivered_at: datetime | None = None
    status: int | None = None
    error: str | None = None
    etag: str | None = None


def wait_seconds(attempts: int, base_seconds: int) -> int:
    """How long to wait after so many failed attempts: four times as long each, up to 6 hours."""
    wait = base_seconds
    for _ in range(attempts - 1):
        wait = min(wait * 4, _LONGEST_WAIT_SECONDS)
    return wait
