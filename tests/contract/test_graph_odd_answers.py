"""What Graph, Entra and proxies send that they should not, and reads that go on nevertheless."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from errors import GraphFailureUnreadable, Misconfigured, TokenRejected
from graph.client import GraphClient, GraphFactory
from graph.errors import failure
from graph.redirects import same_service
from graph.subscribed_skus import subscribed_skus
from graph.subscriptions import company_subscriptions
from graph.users import user_pages
from identifiers import ClientId, TenantId
from portals.certificates import ClientSecretMaterial
from settings import Settings
from simulator.control import Control

SECRET = "a-client-secret-of-some-length"


class Tenant:
    """A tenant of its own, whose requests fail as a test wants."""

    def __init__(self, cloud: Control, settings: Settings) -> None:
        self.tenant_id = TenantId(cloud.create_tenant(users=35))
        self.client_id = ClientId(str(uuid.uuid4()))
        self._control = cloud
        self._settings = settings
        cloud.register(self.tenant_id, self.client_id, secret=SECRET)

    def open(self) -> GraphClient:
        """A client."""
        return GraphFactory(self._settings)(
            self._settings.cloud("Simulated"),
            self.tenant_id,
            self.client_id,
            ClientSecretMaterial(SECRET),
        )

    def fails(self, kind: str, match: str, **values: Any) -> None:
        """Lets matching requests fail."""
        self._control.fault(kind, match=match, tenant=self.tenant_id, **values)


@pytest.fixture
def tenant(cloud: Control, settings: Settings) -> Tenant:
    """A tenant of 35 users."""
    return Tenant(cloud, settings)


async def test_a_token_withdrawn_in_the_midst_of_a_read_is_replaced_once(tenant: Tenant):
    tenant.fails("expired_token", "users.*skiptoken", after=1, times=1)
    async with tenant.open() as graph:
        pages = [page async for page in user_pages(graph, page_size=10)]
    assert sum(len(page.value) for page in pages) == 35
    tenant.fails("expired_token", "subscribedSkus", times=2)
    async with tenant.open() as graph:
        with pytest.raises(TokenRejected):
            await subscribed_skus(graph)
        assert await subscribed_skus(graph)


async def test_a_redirect_within_graph_is_followed_and_a_circle_is_no_crash(tenant: Tenant):
    tenant.fails("redirect", "subscribedSkus", times=1)
    async with tenant.open() as graph:
        assert await subscribed_skus(graph)
        tenant.fails("redirect", "subscribedSkus")
        with pytest.raises(GraphFailureUnreadable):
            await subscribed_skus(graph)


async def test_a_redirect_to_another_host_is_not_followed(tenant: Tenant):
    asked: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(100))
        writer.close()

    elsewhere = await asyncio.start_server(note, "127.0.0.1", 0)
    async with elsewhere:
        port = elsewhere.sockets[0].getsockname()[1]
        tenant.fails("redirect", "subscribedSkus", location=f"https://127.0.0.1:{port}/skus")
        async with tenant.open() as graph:
            with pytest.raises(GraphFailureUnreadable):
                await subscribed_skus(graph)
    assert asked == []


@pytest.mark.parametrize(
    ("address", "ours"),
    [
        ("https://graph.microsoft.com/v1.0/users", True),
        ("https://GRAPH.microsoft.com/v1.0/users", True),
        ("http://graph.microsoft.com/v1.0/users", False),
        ("https://graph.microsoft.com:444/v1.0/users", False),
        ("https://graph.microsoft.com.example/v1.0/users", False),
        ("https://graph.microsoft.com@elsewhere.example/", False),
        ("https://[broken", False),
    ],
)
def test_an_address_is_of_the_same_service_only_with_its_scheme_host_and_port(address, ours):
    assert same_service(address, "https://graph.microsoft.com") is ours


async def test_a_sku_without_part_number_units_and_plans_is_read(tenant: Tenant):
    nulls = dict.fromkeys(
        ("skuPartNumber", "prepaidUnits", "servicePlans", "appliesTo", "consumedUnits")
    )
    tenant.fails("fields", "subscribedSkus", fields=nulls)
    async with tenant.open() as graph:
        skus = await subscribed_skus(graph)
    assert skus
    assert all(sku.part_number == sku.sku_id for sku in skus)
    assert all(sku.units.enabled == 0 for sku in skus)


@pytest.mark.parametrize(
    "moment",
    [
        "soon",
        "",
        5,
        None,
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-05:00",
        {"a": 1},
        "2026-13-01",
    ],
)
async def test_a_date_that_is_none_does_not_hide_the_subscriptions(tenant: Tenant, moment: Any):
    dates = {"nextLifecycleDateTime": moment, "createdDateTime": moment}
    tenant.fails("fields", "directory/subscriptions", fields=dates)
    async with tenant.open() as graph:
        found = await company_subscriptions(graph)
    assert found
    assert {(s.created_at, s.next_lifecycle_at) for s in found} == {(None, None)}


async def test_a_proxy_without_a_scheme_is_told_by_its_setting(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HTTPS_PROXY", "user:password@proxy:8080")
    monkeypatch.setenv("NO_PROXY", "nothing.example")
    with pytest.raises(Misconfigured) as refused:
        tenant.open()
    assert "HTTPS_PROXY" in refused.value.message
    assert "password" not in f"{refused.value} {refused.value.remedy}"


def test_an_error_in_a_broken_encoding_is_unreadable():
    error = failure(
        400, b'{"error": {"code": "x\xff", "message": "m"}}', permission="P", request_id="r"
    )
    assert type(error) is GraphFailureUnreadable
