"""Key Vault: stores, reads, retires and deletes the credentials of portals."""

from __future__ import annotations

import secrets
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
from azure.keyvault.secrets import KeyVaultSecret
from azure.keyvault.secrets.aio import SecretClient

from errors import CredentialMissing
from identifiers import PortalId
from portals.certificates import CertificateMaterial, ClientSecretMaterial
from portals.model import Credential

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

    from settings import Settings

Material = ClientSecretMaterial | CertificateMaterial
_NEVER_STORED = "ledger365-never-stored"
_CONTENT_TYPE = "application/vnd.ledger365.credential+json"
_BOUNDS: dict[str, Any] = {
    "retry_total": 3,
    "retry_backoff_factor": 0.4,
    "connection_timeout": 5,
    "read_timeout": 30,
}
_decoder: msgspec.json.Decoder[Material] = msgspec.json.Decoder(Material)


class CredentialStore:
    """Credentials as Key Vault secrets: one secret per portal, a version per credential."""

    def __init__(self, settings: Settings, identity: Callable[[], AsyncTokenCredential]) -> None:
        self._settings = settings
        self._identity = identity
        self._client: SecretClient | None = None

    def _vault(self) -> SecretClient:
        if self._settings.key_vault_url is None:
            raise CredentialMissing(
                "The portal's credential is not in Key Vault: no vault is configured.",
                remedy="Set KEY_VAULT_URL to the address of the deployment's Key Vault.",
            )
        if self._client is None:
            self._client = SecretClient(
                self._settings.key_vault_url,
                self._identity(),
                verify_challenge_resource=self._settings.key_vault_verify_challenge,
                **_BOUNDS,
            )
        return self._client

    async def store(
        self,
        portal_id: PortalId,
        material: Material,
        *,
        replacing: Credential | None = None,
        secret_id: str | None = None,
        expires_at: datetime | None = None,
    ) -> Credential:
        """Stores the material, as a new version of `replacing` if given and not deleted.

        Returns what may be known of it. Raises CredentialMissing if the vault
        does not take it.
        """
        certificate = material if isinstance(material, CertificateMaterial) else None
        expiry = certificate.not_after if certificate is not None else expires_at
        name = replacing.secret_name if replacing is not None else _fresh_name(portal_id)
        try:
            stored = await self._set(name, portal_id, material, expiry)
        except _NameDeleted:
            # somebody deleted the secret, and the vault keeps its name until it is purged
            name = _fresh_name(portal_id)
            stored = await self._set(name, portal_id, material, expiry)
        return Credential(
            kind="client_secret" if certificate is None else "certificate",
            secret_name=name,
            secret_version=stored.properties.version or "",
            secret_id=secret_id,
            expires_at=expiry,
            subject=certificate.subject if certificate else None,
            thumbprint_sha1=certificate.thumbprint_sha1 if certificate else None,
            thumbprint_sha256=certificate.thumbprint_sha256 if certificate else None,
        )

    async def _set(
        self, name: str, portal_id: PortalId, material: Material, expiry: datetime | None
    ) -> KeyVaultSecret:
        async with self._guarded():
            return await self._vault().set_secret(
                name,
                msgspec.json.encode(material).decode(),
                content_type=_CONTENT_TYPE,
                expires_on=expiry,
                tags={"portal": portal_id},
            )

    async def read(self, credential: Credential) -> Material:
        """The material of a portal's credential. Raises CredentialMissing, saying why."""
        async with self._guarded():
            secret = await self._vault().get_secret(
                credential.secret_name, credential.secret_version
            )
        try:
            return _decoder.decode(secret.value or "")
        except msgspec.DecodeError:
            # nothing of the value may be chained
            raise _missing("its content is not one that this app stored") from None

    async def probe(self) -> None:
        """Succeeds if the vault answers and lets the app read; raises CredentialMissing."""
        async with self._guarded(absent_is_fine=True):
            await self._vault().get_secret(_NEVER_STORED)

    async def retire(self, credential: Credential) -> None:
        """Disables a version that another one has replaced; succeeds on the absent."""
        async with self._guarded(absent_is_fine=True):
            await self._vault().update_secret_properties(
                credential.secret_name, credential.secret_version, enabled=False
            )

    async def delete(self, credential: Credential) -> bool:
        """Deletes the secret, and purges it where the vault allows; returns whether it did.

        Succeeds on the absent.
        """
        vault = self._vault()
        async with self._guarded(absent_is_fine=True):
            await vault.delete_secret(credential.secret_name)
        try:
            async with self._guarded(absent_is_fine=True):
                await vault.purge_deleted_secret(credential.secret_name)
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
                raise _missing("it was deleted or purged") from None
        except (ClientAuthenticationError, CredentialUnavailableError):
            raise _missing("the app's identity was refused", code_remedy=True) from None
        except DecodeError:
            raise _missing("the vault's answer cannot be read") from None
        except ResourceExistsError:
            raise _NameDeleted(
                "The portal's credential is not in Key Vault: its secret is deleted, and the "
                "vault keeps the name.",
                remedy="Recover or purge the deleted secret.",
            ) from None
        except HttpResponseError as error:
            if error.status_code == 403:
                cause = "it is disabled, expired, or the app may not read it"
                raise _missing(cause, code_remedy=True) from None
            raise _missing(f"the vault answered with status {error.status_code}") from None
        except AzureError as error:
            raise _missing(f"the vault cannot be reached ({type(error).__name__})") from None
        except ValueError:
            # the SDK holds tokens back from a vault that asks for them in another's name
            raise _missing(
                "what answers at KEY_VAULT_URL asks for a token of another domain"
            ) from None

    async def close(self) -> None:
        """Closes the connections."""
        if self._client is not None:
            await self._client.close()


class _NameDeleted(CredentialMissing):
    """A secret of the name is soft-deleted, and not yet purged."""


def _fresh_name(portal_id: PortalId) -> str:
    # a name never used before cannot clash with a soft-deleted one
    return f"portal-{portal_id}-{secrets.token_hex(4)}"


def _missing(cause: str, *, code_remedy: bool = False) -> CredentialMissing:
    return CredentialMissing(
        f"The portal's credential is not in Key Vault: {cause}.",
        remedy="Give the app's identity the role Key Vault Secrets Officer, or store the "
        "credential again."
        if code_remedy
        else "Store the portal's credential again; if the vault is unreachable, check its "
        "address and network rules.",
    )
