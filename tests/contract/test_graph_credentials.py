"""Credentials in Key Vault, and every way in which they are not there."""

from __future__ import annotations

import base64
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import DefaultAzureCredential
from azure.keyvault.secrets.aio import SecretClient

from errors import ClientAssertionFailed, CredentialMissing
from graph.client import GraphFactory
from identifiers import ClientId, PortalId, TenantId
from portals.certificates import CertificateMaterial, ClientSecretMaterial, read_pem, read_pfx
from portals.credentials import CredentialStore
from portals.model import Credential
from settings import Settings
from simulator.control import Control
from tests.certificates import new_certificate

VALUE = "a-client-secret-of-some-length"
SECRET = ClientSecretMaterial(VALUE)


@pytest.fixture
async def identity() -> AsyncIterator[DefaultAzureCredential]:
    """The app's identity, as the simulated App Service hands it out."""
    opened = DefaultAzureCredential()
    yield opened
    await opened.close()


@pytest.fixture
async def store(
    settings: Settings, identity: DefaultAzureCredential
) -> AsyncIterator[CredentialStore]:
    """Credentials in the simulated vault."""
    opened = CredentialStore(settings, lambda: identity)
    yield opened
    await opened.close()


@pytest.fixture
def vault(cloud: Control) -> Iterator[Control]:
    """The vault's control; its refusals end with the test."""
    yield cloud
    cloud.call("vault", purge_protected=False, refused=False)


def new_portal() -> PortalId:
    """A portal ID of its own."""
    return PortalId(str(uuid.uuid4()))


def certificate_material() -> CertificateMaterial:
    """A certificate that is valid now."""
    made = new_certificate()
    return read_pem(made.certificate_pem, made.key_pem, None, now=datetime.now(UTC))


async def missing(store: CredentialStore, credential: Credential) -> str:
    """Why the credential cannot be read; nothing of the secret may be in it."""
    with pytest.raises(CredentialMissing) as refused:
        await store.read(credential)
    error = refused.value
    assert error.remedy
    shown = f"{error!r} {error.remedy} {vars(error)} {error.__cause__!r}"
    assert VALUE not in shown
    assert "PRIVATE KEY" not in shown
    return error.message


async def test_what_is_stored_is_read_and_described_without_the_secret(
    store: CredentialStore, vault: Control
):
    expires_at = datetime(2027, 1, 2, tzinfo=UTC)
    secret = await store.store(new_portal(), SECRET, secret_id="key-id", expires_at=expires_at)
    material = certificate_material()
    certificate = await store.store(new_portal(), material)
    assert await store.read(secret) == SECRET
    assert await store.read(certificate) == material
    assert (secret.kind, secret.secret_id, secret.expires_at) == (
        "client_secret",
        "key-id",
        expires_at,
    )
    assert (certificate.kind, certificate.expires_at) == ("certificate", material.not_after)
    for described in (secret, certificate):
        text = msgspec.json.encode(described).decode()
        assert VALUE not in text
        assert "PRIVATE" not in text
    assert {secret.secret_name, certificate.secret_name} <= vault.call("secrets").keys()


async def test_secrets_of_any_characters_come_back_unchanged(store: CredentialStore):
    odd = ClientSecretMaterial("~+/=&%\"'\\ üß🦊\t" * 20)
    assert await store.read(await store.store(new_portal(), odd)) == odd


async def test_a_rotated_credential_is_a_version_of_the_same_secret(store: CredentialStore):
    portal_id = new_portal()
    first = await store.store(portal_id, SECRET)
    second = await store.store(portal_id, ClientSecretMaterial("the next one"), replacing=first)
    assert second.secret_name == first.secret_name
    assert second.secret_version != first.secret_version
    assert await store.read(first) == SECRET
    await store.retire(first)
    await store.retire(first)
    assert "disabled" in await missing(store, first)
    assert await store.read(second) == ClientSecretMaterial("the next one")


async def test_a_portal_made_anew_does_not_meet_its_deleted_secret(
    store: CredentialStore, vault: Control
):
    vault.call("vault", purge_protected=True)
    portal_id = new_portal()
    first = await store.store(portal_id, SECRET)
    assert await store.delete(first) is False
    assert vault.call("secrets")[first.secret_name]["deleted"]
    assert "deleted or purged" in await missing(store, first)
    again = await store.store(portal_id, SECRET)
    assert await store.read(again) == SECRET
    renewed = await store.store(portal_id, SECRET, replacing=first)
    assert renewed.secret_name not in (first.secret_name, again.secret_name)
    assert await store.read(renewed) == SECRET


async def test_a_deleted_credential_is_gone_and_deleting_it_again_is_fine(
    store: CredentialStore, vault: Control
):
    credential = await store.store(new_portal(), SECRET)
    assert await store.delete(credential) is True
    assert credential.secret_name not in vault.call("secrets")
    assert await store.delete(credential) is True
    await store.retire(credential)
    assert "deleted or purged" in await missing(store, credential)


