"""An administrator signs in for a portal: once on Microsoft's page, and tokens from then on."""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from devhost.stack import Stack
from simulator.control import Control
from tests.e2e.admin import SECRET, Admin, new_tenant, portal_body
from tests.sign_in_page import NAME, PASSWORD, USER, Browser

MESSAGES = {
    "AADSTS50173": "password was changed",
    "AADSTS65001": "consent",
    "AADSTS700082": "not used for too long",
}


@pytest.fixture
def browser(stack: Stack) -> Any:
    opened = Browser(stack.ca_bundle)
    yield opened
    opened.http.close()


def delegated(
    admin: Admin, cloud: Control, stack: Stack, *, public: bool = False, **credential: Any
) -> Any:
    """A portal with delegated credential, for a tenant where USER can sign in."""
    tenant_id, client_id = new_tenant(cloud)
    cloud.register(
        tenant_id,
        client_id,
        secret=None if public else SECRET,
        permissions=(),
        redirect_uris=[f"{stack.api_url}/authorize/callback"],
        public=public,
    )
    cloud.call("account", tenant_id=tenant_id, username=USER, password=PASSWORD, display_name=NAME)
    given = {"kind": "delegated", **({} if public else {"value": SECRET}), **credential}
    body = portal_body(tenant_id, client_id, credential=given)
    return admin.call("POST", "/portals", body, status=201)


def authorize(admin: Admin, portal: Any) -> Any:
    return admin.call("POST", f"/portals/{portal['portalId']}/authorize", status=200)


def steps_of(admin: Admin, portal: Any) -> dict[str, Any]:
    """The steps of a connection test by name."""
    test = admin.call("POST", f"/portals/{portal['portalId']}/test", status=200)
    return {step["name"]: step for step in test["steps"]} | {"state": test["state"]}


def signed_in(admin: Admin, cloud: Control, stack: Stack, browser: Browser, **spec: Any) -> Any:
    portal = delegated(admin, cloud, stack, **spec)
    response = browser.sign_in(authorize(admin, portal)["signInUrl"])
    assert response.status_code == 200, response.text
    return portal


def stored(cloud: Control, portal: Any) -> Any:
    """What the vault holds for the portal now."""
    prefix = f"portal-{portal['portalId']}-"
    names = [name for name in cloud.call("secrets") if name.startswith(prefix)]
    assert len(names) == 1
    return json.loads(cloud.call("secret-value", name=names[0]))


@pytest.mark.parametrize("public", [False, True], ids=["with a secret", "public client"])
def test_a_portal_imports_by_the_sign_in_of_an_administrator(
    public: bool, admin: Admin, cloud: Control, stack: Stack, browser: Browser
):
    portal = delegated(admin, cloud, stack, public=public)
    assert portal["credential"]["kind"] == "delegated"
    assert portal["credential"]["signedInAt"] is None
    before = steps_of(admin, portal)
    assert before["state"] == "failed"
    assert before["credential"]["code"] == "sign_in_missing"
    assert "authorize" in before["credential"]["remedy"]

    page = authorize(admin, portal)
    asked = {n: v[0] for n, v in parse_qs(urlsplit(page["signInUrl"]).query).items()}
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == page["redirectUri"]
    assert "profile" not in asked["scope"].split()
    response = browser.sign_in(page["signInUrl"])
    assert response.status_code == 200
    assert portal["name"] in response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]

    shown = admin.get(f"/portals/{portal['portalId']}")
    assert shown["credential"]["signedInAt"] is not None
    after = steps_of(admin, portal)
    assert after["state"] == "passed", after
    assert after["permission:User.Read.All"]["state"] == "passed"
    assert admin.import_portal(portal["portalId"])["state"] == "Succeeded"
    assert len(admin.all(f"/contacts?portalId={portal['portalId']}")) == 40


