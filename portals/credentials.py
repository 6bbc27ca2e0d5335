"""Keeps the credentials of portals in Key Vault: stores, reads, retires and deletes them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from identifiers import PortalId
from portals.certificates import CertificateMaterial, DelegatedMaterial, Material
from portals.model import Credential, CredentialKind
from portals.vault import NameDeleted, Vault

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

    from settings import Settings

_CONTENT_TYPE = "application/vnd.ledger365.credential+json"
_FLOW_TYPE = "application/vnd.ledger365.sign-in+json"
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
        kind = _kind(material)
        # versions of a delegated credential follow each other by themselves
        keeps_name = replacing is not None and "delegated" not in (kind, replacing.kind)
        name = (
            replacing.secret_name
            if keeps_name and replacing is not None
            else _fresh_name(portal_id)
        )
        try:
            version = await self._put(name, portal_id, material, expiry)
        except NameDeleted:
            # somebody deleted the secret, and the vault keeps its name until it is purged
            name = _fresh_name(portal_id)
            version = await self._put(name, portal_id, material, expiry)
        return Credential(
            kind=kind,
            secret_name=name,
            secret_version="" if kind == "delegated" else version,
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
        secret = await self._vault.get(credential.secret_name, credential.secret_version or None)
        try:
            material = _decoder.decode(secret.value)
        except msgspec.DecodeError:
            # nothing of the value may be chained
            cause = "its content is not one that this app stored"
            raise self._vault.missing(cause) from None
        if isinstance(material, DelegatedMaterial):
            return msgspec.structs.replace(
                material, secret_name=credential.secret_name, secret_version=secret.version
            )
        return material

    async def keep(self, portal_id: PortalId | None, material: DelegatedMaterial) -> None:
        """Stores the token cache as the newest version, and disables the one it was read from.

        `portal_id` is None for a renewed refresh token: it gives way to a
        sign-in that came in between. Raises CredentialMissing.
        """
        name, version = material.secret_name, material.secret_version
        if portal_id is None and (await self._vault.get(name)).version != version:
            return
        bare = DelegatedMaterial(material.client_secret, material.token_cache)
        await self._vault.put(
            name,
            msgspec.json.encode(bare).decode(),
            content_type=_CONTENT_TYPE,
            tags={"portal": portal_id} if portal_id is not None else {},
        )
        await self._vault.disable(name, version)

    async def store_flow(self, portal_id: PortalId, flow: str, expires_at: datetime) -> str:
        """Stores what a sign-in under way must remember, e.g. its code verifier.

        Returns the secret's name. Raises CredentialMissing.
        """
        name = f"sign-in-{portal_id}-{secrets.token_hex(4)}"
        await self._vault.put(
            name,
            flow,
            content_type=_FLOW_TYPE,
            tags={"portal": portal_id},
            expires_on=expires_at,
        )
        return name

    async def take_flow(self, name: str) -> str:
        """What a sign-in must remember, which is deleted with this."""
        flow = await self._vault.get(name)
        await self._vault.delete(name)
        return flow.value

    async def delete_flow(self, name: str) -> None:
        """Deletes what a sign-in must remember; succeeds on the absent."""
        await self._vault.delete(name)

    async def probe(self) -> None:
        """Succeeds if the vault answers and lets the app read; raises CredentialMissing."""
        await self._vault.probe()

    async def retire(self, credential: Credential) -> None:
        """Disables a version that another one has replaced; succeeds on the absent.

        A delegated credential is deleted, with all its versions.
        """
        if credential.kind == "delegated":
            await self._vault.delete(credential.secret_name)
            return
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


def _kind(material: Material) -> CredentialKind:
    if isinstance(material, DelegatedMaterial):
        return "delegated"
    return "certificate" if isinstance(material, CertificateMaterial) else "client_secret"
