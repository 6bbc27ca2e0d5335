"""What Graph, Entra, proxies and networks do wrong, as the error that says what to do about it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from errors import (
    DeltaExpired,
    GraphError,
    GraphFailureUnreadable,
    GraphSuccessUnreadable,
    GraphThrottled,
    GraphUnreachable,
    PermissionMissing,
    TokenRejected,
)
from graph.client import GraphClient, GraphFactory
from graph.deleted_users import deleted_user_licenses
from graph.groups import licensed_groups
from graph.models import User
from graph.organization import organization
from graph.paging import PageOf
from graph.rooms import room_addresses
from graph.subscribed_skus import subscribed_skus
from graph.subscriptions import company_subscriptions
from graph.users import user_pages
from identifiers import ClientId, TenantId
from portals.certificates import ClientSecretMaterial
from portals.model import Cloud
from settings import Settings
from simulator.control import Control

SECRET = "a-client-secret-of-some-length"
_users = msgspec.json.Decoder(PageOf[User])


class Connection:
    """A tenant of its own, whose requests fail as a test wants."""

    def __init__(self, cloud: Control, settings: Settings, **spec: Any) -> None:
        self.control = cloud
        self.tenant_id = TenantId(cloud.create_tenant(**{"users": 5, **spec}))
        self.client_id = ClientId(str(uuid.uuid4()))
        self._settings = msgspec.structs.replace(settings, graph_timeout_seconds=1)
        cloud.register(self.tenant_id, self.client_id, secret=SECRET)

    def open(
        self, *, secret: str = SECRET, at: Cloud | None = None, max_retries: int = 1
    ) -> GraphClient:
        """A client that waits a second and tries again as often as asked."""
        settings = msgspec.structs.replace(self._settings, graph_max_retries=max_retries)
        return GraphFactory(settings)(
            at or settings.cloud("Simulated"),
            self.tenant_id,
            self.client_id,
            ClientSecretMaterial(secret),
        )

    def fails(self, kind: str, match: str = "subscribedSkus", **values: Any) -> None:
        """Lets this tenant's matching requests fail."""
        self.control.fault(kind, match=match, tenant=self.tenant_id, **values)


@pytest.fixture
def connection(cloud: Control, settings: Settings) -> Connection:
    """A connection to a tenant of five users."""
    return Connection(cloud, settings)


async def test_a_fractional_retry_after_is_waited_for(connection: Connection):
    connection.fails("status", status=429, retry_after="0.34", times=2)
    began = time.monotonic()
    async with connection.open(max_retries=2) as graph:
        assert await subscribed_skus(graph)
        assert (graph.counts.requests, graph.counts.retries, graph.counts.throttled) == (3, 2, 2)
    assert 0.68 <= time.monotonic() - began < 3


async def test_throttling_without_end_says_how_long_to_wait(connection: Connection):
    connection.fails("status", status=429, retry_after="0.05")
    async with connection.open() as graph:
        with pytest.raises(GraphThrottled) as throttled:
            await subscribed_skus(graph)
    assert throttled.value.retry_after_seconds == 0.05
    assert throttled.value.microsoft_code == "TooManyRequests"


async def test_a_wait_of_minutes_is_left_to_the_next_run(connection: Connection):
    connection.fails("status", status=429, retry_after="3600")
    async with connection.open(max_retries=5) as graph:
        with pytest.raises(GraphThrottled) as throttled:
            await subscribed_skus(graph)
        assert graph.counts.requests == 1
    assert throttled.value.retry_after_seconds == 3600


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_service_away_for_a_moment_is_asked_again(connection: Connection, status: int):
    connection.fails("status", status=status, retry_after="0", times=1)
    async with connection.open() as graph:
        assert await subscribed_skus(graph)
        assert graph.counts.retries == 1


@pytest.mark.parametrize("kind", ["reset", "truncated"])
async def test_a_connection_that_keeps_breaking_is_unreachable(connection: Connection, kind: str):
    connection.fails(kind)
    async with connection.open() as graph:
        with pytest.raises(GraphUnreachable) as failed:
            await subscribed_skus(graph)
        assert graph.counts.retries == 1
    assert "localhost" in failed.value.remedy


