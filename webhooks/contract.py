"""Request and response models of the webhook routes."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from web.contract import Contract, Timestamp
from webhooks.model import (
    ALERT_KINDS,
    Alert,
    AlertKind,
    Delivery,
    DeliveryState,
    Fact,
    Webhook,
    WebhookKind,
)
from webhooks.model import EventKind as AnyEventKind

SubscribedKind = Literal[AlertKind, "digest"]


class CreateWebhookRequest(Contract):
    """A new webhook. Its address is kept in Key Vault, since it is a key to the channel."""

    name: str = Field(min_length=1, max_length=100)
    kind: WebhookKind = "generic"
    url: SecretStr = Field(description="An https address.")
    signing_key: SecretStr | None = Field(
        None, description="whsec_ and base64; one is made if it is left out."
    )
    events: Annotated[list[SubscribedKind], Field(min_length=1, max_length=20)] = [
        *ALERT_KINDS,
        "digest",
    ]


class WebhookView(Contract):
    """A webhook; of its address, only the host is shown."""

    webhook_id: str
    name: str
    kind: WebhookKind
    host: str
    events: list[SubscribedKind]
    created_at: Timestamp

    @classmethod
    def of(cls, webhook: "Webhook") -> "WebhookView":
        """The view of a webhook."""
        return cls.model_validate(webhook)


class WebhookCreated(WebhookView):
    """A new webhook; `signingKey` is shown this once, if it was made here."""

    signing_key: str | None

    @classmethod
    def with_key(cls, webhook: "Webhook", signing_key: str | None) -> "WebhookCreated":
        """The view of a new webhook."""
        return cls(**WebhookView.of(webhook).model_dump(by_alias=False), signing_key=signing_key)


class WebhookTested(Contract):
    """What a receiver answered to a test."""

    accepted: bool
    status: int | None
    error: str | None


class FactView(Contract):
    """A figure of an event."""

    name: str
    value: str | int

    @classmethod
    def of(cls, fact: "Fact") -> "FactView":
        """The view of a fact."""
        return cls.model_validate(fact)


class DeliveryView(Contract):
    """An event on its way to a webhook, or what came of it."""

    event_id: str
    event: AnyEventKind
    title: str
    state: DeliveryState
    attempts: int
    created_at: Timestamp
    due_at: Timestamp
    delivered_at: Timestamp | None
    status: int | None
    error: str | None

    @classmethod
    def of(cls, delivery: "Delivery") -> "DeliveryView":
        """The view of a delivery."""
        return cls(
            event_id=delivery.event.event_id,
            event=delivery.event.kind,
            title=delivery.event.title,
            state=delivery.state,
            attempts=delivery.attempts,
            created_at=delivery.created_at,
            due_at=delivery.due_at,
            delivered_at=delivery.delivered_at,
            status=delivery.status,
            error=delivery.error,
        )


class AlertView(Contract):
    """Something that needs attention at present."""

    kind: AlertKind
    since: Timestamp
    title: str
    text: str
    remedy: str
    facts: list[FactView]
    portal_id: str | None
    sku_id: str | None

    @classmethod
    def of(cls, alert: "Alert") -> "AlertView":
        """The view of an alert."""
        return cls.model_validate(alert)
