"""Tokens by the sign-in of somebody: renewed once, kept, and what stands in the way."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from azure.identity.aio import DefaultAzureCredential

from devhost.stack import Stack
from errors import (
    CredentialMissing,
    GraphFailureUnreadable,
    GraphSuccessUnreadable,
    GraphThrottled,
    GraphUnreachable,
    SignInMissing,
    TokenRejected,
)
from graph.client import GraphFactory
from graph.delegated import DelegatedCredential, DelegatedSignIn
from identifiers import ClientId, PortalId, TenantId
from portals.certificates import DelegatedMaterial
from portals.credentials import CredentialStore
from portals.model import Cloud
from settings import Settings
from simulator.control import Control
from tests.sign_in_page import PASSWORD, USER, Browser

SECRET = "Q~a-client-secret-of-some-length"
CALLBACK = "https://ledger.example/api/authorize/callback"
TOKEN = "oauth2/v2.0/token"


class SignedIn:
    """An app registration of one tenant, in which USER signed in."""

    def __init__(self, settings: Settings, cloud: Control) -> None:
        self.cloud: Cloud = settings.cloud("Simulated")
        self.tenant_id = TenantId(cloud.create_tenant(users=3, seed=5))
        self.client_id = ClientId(str(uuid.uuid4()))
        self.control = cloud
        cloud.register(
            self.tenant_id,
            self.client_id,
            secret=SECRET,
            permissions=(),
            redirect_uris=[CALLBACK],
        )
        account = {"username": USER, "password": PASSWORD}
        cloud.call("account", tenant_id=self.tenant_id, **account)
        self.material = DelegatedMaterial(SECRET)
        self.kept: list[DelegatedMaterial] = []

    def sign_in(self) -> DelegatedSignIn:
        return DelegatedSignIn(
            self.cloud, self.tenant_id, self.client_id, DelegatedMaterial(SECRET), 2
        )

    async def come_back(self, browser: Browser) -> None:
        """Signs in, and takes the material."""
        sign_in = self.sign_in()
        flow = await sign_in.begin(["User.Read.All", "Organization.Read.All"], CALLBACK, "state")
        back = await asyncio.to_thread(browser.submit, flow["auth_uri"])
        answer = dict(parse_qsl(urlsplit(back.headers["location"]).query))
        self.material = await sign_in.finish(flow, answer)

    async def keep(self, material: DelegatedMaterial) -> None:
        self.kept.append(material)

    def credential(self, keep: Any = None) -> DelegatedCredential:
        return DelegatedCredential(
            self.cloud, self.tenant_id, self.client_id, self.material, 2, keep or self.keep
        )

    @property
    def scope(self) -> str:
        return f"{self.cloud.graph_url}/.default"

    def requests(self) -> int:
        """How often the token endpoint was asked with success."""
        return sum(n for name, n in self.control.counters().items() if f"{TOKEN} 200" in name)


@pytest.fixture
def browser(parts: Stack) -> Iterator[Browser]:
    opened = Browser(parts.ca_bundle)
    yield opened
    opened.http.close()


@pytest.fixture
async def app(settings: Settings, cloud: Control, browser: Browser) -> SignedIn:
    made = SignedIn(settings, cloud)
    await made.come_back(browser)
    return made


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[CredentialStore]:
    identity = DefaultAzureCredential()
    opened = CredentialStore(settings, lambda: identity)
    yield opened
    await opened.close()
    await identity.close()


async def test_many_calls_at_once_renew_the_token_once(app: SignedIn):
    credential = app.credential()
    before = app.requests()
    tokens = await asyncio.gather(*(credential.get_token(app.scope) for _ in range(10)))
    assert len({token.token for token in tokens}) == 1
    assert tokens[0].expires_on > time.time() + 3000
    assert app.requests() == before + 1
    assert len(app.kept) == 1
    assert app.kept[0].refresh_tokens() != app.material.refresh_tokens()
    credential.renew()
    again = await credential.get_token(app.scope)
    assert again.token != tokens[0].token
    assert len(app.kept) == 2


async def test_what_is_kept_signs_in_again_and_names_nobody(app: SignedIn):
    await app.credential().get_token(app.scope)
    app.material = app.kept[-1]
    await app.credential().get_token(app.scope)
    for material in app.kept:
        assert set(json.loads(material.token_cache)) == {"Account", "RefreshToken"}
        assert USER not in material.token_cache
        assert repr(material) == "DelegatedMaterial(…)"
        assert set(material.secrets()) == {SECRET, *material.refresh_tokens()}


async def test_a_renewed_token_that_cannot_be_kept_does_not_end_the_run(
    app: SignedIn, caplog: pytest.LogCaptureFixture
):
    async def full(material: DelegatedMaterial) -> None:
        raise CredentialMissing("The vault is full.", remedy="Make room.")

    token = await app.credential(full).get_token(app.scope)
    assert token.token
    assert "The vault is full." in caplog.text
    assert app.material.refresh_tokens()[0] not in caplog.text


async def test_nobody_has_signed_in_or_not_for_this_app(app: SignedIn):
    signed_in = app.material
    app.material = DelegatedMaterial(SECRET)
    with pytest.raises(SignInMissing):
        app.credential()
    app.material = signed_in
    app.client_id = ClientId(str(uuid.uuid4()))
    app.control.register(app.tenant_id, app.client_id, secret=SECRET)
    with pytest.raises(SignInMissing) as missing:
        await app.credential().get_token(app.scope)
    assert "authorize" in missing.value.remedy


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "status", "status": 503}, GraphFailureUnreadable),
        ({"kind": "html_200"}, GraphSuccessUnreadable),
        ({"kind": "non_json"}, GraphSuccessUnreadable),
        ({"kind": "reset"}, GraphUnreachable),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("where", ["openid-configuration", TOKEN])
async def test_a_sign_in_service_that_is_not_there_is_not_taken_for_a_refusal(
    where: str, fault: dict[str, Any], error: type[Exception], app: SignedIn, cloud: Control
):
    cloud.fault(match=where, **fault)
    with pytest.raises((error, GraphUnreachable, GraphThrottled)) as raised:
        await app.credential().get_token(app.scope)
    for secret in app.material.secrets():
        assert secret not in str(raised.value)


async def test_a_tenant_that_there_is_not_is_told_by_its_code(app: SignedIn, browser: Browser):
    sign_in = app.sign_in()
    flow = await sign_in.begin(["User.Read.All"], CALLBACK, "state")
    back = await asyncio.to_thread(browser.submit, flow["auth_uri"])
    answer = dict(parse_qsl(urlsplit(back.headers["location"]).query))
    other = DelegatedSignIn(
        app.cloud, TenantId(str(uuid.uuid4())), app.client_id, DelegatedMaterial(SECRET), 2
    )
    with pytest.raises(TokenRejected) as refused:
        await other.finish(flow, answer)
    assert refused.value.microsoft_code == "AADSTS90002"
    assert "tenant ID" in refused.value.remedy


async def test_graph_answers_by_the_permissions_of_whoever_signed_in(
    app: SignedIn, settings: Settings
):
    opened = GraphFactory(settings, app.keep)(app.cloud, app.tenant_id, app.client_id, app.material)
    async with opened as graph:
        assert graph.delegated
        assert await graph.roles() == {"User.Read.All", "Organization.Read.All"}


async def test_a_renewed_token_gives_way_to_a_newer_sign_in(
    app: SignedIn, store: CredentialStore, browser: Browser
):
    portal_id = PortalId(str(uuid.uuid4()))
    credential = await store.store(portal_id, DelegatedMaterial(SECRET))
    assert (credential.kind, credential.secret_version) == ("delegated", "")
    empty = await store.read(credential)
    assert isinstance(empty, DelegatedMaterial)
    first = msgspec.structs.replace(empty, token_cache=app.material.token_cache)
    await store.keep(portal_id, first)
    running = await store.read(credential)
    assert isinstance(running, DelegatedMaterial)
    assert running.refresh_tokens() == app.material.refresh_tokens()

    await app.come_back(browser)
    newer = msgspec.structs.replace(running, token_cache=app.material.token_cache)
    await store.keep(portal_id, newer)
    await store.keep(None, running)
    now = await store.read(credential)
    assert isinstance(now, DelegatedMaterial)
    assert now.refresh_tokens() == newer.refresh_tokens()
    await store.retire(credential)
    with pytest.raises(CredentialMissing):
        await store.read(credential)