async def test_an_answer_that_does_not_come_is_unreachable(connection: Connection):
    connection.fails("latency", seconds=1.5)
    async with connection.open(max_retries=0) as graph:
        with pytest.raises(GraphUnreachable) as failed:
            await subscribed_skus(graph)
    assert "ReadTimeout" in failed.value.remedy


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("html_200", {}, GraphSuccessUnreadable),
        ("non_json", {}, GraphSuccessUnreadable),
        ("html_error", {"status": 502}, GraphFailureUnreadable),
        ("html_error", {"status": 403}, GraphFailureUnreadable),
        ("expired_token", {}, TokenRejected),
        ("status", {"status": 410}, DeltaExpired),
        ("status", {"status": 400, "code": "syncStateNotFound"}, DeltaExpired),
        ("status", {"status": 500}, GraphError),
    ],
)
async def test_an_answer_is_told_by_its_kind(
    connection: Connection, kind: str, values: dict[str, Any], expected: type
):
    connection.fails(kind, **values)
    async with connection.open(max_retries=0) as graph:
        with pytest.raises(GraphError) as failed:
            await subscribed_skus(graph)
    assert type(failed.value) is expected
    assert failed.value.remedy
    if expected not in (GraphSuccessUnreadable, GraphFailureUnreadable):
        assert failed.value.request_id


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("html_200", {}, GraphSuccessUnreadable),
        ("non_json", {}, GraphSuccessUnreadable),
        ("html_error", {"status": 403}, GraphFailureUnreadable),
        ("html_error", {"status": 502}, GraphFailureUnreadable),
        ("status", {"status": 503}, GraphFailureUnreadable),
        ("status", {"status": 429, "retry_after": "0.1"}, GraphThrottled),
        ("reset", {}, GraphUnreachable),
    ],
)
async def test_a_sign_in_service_that_fails_is_no_refused_credential(
    connection: Connection, kind: str, values: dict[str, Any], expected: type
):
    connection.fails(kind, "oauth2/v2.0/token", **values)
    async with connection.open() as graph:
        with pytest.raises(GraphError) as failed:
            await graph.roles()
    assert type(failed.value) is expected
    assert SECRET not in f"{failed.value} {failed.value.remedy}"


@pytest.mark.parametrize("kind", ["reset", "status"])
async def test_a_sign_in_that_fails_once_is_tried_again(connection: Connection, kind: str):
    connection.fails(kind, "oauth2/v2.0/token", status=503, times=1)
    async with connection.open() as graph:
        assert "User.Read.All" in await graph.roles()


async def user_count(graph: GraphClient) -> int:
    """How many users there are."""
    return sum([len(page.value) async for page in user_pages(graph)])


Read = Callable[[GraphClient], Awaitable[object]]
READS: list[tuple[Read, str]] = [
    (subscribed_skus, "Organization.Read.All"),
    (company_subscriptions, "Organization.Read.All"),
    (organization, "Organization.Read.All"),
    (user_count, "User.Read.All"),
    (deleted_user_licenses, "User.Read.All"),
    (licensed_groups, "GroupMember.Read.All"),
    (room_addresses, "Place.Read.All"),
]


@pytest.mark.parametrize(("read", "permission"), READS)
async def test_a_missing_permission_is_named(connection: Connection, read: Read, permission: str):
    connection.control.register(
        connection.tenant_id, connection.client_id, secret=SECRET, permissions=["Mail.Read"]
    )
    async with connection.open() as graph:
        assert await graph.roles() == {"Mail.Read"}
        with pytest.raises(PermissionMissing) as missing:
            await read(graph)
    error = missing.value
    assert (error.permission, error.http_status) == (permission, 403)
    assert permission in error.message
    assert permission in error.remedy
    assert error.microsoft_code == "Authorization_RequestDenied"
    connection.control.register(
        connection.tenant_id, connection.client_id, secret=SECRET, permissions=[permission]
    )
    async with connection.open() as graph:
        await read(graph)


async def test_an_app_without_consent_has_no_roles(connection: Connection):
    connection.control.register(
        connection.tenant_id, connection.client_id, secret=SECRET, permissions=[]
    )
    async with connection.open() as graph:
        assert await graph.roles() == frozenset()
        with pytest.raises(PermissionMissing):
            await subscribed_skus(graph)


def texts(error: BaseException | None) -> str:
    """Everything that the error and what it is chained to could show."""
    if error is None:
        return ""
    return f"{error!r} {vars(error)} {texts(error.__cause__)}"


@pytest.mark.parametrize(
    ("expires", "secret", "code"),
    [
        (None, "another+secret/with=signs", "AADSTS7000215"),
        ("2020-01-01T00:00:00+00:00", SECRET, "AADSTS7000222"),
    ],
)
async def test_a_refused_secret_is_told_by_its_code_and_shown_nowhere(
    connection: Connection, expires: str | None, secret: str, code: str
):
    connection.control.register(
        connection.tenant_id, connection.client_id, secret=SECRET, secret_expires=expires
    )
    async with connection.open(secret=secret) as graph:
        with pytest.raises(TokenRejected, match=code) as refused:
            await subscribed_skus(graph)
    assert refused.value.microsoft_code == code
    assert refused.value.microsoft_message
    assert "Trace ID" not in refused.value.microsoft_message
    assert secret not in texts(refused.value)