def test_nothing_of_the_administrators_name_or_password_is_kept(
    admin: Admin, cloud: Control, stack: Stack, browser: Browser
):
    portal = signed_in(admin, cloud, stack, browser)
    admin.import_portal(portal["portalId"])
    vault = json.dumps(stored(cloud, portal))
    answers = json.dumps(
        [admin.get(f"/portals/{portal['portalId']}"), admin.all("/runs?task=import&top=20")]
    )
    tokens = json.loads(stored(cloud, portal)["token_cache"])
    assert set(tokens) == {"Account", "RefreshToken"}
    refresh = next(iter(tokens["RefreshToken"].values()))["secret"]
    for secret in (USER, NAME, PASSWORD, USER.split("@")[0]):
        assert secret not in vault + answers + stack.log_tails()
    assert refresh not in answers + stack.log_tails()


def test_a_refusal_that_names_the_administrator_is_told_without_the_name(
    admin: Admin, cloud: Control, stack: Stack, browser: Browser
):
    portal = signed_in(admin, cloud, stack, browser)
    account = {"tenant_id": portal["tenantId"], "username": USER, "password": PASSWORD}
    cloud.call("account", **account, assigned=False)
    run = admin.import_portal(portal["portalId"])
    assert run["error"]["microsoftCode"] == "AADSTS50105"
    assert "is not assigned" in run["error"]["microsoftMessage"]
    assert "enterprise" in run["error"]["remedy"]
    assert USER not in json.dumps([run, steps_of(admin, portal)]) + stack.log_tails()


def test_the_refresh_token_is_renewed_with_each_run_and_kept(
    admin: Admin, cloud: Control, stack: Stack, browser: Browser
):
    portal = signed_in(admin, cloud, stack, browser)
    seen = {stored(cloud, portal)["token_cache"]}
    for _ in range(2):
        assert admin.import_portal(portal["portalId"])["state"] == "Succeeded"
        seen.add(stored(cloud, portal)["token_cache"])
    assert len(seen) == 3
    name = next(n for n in cloud.call("secrets") if n.startswith(f"portal-{portal['portalId']}"))
    versions = cloud.call("secrets")[name]["versions"]
    assert [version["enabled"] for version in versions].count(True) == 1
    assert versions[-1]["enabled"]


@pytest.mark.parametrize("code", sorted(MESSAGES))
def test_a_sign_in_that_ended_shows_with_its_remedy_and_heals_by_another(
    code: str, admin: Admin, cloud: Control, stack: Stack, browser: Browser
):
    portal = signed_in(admin, cloud, stack, browser)
    tenant_id = portal["tenantId"]
    password = PASSWORD
    if code == "AADSTS50173":
        password = "Another-Horse"
        cloud.call("account", tenant_id=tenant_id, username=USER, password=password)
    elif code == "AADSTS65001":
        cloud.call("withdraw-consent", tenant_id=tenant_id, client_id=portal["clientId"])
    else:
        cloud.call("idle-sign-ins", tenant_id=tenant_id)
    failed = steps_of(admin, portal)
    assert failed["state"] == "failed"
    assert failed["token"]["code"] == "token_rejected"
    assert failed["token"]["microsoftCode"] == code
    assert MESSAGES[code] in failed["token"]["remedy"]
    run = admin.import_portal(portal["portalId"])
    assert (run["state"], run["error"]["microsoftCode"]) == ("Failed", code)

    again = browser.sign_in(authorize(admin, portal)["signInUrl"], password=password)
    assert again.status_code == 200
    assert steps_of(admin, portal)["state"] == "passed"


def test_a_state_serves_once_for_its_portal_and_no_other(
    admin: Admin, cloud: Control, stack: Stack, browser: Browser
):
    portal = delegated(admin, cloud, stack)
    other = delegated(admin, cloud, stack)
    location = browser.submit(authorize(admin, portal)["signInUrl"]).headers["location"]
    state = parse_qs(urlsplit(location).query)["state"][0]
    authorize(admin, other)
    foreign = state.replace(portal["portalId"], other["portalId"])
    for bad in (foreign, f"{state}x", f"{uuid.uuid4()}.{'A' * 43}", "nonsense"):
        refused = browser.page(location.replace(state, bad))
        assert refused.status_code == 400
        assert refused.json()["field"] == "state"
    assert browser.page(location).status_code == 200
    used = browser.page(location)
    assert (used.status_code, used.json()["field"]) == (400, "state")