async def test_a_secret_purged_or_disabled_by_another_hand_is_missing(
    store: CredentialStore, vault: Control
):
    purged = await store.store(new_portal(), SECRET)
    disabled = await store.store(new_portal(), SECRET)
    vault.call("vault", forget=[purged.secret_name], disable=[disabled.secret_name])
    assert "deleted or purged" in await missing(store, purged)
    assert "disabled" in await missing(store, disabled)


async def test_a_vault_that_refuses_the_app_is_told_with_the_role_it_needs(
    store: CredentialStore, vault: Control
):
    credential = await store.store(new_portal(), SECRET)
    vault.call("vault", refused=True)
    assert "may not read" in await missing(store, credential)
    for work in (
        store.store(new_portal(), SECRET),
        store.retire(credential),
        store.delete(credential),
    ):
        with pytest.raises(CredentialMissing) as refused:
            await work
        assert "Key Vault Secrets Officer" in refused.value.remedy


async def test_a_secret_that_another_program_wrote_is_missing_and_not_shown(
    store: CredentialStore, settings: Settings, identity: DefaultAzureCredential
):
    credential = await store.store(new_portal(), SECRET)
    async with SecretClient(
        settings.key_vault_url or "", identity, verify_challenge_resource=False
    ) as client:
        for content in (VALUE, "", '{"type":"other","value":"' + VALUE + '"}', "{}"):
            written = await client.set_secret(credential.secret_name, content)
            foreign = msgspec.structs.replace(
                credential, secret_version=written.properties.version or ""
            )
            assert "not one that this app stored" in await missing(store, foreign)


@pytest.mark.parametrize(
    ("kind", "values", "cause"),
    [
        ("reset", {}, "cannot be reached"),
        ("status", {"status": 500}, "status 500"),
        ("html_error", {"status": 403}, "may not read"),
        ("html_error", {"status": 407}, "status 407"),
        ("non_json", {}, "answer cannot be read"),
        ("truncated", {}, "answer cannot be read"),
    ],
)
async def test_a_vault_behind_a_broken_network_is_told_by_its_cause(
    store: CredentialStore, cloud: Control, kind: str, values: dict[str, int], cause: str
):
    credential = await store.store(new_portal(), SECRET)
    cloud.fault(kind, match=f"/secrets/{credential.secret_name}", **values)
    assert cause in await missing(store, credential)


async def test_a_vault_that_is_not_there_or_not_set_is_told(
    settings: Settings, identity: DefaultAzureCredential
):
    credential = Credential("client_secret", "portal-x", "1")
    for url, cause in (
        ("https://127.0.0.1:9", "cannot be reached"),
        (None, "no vault is configured"),
    ):
        there = msgspec.structs.replace(settings, key_vault_url=url)
        store = CredentialStore(there, lambda: identity)
        assert cause in await missing(store, credential)
        await store.close()


class Refused:
    """An identity that is refused wherever it asks."""

    async def get_token(self, *scopes: str, **kwargs: object) -> object:
        """No token."""
        raise ClientAuthenticationError("refused")

    async def close(self) -> None:
        """Nothing to close."""

    async def __aenter__(self) -> Refused:
        return self

    async def __aexit__(self, *error: object) -> None:
        """Nothing to close."""


async def test_an_identity_that_is_refused_is_told(settings: Settings):
    store = CredentialStore(settings, lambda: Refused())  # type: ignore[arg-type,return-value]
    assert "identity was refused" in await missing(
        store, Credential("client_secret", "portal-x", "1")
    )
    await store.close()


async def test_a_certificate_from_a_pfx_file_signs_in_after_a_stay_in_the_vault(
    store: CredentialStore, cloud: Control, settings: Settings
):
    made = new_certificate()
    material = read_pfx(base64.b64encode(made.pfx).decode(), "passphrase", now=datetime.now(UTC))
    stored = await store.store(new_portal(), material)
    tenant_id, client_id = TenantId(cloud.create_tenant(users=1)), ClientId(str(uuid.uuid4()))
    cloud.register(tenant_id, client_id, certificates=[made.certificate_pem])
    read = await store.read(stored)
    async with GraphFactory(settings)(
        settings.cloud("Simulated"), tenant_id, client_id, read
    ) as graph:
        assert "User.Read.All" in await graph.roles()


async def test_a_certificate_that_cannot_sign_is_told_without_its_key(settings: Settings):
    material = certificate_material()
    broken = msgspec.structs.replace(material, private_key_pem="-----BEGIN PRIVATE KEY-----\nx")
    expired = msgspec.structs.replace(material, not_after=datetime.now(UTC) - timedelta(seconds=1))
    for unusable in (broken, expired):
        with pytest.raises(ClientAssertionFailed) as failed:
            GraphFactory(settings)(
                settings.cloud("Simulated"), TenantId("t"), ClientId("c"), unusable
            )
        assert "PRIVATE KEY" not in f"{failed.value} {failed.value.remedy}"
