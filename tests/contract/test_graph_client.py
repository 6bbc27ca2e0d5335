"""Graph, Entra and Key Vault through the real SDKs, over TLS, with everything that goes wrong."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from concurrency import both
from errors import (
    ClientAssertionFailed,
    CredentialMissing,
    GraphError,
    GraphFailureUnreadable,
    GraphSuccessUnreadable,
    GraphUnreachable,
    PermissionMissing,
    TokenRejected,
)
from graph.client import GraphClient, GraphFactory
from graph.deleted_users import deleted_user_licenses
from graph.groups import licensed_groups
from graph.organization import organization
from graph.rooms import room_addresses
from graph.subscribed_skus import subscribed_skus
from graph.subscriptions import company_subscriptions
from graph.users import user_pages
from identifiers import ClientId, PortalId, TenantId
from portals.certificates import CertificateMaterial, ClientSecretMaterial, read_pem
from portals.credentials import CredentialStore
from portals.model import Cloud
from settings import Settings
from simulator.control import Control
from tests.certificates import new_certificate

SECRET = "a-client-secret-of-some-length"


class Tenant:
    """A tenant of the simulator with a registered application."""

    def __init__(self, cloud: Control, settings: Settings, **spec: object) -> None:
        self.tenant_id = TenantId(cloud.create_tenant(**{"users": 30, **spec}))
        self.client_id = ClientId(str(uuid.uuid4()))
        self._factory = GraphFactory(settings)
        self._cloud = settings.cloud("Simulated")
        cloud.register(self.tenant_id, self.client_id, secret=SECRET)

    def open(
        self,
        material: ClientSecretMaterial | CertificateMaterial | None = None,
        at: Cloud | None = None,
    ) -> GraphClient:
        """A client for the tenant."""
        return self._factory(
            at or self._cloud,
            self.tenant_id,
            self.client_id,
            material or ClientSecretMaterial(SECRET),
        )


async def test_every_read_of_an_import(cloud: Control, settings: Settings):
    tenant = Tenant(
        cloud,
        settings,
        users=2100,
        name="Contoso",
        rooms=0.01,
        deleted=0.01,
        groups=[{"name": "Sales", "skus": ["VISIOCLIENT"], "share": 0.1}],
    )
    truth = cloud.truth(tenant.tenant_id)
    async with tenant.open() as graph:
        assert "User.Read.All" in await graph.roles()
        found = await organization(graph)
        assert found is not None
        assert (found.id, found.display_name) == (tenant.tenant_id, "Contoso")
        skus = {sku.sku_id: sku for sku in await subscribed_skus(graph)}
        assert {s: sku.consumed_units for s, sku in skus.items()} == truth["consumed"]
        assert {s.sku_id for s in await company_subscriptions(graph)} == skus.keys()
        assert [g.display_name for g in await licensed_groups(graph)] == ["Sales"]
        assert await room_addresses(graph) == {room.casefold() for room in truth["rooms"]}
        assert sum((await deleted_user_licenses(graph)).values()) > 0
        pages = [page async for page in user_pages(graph)]
        assert [len(page.value) for page in pages] == [999, 999, truth["user_count"] - 1998]
        ids = {user.id for page in pages for user in page.value}
        assert len(ids) == truth["user_count"]
        resumed = [page async for page in user_pages(graph, resume_from=pages[0].next_link)]
        assert len(resumed) == 2
        assert graph.counts.requests == 11


async def test_reads_that_begin_at_once_share_one_token(cloud: Control, settings: Settings):
    tenant = Tenant(cloud, settings)
    cloud.call("reset-counters")
    async with tenant.open() as graph:
        skus, groups = await both(subscribed_skus(graph), licensed_groups(graph))
    assert skus
    assert groups == []
    tokens = [n for request, n in cloud.counters().items() if "oauth2" in request]
    assert tokens == [1]


async def test_a_certificate_signs_in_with_the_real_library(cloud: Control, settings: Settings):
    tenant = Tenant(cloud, settings)
    made = new_certificate()
    material = read_pem(made.certificate_pem, made.key_pem, None, now=datetime.now(UTC))
    async with tenant.open(material) as graph:
        with pytest.raises(TokenRejected, match="AADSTS700027"):
            await graph.roles()
    cloud.register(tenant.tenant_id, tenant.client_id, certificates=[made.certificate_pem])
    async with tenant.open(material) as graph:
        assert await subscribed_skus(graph)


async def test_an_expired_certificate_is_known_before_it_is_sent(
    cloud: Control, settings: Settings
):
    tenant = Tenant(cloud, settings)
    made = new_certificate(days=-1)
    long_ago = datetime.now(UTC) - timedelta(days=30)
    material = read_pem(made.certificate_pem, made.key_pem, None, now=long_ago)
    with pytest.raises(ClientAssertionFailed, match="JSON Web Token generation"):
        tenant.open(material)


async def test_a_wrong_secret_is_refused_and_shown_nowhere(cloud: Control, settings: Settings):
    tenant = Tenant(cloud, settings)
    async with tenant.open(ClientSecretMaterial("the-wrong-secret-value")) as graph:
        with pytest.raises(TokenRejected) as refused:
            await subscribed_skus(graph)
    error = refused.value
    assert error.microsoft_code == "AADSTS7000215"
    shown = f"{error!r} {error.remedy} {error.microsoft_message} {error.__cause__!r}"
    assert "the-wrong-secret-value" not in shown


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("html_200", {}, GraphSuccessUnreadable),
        ("non_json", {}, GraphSuccessUnreadable),
        ("html_error", {"status": 500}, GraphFailureUnreadable),
        ("reset", {}, GraphUnreachable),
        ("truncated", {}, GraphUnreachable),
        ("expired_token", {}, TokenRejected),
        ("status", {"status": 403}, PermissionMissing),
        ("status", {"status": 500}, GraphError),
    ],
)
async def test_what_goes_wrong_becomes_its_error(
    cloud: Control, settings: Settings, kind: str, values: dict[str, int], expected: type
):
    tenant = Tenant(cloud, settings)
    cloud.fault(kind, match="subscribedSkus", tenant=tenant.tenant_id, **values)
    async with tenant.open() as graph:
        with pytest.raises(GraphError) as failed:
            await subscribed_skus(graph)
    assert type(failed.value) is expected
    assert failed.value.remedy


@pytest.mark.parametrize("kind", ["reset", "truncated"])
async def test_a_connection_that_breaks_once_is_tried_again(
    cloud: Control, settings: Settings, kind: str
):
    tenant = Tenant(cloud, settings)
    cloud.fault(kind, match="subscribedSkus", tenant=tenant.tenant_id, times=1)
    async with tenant.open() as graph:
        assert await subscribed_skus(graph)
        assert graph.counts.retries == 1


async def test_an_error_on_a_later_page_never_yields_the_end(cloud: Control, settings: Settings):
    tenant = Tenant(cloud, settings, users=3000)
    cloud.fault("status", status=500, match="users.*skiptoken", tenant=tenant.tenant_id, after=1)
    seen: list[str | None] = []

    async def read(graph: GraphClient) -> None:
        async for page in user_pages(graph):
            seen.append(page.next_link)  # noqa: PERF401 - kept although the read fails

    async with tenant.open() as graph:
        with pytest.raises(GraphError):
            await read(graph)
    assert seen
    assert None not in seen


async def test_a_caller_who_stops_early_leaves_no_request_behind(
    cloud: Control, settings: Settings
):
    tenant = Tenant(cloud, settings, users=3000)
    async with tenant.open() as graph:
        async for page in user_pages(graph):
            assert page.next_link
            break


async def test_a_link_to_another_host_is_not_followed(cloud: Control, settings: Settings):
    tenant = Tenant(cloud, settings)
    async with tenant.open() as graph:
        with pytest.raises(GraphSuccessUnreadable):
            await anext(user_pages(graph, resume_from="https://evil.example/v1.0/users"))
        assert graph.counts.requests == 0


async def test_a_server_that_is_not_there_is_unreachable(cloud: Control, settings: Settings):
    tenant = Tenant(cloud, settings)
    nowhere = Cloud("Nowhere", "https://127.0.0.1:9", "https://127.0.0.1:9", False)
    async with tenant.open(at=nowhere) as graph:
        with pytest.raises(GraphUnreachable, match="Could not connect") as failed:
            await subscribed_skus(graph)
    assert "127.0.0.1:9" in failed.value.remedy


async def test_a_credential_goes_to_key_vault_and_back(cloud: Control, settings: Settings):
    from azure.identity.aio import DefaultAzureCredential

    identity = DefaultAzureCredential()
    store = CredentialStore(settings, lambda: identity)
    portal_id = PortalId(str(uuid.uuid4()))
    first = await store.store(portal_id, ClientSecretMaterial(SECRET), secret_id="id")
    assert await store.read(first) == ClientSecretMaterial(SECRET)
    made = new_certificate()
    material = read_pem(made.certificate_pem, made.key_pem, None, now=datetime.now(UTC))
    second = await store.store(portal_id, material, replacing=first)
    assert second.secret_name == first.secret_name
    assert second.thumbprint_sha1 == made.thumbprint_sha1
    assert await store.read(second) == material
    assert await store.read(first) == ClientSecretMaterial(SECRET)
    await store.retire(first)
    with pytest.raises(CredentialMissing, match="disabled"):
        await store.read(first)
    assert await store.delete(second) is True
    with pytest.raises(CredentialMissing, match="deleted or purged"):
        await store.read(second)
    assert await store.delete(second) is True
    await store.close()
    await identity.close()
