"""Keeps the credentials of portals in Key Vault: stores, reads, retires and deletes them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from identifiers import PortalId
from portals.certificates import CertificateMaterial, ClientSecretMaterial
from portals.model import Credential
from portals.vault import NameDeleted, Vault

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

    from settings import Settings

Material = ClientSecretMaterial | CertificateMaterial
_CONTENT_TYPE = "application/vnd.ledger365.credential+json"
_decoder: msgspec.json.Decoder[Material] = msgspec.json.Decoder(Material)


class CredentialStore:
    """Credentials as Key Vault secrets: one secret per portal, a version per credential."""

    def __init__(self, settings: Settings, identity: Callable[[], AsyncTokenCredential]) -> None:
        self._vault = Vault(
            settings,
            identity,
            what="The portal's credential",
            again="Store the portal's credential again",
        )

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
            version = await self._put(name, portal_id, material, expiry)
        except NameDeleted:
            # somebody deleted the secret, and the vault keeps its name until it is purged
            name = _fresh_name(portal_id)
            version = await self._put(name, portal_id, material, expiry)
        return Credential(
            kind="client_secret" if certificate is None else "certificate",
            secret_name=name,
            secret_version=version,
            secret_id=secret_id,
            expires_at=expiry,
            subject=certificate.subject if certificate else None,
            thumbprint_sha1=certificate.thumbprint_sha1 if certificate else None,
            thumbprint_sha256=certificate.thumbprint_sha256 if certificate else None,
        )

    async def _put(
        self, name: str, portal_id: PortalId, material: Material, expiry: datetime | None
    ) -> str:
        return await self._vault.put(
            name,
            msgspec.json.encode(material).decode(),
            content_type=_CONTENT_TYPE,
            expires_on=expiry,
            tags={"portal": portal_id},
        )

    async def read(self, credential: Credential) -> Material:
        """The material of a portal's credential. Raises CredentialMissing, saying why."""
        secret = await self._vault.get(credential.secret_name, credential.secret_version)
        try:
            return _decoder.decode(secret.value)
        except msgspec.DecodeError:
            # nothing of the value may be chained
            cause = "its content is not one that this app stored"
            raise self._vault.missing(cause) from None

    async def probe(self) -> None:
        """Succeeds if the vault answers and lets the app read; raises CredentialMissing."""
        await self._vault.probe()

    async def retire(self, credential: Credential) -> None:
        """Disables a version that another one has replaced; succeeds on the absent."""
        await self._vault.disable(credential.secret_name, credential.secret_version)

    async def delete(self, credential: Credential) -> bool:
        """Deletes the secret, and purges it where the vault allows; returns whether it did.

        Succeeds on the absent.
        """
        return await self._vault.delete(credential.secret_name)

    async def close(self) -> None:
        """Closes the connections."""
        await self._vault.close()


def _fresh_name(portal_id: PortalId) -> str:
    # a name never used before cannot clash with a soft-deleted one
    return f"portal-{portal_id}-{secrets.token_hex(4)}"