def test_a_newer_sign_in_ends_the_one_before(
    admin: Admin, cloud: Control, stack: Stack, browser: Browser
):
    portal = delegated(admin, cloud, stack)
    first, second = (authorize(admin, portal)["signInUrl"] for _ in range(2))
    assert browser.sign_in(first).status_code == 400
    assert browser.sign_in(second).status_code == 200
    assert not [
        name
        for name, secret in cloud.call("secrets").items()
        if name.startswith(f"sign-in-{portal['portalId']}") and not secret["deleted"]
    ]


def test_who_declines_is_told_and_may_sign_in_later(
    admin: Admin, cloud: Control, stack: Stack, browser: Browser
):
    portal = delegated(admin, cloud, stack)
    declined = browser.sign_in(authorize(admin, portal)["signInUrl"], decision="cancel")
    assert declined.status_code == 502
    assert "AADSTS65004" in declined.json()["detail"]
    assert browser.sign_in(authorize(admin, portal)["signInUrl"]).status_code == 200


def test_a_code_of_another_browsers_flow_is_refused(
    admin: Admin, cloud: Control, stack: Stack, browser: Browser
):
    portal = delegated(admin, cloud, stack)
    stolen = browser.submit(authorize(admin, portal)["signInUrl"]).headers["location"]
    mine = browser.submit(authorize(admin, portal)["signInUrl"]).headers["location"]
    code = parse_qs(urlsplit(stolen).query)["code"][0]
    own = parse_qs(urlsplit(mine).query)["code"][0]
    refused = browser.page(mine.replace(own, code))
    assert refused.status_code == 502
    assert "AADSTS501481" in refused.json()["detail"]


def test_a_wrong_secret_or_redirect_uri_is_told(
    admin: Admin, cloud: Control, stack: Stack, browser: Browser
):
    portal = delegated(admin, cloud, stack, value="Q~another-secret-that-is-wrong-0123456789")
    refused = browser.sign_in(authorize(admin, portal)["signInUrl"])
    assert refused.status_code == 502
    assert "AADSTS7000215" in refused.json()["detail"]
    cloud.register(portal["tenantId"], portal["clientId"], secret=SECRET, permissions=())
    page = browser.page(authorize(admin, portal)["signInUrl"])
    assert "AADSTS50011" in page.text


def test_only_a_portal_with_delegated_credential_is_signed_in_for(
    admin: Admin, cloud: Control, stack: Stack, browser: Browser
):
    tenant_id, client_id = new_tenant(cloud)
    portal = admin.call("POST", "/portals", portal_body(tenant_id, client_id), status=201)
    path = f"/portals/{portal['portalId']}"
    problem = admin.call("POST", f"{path}/authorize", status=409)
    assert "delegated" in problem["remedy"]
    changed = admin.call(
        "PATCH", path, {"credential": {"kind": "delegated", "value": SECRET}}, status=200
    )
    assert changed["credential"]["kind"] == "delegated"
    cloud.register(
        tenant_id,
        client_id,
        secret=SECRET,
        redirect_uris=[f"{stack.api_url}/authorize/callback"],
    )
    cloud.call("account", tenant_id=tenant_id, username=USER, password=PASSWORD)
    location = browser.submit(authorize(admin, changed)["signInUrl"]).headers["location"]
    back = admin.call(
        "PATCH", path, {"credential": {"kind": "clientSecret", "value": SECRET}}, status=200
    )
    assert back["credential"]["kind"] == "clientSecret"
    assert browser.page(location).status_code == 409
    assert steps_of(admin, back)["state"] == "passed"


def test_a_deleted_portal_leaves_no_sign_in_behind(
    admin: Admin, cloud: Control, stack: Stack, browser: Browser
):
    portal = signed_in(admin, cloud, stack, browser)
    authorize(admin, portal)
    admin.call("DELETE", f"/portals/{portal['portalId']}", status=200)
    left = [
        name
        for name, secret in cloud.call("secrets").items()
        if portal["portalId"] in name and not secret["deleted"]
    ]
    assert left == []