async def test_an_unknown_app_or_tenant_is_told_by_its_code(
    connection: Connection, cloud: Control, settings: Settings
):
    material, factory = ClientSecretMaterial(SECRET), GraphFactory(settings)
    for tenant_id, client_id, code in (
        (connection.tenant_id, ClientId(str(uuid.uuid4())), "AADSTS700016"),
        (TenantId(str(uuid.uuid4())), connection.client_id, "AADSTS90002"),
    ):
        opened = factory(settings.cloud("Simulated"), tenant_id, client_id, material)
        async with opened as graph:
            with pytest.raises(TokenRejected) as refused:
                await graph.roles()
        assert refused.value.microsoft_code == code


async def test_every_address_of_an_unreachable_cloud_is_listed(connection: Connection):
    for login, graph_url in (
        ("https://127.0.0.1:9", "https://127.0.0.1:19"),
        ("https://no-such-host.invalid", "https://neither.invalid"),
    ):
        nowhere = Cloud("Nowhere", login, graph_url, False)
        async with connection.open(at=nowhere, max_retries=0) as graph:
            with pytest.raises(GraphUnreachable) as failed:
                await subscribed_skus(graph)
        for url in (login, graph_url):
            assert url.removeprefix("https://") in failed.value.remedy


async def test_a_graph_that_is_away_behind_a_working_sign_in_is_unreachable(
    connection: Connection, settings: Settings
):
    known = settings.cloud("Simulated")
    connection.fails("reset", "v1.0")
    async with connection.open(at=known, max_retries=0) as graph:
        assert await graph.roles()
        with pytest.raises(GraphUnreachable):
            await subscribed_skus(graph)


@pytest.mark.parametrize(
    ("kind", "values"),
    [("status", {"status": 500}), ("html_200", {}), ("truncated", {}), ("expired_token", {})],
)
async def test_an_error_on_the_third_page_never_ends_the_read(
    cloud: Control, settings: Settings, kind: str, values: dict[str, int]
):
    connection = Connection(cloud, settings, users=35)
    connection.fails(kind, r"users.*skiptoken", after=1, **values)
    seen: list[PageOf[User]] = []

    async def read(graph: GraphClient) -> None:
        async for page in user_pages(graph, page_size=10):
            seen.append(page)  # noqa: PERF401 - kept although the read fails

    async with connection.open(max_retries=0) as graph:
        with pytest.raises(GraphError):
            await read(graph)
    assert len(seen) == 2
    assert all(page.next_link for page in seen)
    cloud.clear_faults()
    async with connection.open() as graph:
        rest = [page async for page in user_pages(graph, resume_from=seen[-1].next_link)]
    ids = {user.id for page in [*seen, *rest] for user in page.value}
    assert len(ids) == 35


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v1.0/users",
        "//evil.example/v1.0/users",
        "http://{host}/v1.0/users",
        "https://{host}@evil.example/v1.0/users",
        "https://user@{host}/v1.0/users",
        "https://[{host}/v1.0/users",
        "/v1.0/users",
        "",
    ],
)
async def test_a_next_link_to_elsewhere_is_refused_before_it_is_followed(
    connection: Connection, settings: Settings, link: str
):
    host = settings.cloud("Simulated").graph_url.removeprefix("https://")
    connection.fails("next_link", "/users", link=link.format(host=host))
    async with connection.open() as graph:
        with pytest.raises(GraphSuccessUnreadable):
            await user_count(graph)
        assert graph.counts.requests == 1


async def test_next_links_in_a_circle_end(connection: Connection, settings: Settings):
    url = settings.cloud("Simulated").graph_url
    connection.fails("next_link", "/users", link=f"{url}/v1.0/users?$select=id")
    async with connection.open() as graph:
        with pytest.raises(GraphError, match="circle"):
            await user_count(graph)
        assert graph.counts.requests <= 3


async def test_a_delta_link_that_expired_asks_for_a_full_read(
    connection: Connection, settings: Settings
):
    url = settings.cloud("Simulated").graph_url
    async with connection.open() as graph:
        link = f"{url}/v1.0/users/delta?$select=id"
        first = await graph.read_link(link, _users, permission="User.Read.All")
        assert len(first.value) == 5
        connection.fails("status", "users/delta", status=410, times=1)
        with pytest.raises(DeltaExpired) as expired:
            await graph.read_link(link, _users, permission="User.Read.All")
        assert expired.value.http_status == 410


async def test_a_text_of_any_length_is_told_in_some_lines(connection: Connection):
    connection.fails("status", status=500, message="x" * 200_000)
    async with connection.open(max_retries=0) as graph:
        with pytest.raises(GraphError) as failed:
            await subscribed_skus(graph)
    assert len(failed.value.message) < 2_000
    assert len(failed.value.microsoft_message or "") < 2_000
