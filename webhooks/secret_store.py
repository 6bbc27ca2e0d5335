"""Keeps the addresses and signing keys of webhooks in Key Vault."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from portals.vault import Vault
from webhooks.model import WebhookId, WebhookSecret

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

    from settings import Settings

_CONTENT_TYPE = "application/vnd.ledger365.webhook+json"


class WebhookSecretStore:
    """One Key Vault secret a webhook."""

    def __init__(self, settings: Settings, identity: Callable[[], AsyncTokenCredential]) -> None:
        self._vault = Vault(
            settings,
            identity,
            what="The webhook's address",
            again="Delete the webhook and create it again",
        )

    async def store(self, webhook_id: WebhookId, secret: WebhookSecret) -> str:
        """Stores address and key; returns the secret's name. Raises CredentialMissing."""
        name = f"webhook-{webhook_id}"
        await self._vault.put(
            name,
            msgspec.json.encode(secret).decode(),
            content_type=_CONTENT_TYPE,
            tags={"webhook": webhook_id},
        )
        return name

    async def read(self, name: str) -> WebhookSecret:
        """Address and key. Raises CredentialMissing, saying why."""
        secret = await self._vault.get(name)
        try:
            return msgspec.json.decode(secret.value, type=WebhookSecret)
        except msgspec.DecodeError:
            raise self._vault.missing("its content is not one that this app stored") from None

    async def delete(self, name: str) -> None:
        """Deletes address and key; succeeds on the absent."""
        await self._vault.delete(name)

    async def close(self) -> None:
        """Closes the connections."""
        await self._vault.close()
