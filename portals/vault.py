"""Key Vault: secrets by name and version, and why one cannot be had."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.identity import CredentialUnavailableError
from azure.keyvault.secrets.aio import SecretClient

from errors import CredentialMissing

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

    from settings import Settings

_NEVER_STORED = "ledger365-never-stored"
_BOUNDS: dict[str, Any] = {
    "retry_total": 3,
    "retry_backoff_factor": 0.4,
    "connection_timeout": 5,
    "read_timeout": 30,
}


class Secret(msgspec.Struct, frozen=True):
    """A secret's value and version. Its representation shows no value."""

    value: str
    version: str

    def __repr__(self) -> str:
        return f"Secret({self.version})"


class NameDeleted(CredentialMissing):
    """A secret of the name is soft-deleted, and not yet purged."""


class Vault:
    """The deployment's Key Vault. Every failure is a CredentialMissing that says why.

    `what` begins the sentence, and `again` says how to store it once more.
    """

    def __init__(
        self,
        settings: Settings,
        identity: Callable[[], AsyncTokenCredential],
        *,
        what: str,
        again: str,
    ) -> None:
        self._settings = settings
        self._identity = identity
        self._what = what
        self._again = again
        self._opened: SecretClient | None = None

    def _client(self) -> SecretClient:
        if self._settings.key_vault_url is None:
            raise CredentialMissing(
                f"{self._what} is not in Key Vault: no vault is configured.",
                remedy="Set KEY_VAULT_URL to the address of the deployment's Key Vault.",
            )
        if self._opened is None:
            self._opened = SecretClient(
                self._settings.key_vault_url,
                self._identity(),
                verify_challenge_resource=self._settings.key_vault_verify_challenge,
                **_BOUNDS,
            )
        return self._opened

    async def put(
        self,
        name: str,
        value: str,
        *,
        content_type: str,
        tags: dict[str, str],
        expires_on: datetime | None = None,
    ) -> str:
        """Stores a secret, or a new version of it; returns the version.

        Raises NameDeleted while the vault keeps a deleted secret of the name.
        """
        async with self._guarded():
            stored = await self._client().set_secret(
                name, value, content_type=content_type, expires_on=expires_on, tags=tags
            )
        return stored.properties.version or ""

    async def get(self, name: str, version: str | None = None) -> Secret:
        """A version of a secret, the newest without `version`."""
        async with self._guarded():
            secret = await self._client().get_secret(name, version)
        return Secret(secret.value or "", secret.properties.version or "")

    async def probe(self) -> None:
        """Succeeds if the vault answers and lets the app read."""
        async with self._guarded(absent_is_fine=True):
            await self._client().get_secret(_NEVER_STORED)

    async def disable(self, name: str, version: str) -> None:
        """Disables a version; succeeds on the absent."""
        async with self._guarded(absent_is_fine=True):
            await self._client().update_secret_properties(name, version, enabled=False)

    async def delete(self, name: str) -> bool:
        """Deletes a secret, and purges it where the vault allows; returns whether it did.

        Succeeds on the absent.
        """
        vault = self._client()
        async with self._guarded(absent_is_fine=True):
            await vault.delete_secret(name)
        try:
            async with self._guarded(absent_is_fine=True):
                await vault.purge_deleted_secret(name)
        except CredentialMissing:
            # purge protection, or no right to purge: it goes after the retention period
            return False
        return True

    @asynccontextmanager
    async def _guarded(self, *, absent_is_fine: bool = False) -> AsyncIterator[None]:
        try:
            yield
        except ResourceNotFoundError:
            if not absent_is_fine:
                raise self.missing("it was deleted or purged") from None
        except (ClientAuthenticationError, CredentialUnavailableError):
            raise self.missing("the app's identity was refused", role_helps=True) from None
        except DecodeError:
            raise self.missing("the vault's answer cannot be read") from None
        except ResourceExistsError:
            raise NameDeleted(
                f"{self._what} is not in Key Vault: its secret is deleted, and the vault keeps "
                "the name.",
                remedy="Recover or purge the deleted secret.",
            ) from None
        except HttpResponseError as error:
            if error.status_code == 403:
                cause = "it is disabled, expired, or the app may not read it"
                raise self.missing(cause, role_helps=True) from None
            raise self.missing(f"the vault answered with status {error.status_code}") from None
        except AzureError as error:
            cause = f"the vault cannot be reached ({type(error).__name__})"
            raise self.missing(cause) from None
        except ValueError:
            # the SDK holds tokens back from a vault that asks for them in another's name
            cause = "what answers at KEY_VAULT_URL asks for a token of another domain"
            raise self.missing(cause) from None

    def missing(self, cause: str, *, role_helps: bool = False) -> CredentialMissing:
        """The error for a secret that cannot be had; nothing of a value is in it."""
        return CredentialMissing(
            f"{self._what} is not in Key Vault: {cause}.",
            remedy="Give the app's identity the role Key Vault Secrets Officer, or "
            f"{self._again[:1].lower()}{self._again[1:]}."
            if role_helps
            else f"{self._again}; if the vault is unreachable, check its address and network "
            "rules.",
        )

    async def close(self) -> None:
        """Closes the connections."""
        if self._opened is not None:
            await self._opened.close()
