"""The simulator refuses what Microsoft refuses."""

from __future__ import annotations

import ssl
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from devhost.stack import Stack
from simulator.control import Control
from simulator.odata import opaque
from tests.certificates import new_certificate

SECRET = "a-client-secret-of-some-length"
ALL = (
    "Organization.Read.All",
    "User.Read.All",
    "GroupMember.Read.All",
    "LicenseAssignment.ReadWrite.All",
    "AuditLog.Read.All",
    "Place.Read.All",
)


class Caller:
    """Calls one tenant of the simulator by plain HTTP."""

    def __init__(self, parts: Stack, cloud: Control, **spec: Any) -> None:
        self.cloud = cloud
        self.base = parts.simulator_url
        self.http = httpx.Client(
            base_url=self.base, verify=ssl.create_default_context(cafile=str(parts.ca_bundle))
        )
        self.tenant_id = cloud.create_tenant(**{"users": 30, **spec})
        self.client_id = str(uuid.uuid4())
        cloud.register(self.tenant_id, self.client_id, secret=SECRET, permissions=ALL)

    def token(self, **form: str) -> httpx.Response:
        """The token endpoint's answer."""
        return self.http.post(
            f"/{self.tenant_id}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": self.client_id,
                "scope": f"{self.base}/.default",
                **form,
            },
        )

    def get(self, path: str, **headers: str) -> httpx.Response:
        """A GET of Graph with a good token."""
        return self.http.get(path, headers={**self.bearer(), **headers})

    def post(self, path: str, body: Any) -> httpx.Response:
        """A POST to Graph with a good token."""
        return self.http.post(path, json=body, headers=self.bearer())

    def bearer(self) -> dict[str, str]:
        """The header of a good token."""
        token = self.token(client_secret=SECRET).json()["access_token"]
        return {"Authorization": f"Bearer {token}"}

    def first_user(self) -> str:
        """The ID of some user."""
        return str(self.get("/v1.0/users?$top=1").json()["value"][0]["id"])


@pytest.fixture
def caller(parts: Stack, cloud: Control) -> Iterator[Caller]:
    """A tenant of 30 users."""
    calling = Caller(parts, cloud)
    yield calling
    calling.http.close()


def assertion(caller: Caller, **claims: Any) -> dict[str, str]:
    """A signed client assertion, altered as asked."""
    made = new_certificate()
    certificate = x509.load_pem_x509_certificate(made.certificate_pem.encode())
    key = load_pem_private_key(made.key_pem.encode(), None)
    thumbprint = jwt.utils.base64url_encode(bytes.fromhex(made.thumbprint_sha1)).decode()
    assert certificate.serial_number
    now = int(time.time())
    token = jwt.encode(
        {
            "aud": f"{caller.base}/{caller.tenant_id}/oauth2/v2.0/token",
            "iss": caller.client_id,
            "sub": caller.client_id,
            "jti": str(uuid.uuid4()),
            "nbf": now,
            "exp": now + 300,
            **claims,
        },
        key,  # type: ignore[arg-type]
        algorithm="PS256",
        headers={"x5t": thumbprint},
    )
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    return {"client_assertion": token, "client_assertion_type": kind}


def test_an_assertion_is_checked_in_every_part(caller: Caller):
    made = new_certificate()
    assert caller.token(**assertion(caller)).json()["error_codes"] == [700027]
    caller.cloud.register(
        caller.tenant_id, caller.client_id, certificates=[made.certificate_pem], permissions=ALL
    )
    good = assertion(caller)
    assert caller.token(**good).status_code == 200
    assert caller.token(**good).json()["error_codes"] == [700024], "a replay"
    for claims, code in (
        ({"aud": "https://elsewhere"}, 700027),
        ({"iss": "other"}, 700027),
        ({"sub": "other"}, 700027),
        ({"exp": 1}, 700024),
        ({"nbf": int(time.time()) + 4000, "exp": int(time.time()) + 5000}, 700024),
    ):
        assert caller.token(**assertion(caller, **claims)).json()["error_codes"] == [code]


def test_sign_ins_are_refused_as_entra_refuses_them(caller: Caller):
    for form, code, status in (
        ({"client_secret": "wrong"}, 7000215, 401),
        ({}, 7000218, 401),
        ({"client_secret": SECRET, "client_id": str(uuid.uuid4())}, 700016, 400),
        ({"client_secret": SECRET, "scope": "User.Read"}, 70011, 400),
        ({"client_secret": SECRET, "scope": "https://other/.default"}, 500011, 400),
    ):
        answer = caller.token(**form)
        assert (answer.status_code, answer.json()["error_codes"]) == (status, [code])


def test_tokens_open_only_their_own_doors(caller: Caller):
    for bearer in ("", "Bearer", "Bearer x.y.z"):
        answer = caller.http.get("/v1.0/users", headers={"Authorization": bearer})
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "InvalidAuthenticationToken"
    msi = caller.http.get(
        "/msi/token?resource=https://vault.azure.net&api-version=2019-08-01",
        headers={"X-IDENTITY-HEADER": "simulated"},
    ).json()["access_token"]
    answer = caller.http.get("/v1.0/users", headers={"Authorization": f"Bearer {msi}"})
    assert answer.status_code == 401
    answer = caller.http.get("/secrets?api-version=7.6", headers=caller.bearer())
    assert answer.status_code == 401
    assert "vault.azure.net" in answer.headers["WWW-Authenticate"]


def test_a_role_that_is_missing_is_denied(caller: Caller):
    caller.cloud.register(caller.tenant_id, caller.client_id, secret=SECRET, permissions=[])
    token = caller.token(client_secret=SECRET).json()["access_token"]
    assert "roles" not in jwt.decode(token, options={"verify_signature": False})
    answer = caller.http.get("/v1.0/users", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "Authorization_RequestDenied"


def test_sign_in_activity_needs_a_premium_tenant(parts: Stack, cloud: Control, caller: Caller):
    path = "/v1.0/users?$select=id,signInActivity&$top=999"
    assert caller.get(path).json()["value"][0]["signInActivity"]["lastSignInDateTime"]
    plain = Caller(parts, cloud, premium=False)
    answer = plain.get(path)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"].startswith("Authentication_RequestFromNonPremium")
    plain.http.close()


def test_request_ids_are_told_and_client_ids_echoed(caller: Caller):
    answer = caller.get("/v1.0/nothing", **{"client-request-id": "mine"})
    assert answer.status_code == 404
    assert answer.headers["client-request-id"] == "mine"
    assert answer.json()["error"]["innerError"]["client-request-id"] == "mine"
    assert answer.headers["request-id"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1.0/users?$top=1000",
        "/v1.0/users?$top=0",
        "/v1.0/users?$skip=5",
        "/v1.0/users?$skiptoken=rubbish",
        "/v1.0/users/delta?$top=5",
        "/v1.0/users/delta?$select=signInActivity",
        "/v1.0/users/delta?$deltatoken=rubbish",
        "/v1.0/groups?$filter=assignedLicenses/$count ne 0",
        "/v1.0/groups?$filter=displayName eq 'x'",
        "/v1.0/subscribedSkus?$filter=x eq 1",
    ],
)
def test_queries_that_graph_does_not_take_are_refused(caller: Caller, path: str):
    assert caller.get(path).status_code == 400


def follow(caller: Caller, link: str) -> tuple[list[dict[str, Any]], str]:
    """All objects of a delta round, and its delta link."""
    found: list[dict[str, Any]] = []
    while True:
        answer = caller.get(link.removeprefix(caller.base)).json()
        found += answer["value"]
        if "@odata.deltaLink" in answer:
            return found, answer["@odata.deltaLink"]
        link = answer["@odata.nextLink"]


def test_delta_tells_what_changed_and_only_that(parts: Stack, cloud: Control):
    caller = Caller(parts, cloud, users=1200)
    select = "$select=id,displayName,assignedLicenses,licenseAssignmentStates"
    everything, link = follow(caller, f"/v1.0/users/delta?{select}")
    assert len(everything) == 1200
    assert follow(caller, link)[0] == []
    ids = [user["id"] for user in everything]
    tenant = caller.tenant_id
    cloud.call("assign", tenant_id=tenant, user_id=ids[0], part_number="VISIOCLIENT")
    cloud.call("delete-user", tenant_id=tenant, user_id=ids[1])
    cloud.call("delete-user", tenant_id=tenant, user_id=ids[2])
    cloud.call("purge-user", tenant_id=tenant, user_id=ids[2])
    cloud.call("delete-user", tenant_id=tenant, user_id=ids[3])
    cloud.call("restore-user", tenant_id=tenant, user_id=ids[3])
    cloud.call(
        "change-user",
        tenant_id=tenant,
        user_id=ids[4],
        tracked=False,
        values={
            "failures": [{"part_number": "SPE_E3", "state": "ActiveWithError", "error": "Other"}]
        },
    )
    changed, after = follow(caller, link)
    by_id = {user["id"]: user for user in changed}
    assert by_id.keys() == set(ids[:4])
    assert len(by_id[ids[0]]["assignedLicenses"]) == 2
    assert by_id[ids[1]]["@removed"] == {"reason": "changed"}
    assert by_id[ids[2]]["@removed"] == {"reason": "deleted"}
    assert "@removed" not in by_id[ids[3]]
    group = cloud.call("group", tenant_id=tenant, name="G", skus=["POWER_BI_PRO"])["group_id"]
    cloud.call("membership", tenant_id=tenant, user_id=ids[5], group_id=group, member=True)
    assert [user["id"] for user in follow(caller, after)[0]] == [ids[5]]
    cloud.call("expire-deltas", tenant_id=tenant)
    expired = caller.get(after.removeprefix(caller.base))
    assert expired.status_code == 400
    assert expired.json()["error"]["code"] == "syncStateNotFound"
    caller.http.close()


def test_a_batch_keeps_its_rules(caller: Caller):
    items = [{"id": str(n), "method": "GET", "url": "/subscribedSkus"} for n in range(21)]
    assert caller.post("/v1.0/$batch", {"requests": items}).status_code == 400
    twice = [items[0], items[0]]
    assert caller.post("/v1.0/$batch", {"requests": twice}).status_code == 400
    mixed = [items[0], {"id": "x", "method": "GET", "url": "/users/nobody"}]
    answer = caller.post("/v1.0/$batch", {"requests": mixed}).json()["responses"]
    assert {part["id"]: part["status"] for part in answer} == {"0": 200, "x": 404}


def test_the_requests_of_a_batch_are_throttled_one_by_one(caller: Caller):
    caller.cloud.fault(
        "status",
        status=429,
        retry_after=7,
        match="/v1.0/subscribedSkus",
        tenant=caller.tenant_id,
        times=1,
    )
    items = [{"id": str(n), "method": "GET", "url": "/subscribedSkus"} for n in range(3)]
    answer = caller.post("/v1.0/$batch", {"requests": items})
    assert answer.status_code == 200
    parts = answer.json()["responses"]
    assert sorted(part["status"] for part in parts) == [200, 200, 429]
    (throttled,) = [part for part in parts if part["status"] == 429]
    assert throttled["headers"]["Retry-After"] == "7"


def test_a_removed_license_stays_visible_for_a_while(parts: Stack, cloud: Control):
    caller = Caller(parts, cloud, visibility_lag_seconds=1)
    user = caller.first_user()
    (held,) = caller.get(f"/v1.0/users/{user}?$select=assignedLicenses").json()["assignedLicenses"]
    removal = {"addLicenses": [], "removeLicenses": [held["skuId"]]}
    assert caller.post(f"/v1.0/users/{user}/assignLicense", removal).status_code == 200
    refused = caller.post(f"/v1.0/users/{user}/assignLicense", removal)
    assert "does not have a corresponding license" in refused.json()["error"]["message"]
    seen = [held]
    deadline = time.monotonic() + 5
    path = f"/v1.0/users/{user}?$select=assignedLicenses"
    assert caller.get(path).json()["assignedLicenses"] == seen
    while seen and time.monotonic() < deadline:
        seen = caller.get(path).json()["assignedLicenses"]
    assert seen == []
    caller.http.close()


def test_licenses_are_assigned_and_refused_as_graph_does(caller: Caller):
    cloud, tenant = caller.cloud, caller.tenant_id
    truth = cloud.truth(tenant)
    e3, visio = truth["part_numbers"]["SPE_E3"], truth["part_numbers"]["VISIOCLIENT"]
    user = caller.first_user()
    path = f"/v1.0/users/{user}/assignLicense"

    def message(body: dict[str, Any]) -> str:
        answer = caller.post(path, body)
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "Request_BadRequest"
        return str(answer.json()["error"]["message"])

    assert "missing parameters are: addLicenses" in message({"removeLicenses": []})
    assert "not have a corresponding" in message({"addLicenses": [], "removeLicenses": [visio]})
    assert caller.post(path, {"addLicenses": [], "removeLicenses": [e3]}).status_code == 200
    assert cloud.truth(tenant)["consumed"][e3] == truth["consumed"][e3] - 1
    group = cloud.call("group", tenant_id=tenant, name="G", skus=["VISIOCLIENT"])["group_id"]
    cloud.call("membership", tenant_id=tenant, user_id=user, group_id=group, member=True)
    assert "inherited from a group" in message({"addLicenses": [], "removeLicenses": [visio]})
    cloud.call("sku", tenant_id=tenant, part_number="POWER_BI_PRO", enabled=0)
    power = truth["part_numbers"]["POWER_BI_PRO"]
    add = {"addLicenses": [{"skuId": power, "disabledPlans": []}], "removeLicenses": []}
    assert "any available licenses" in message(add)
    cloud.call("change-user", tenant_id=tenant, user_id=user, values={"usage_location": None})
    assert "invalid usage location" in message(add)


def test_key_vault_soft_deletes_recovers_and_purges(caller: Caller):
    token = caller.http.get(
        "/msi/token?resource=https://vault.azure.net&api-version=2019-08-01",
        headers={"X-IDENTITY-HEADER": "simulated"},
    ).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    name = f"s-{uuid.uuid4()}"

    def call(method: str, path: str, body: Any = None) -> httpx.Response:
        return caller.http.request(method, f"{path}?api-version=7.6", json=body, headers=headers)

    one = call("PUT", f"/secrets/{name}", {"value": "1", "attributes": {"exp": 2_000_000_000}})
    assert one.json()["attributes"]["exp"] == 2_000_000_000
    call("PUT", f"/secrets/{name}", {"value": "2"})
    version = one.json()["id"].rsplit("/", 1)[1]
    assert call("GET", f"/secrets/{name}").json()["value"] == "2"
    assert call("GET", f"/secrets/{name}/{version}").json()["value"] == "1"
    assert len(call("GET", f"/secrets/{name}/versions").json()["value"]) == 2
    assert all("value" not in s for s in call("GET", "/secrets").json()["value"])
    call("PATCH", f"/secrets/{name}/{version}", {"attributes": {"enabled": False}})
    assert call("GET", f"/secrets/{name}/{version}").status_code == 403
    assert call("DELETE", f"/secrets/{name}").status_code == 200
    assert call("GET", f"/secrets/{name}").status_code == 404
    conflict = call("PUT", f"/secrets/{name}", {"value": "3"})
    assert conflict.status_code == 409
    assert conflict.json()["error"]["innererror"]["code"] == "ObjectIsDeletedButRecoverable"
    assert call("POST", f"/deletedsecrets/{name}/recover").status_code == 200
    assert call("GET", f"/secrets/{name}").json()["value"] == "2"
    call("DELETE", f"/secrets/{name}")
    caller.cloud.call("vault", purge_protected=True)
    assert call("DELETE", f"/deletedsecrets/{name}").status_code == 403
    caller.cloud.call("vault", purge_protected=False)
    assert call("DELETE", f"/deletedsecrets/{name}").status_code == 204
    assert call("GET", f"/deletedsecrets/{name}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/groups",
        "/groups/{group}/members",
        "/groups/{group}/transitiveMembers",
        "/directory/deletedItems/microsoft.graph.user",
        "/places/microsoft.graph.room",
    ],
)
def test_every_collection_comes_in_pages(many: Caller, path: str):
    group = many.get("/v1.0/groups?$top=1").json()["value"][0]["id"]
    base = f"/v1.0{path.format(group=group)}?$select=id"
    whole = [item["id"] for item in many.get(f"{base}&$top=999").json()["value"]]
    assert len(whole) > 20
    found: list[str] = []
    address, pages = f"{base}&$top=10", 0
    while address:
        answer = many.get(address).json()
        assert all(set(item) == {"id"} for item in answer["value"])
        found += [item["id"] for item in answer["value"]]
        address = answer.get("@odata.nextLink", "").removeprefix(many.base)
        pages += 1
    assert found == whole
    assert pages == -(-len(whole) // 10)
    assert many.get(f"{base}&$top=0").status_code == 400


@pytest.fixture
def many(parts: Stack, cloud: Control) -> Iterator[Caller]:
    """A tenant with more of everything than a small page holds."""
    groups = [{"name": f"G{n}", "skus": [], "share": 0.0 if n else 1.0} for n in range(25)]
    calling = Caller(parts, cloud, users=250, groups=groups, deleted=0.1, rooms=0.2)
    yield calling
    calling.http.close()


@pytest.mark.parametrize(
    "path",
    [
        "/users",
        "/users/delta",
        "/users/nobody",
        "/groups",
        "/subscribedSkus",
        "/directory/subscriptions",
        "/organization",
        "/directory/deletedItems/microsoft.graph.user",
        "/places/microsoft.graph.room",
    ],
)
def test_what_a_type_does_not_have_cannot_be_selected(caller: Caller, path: str):
    refused = caller.get(f"/v1.0{path}?$select=id,licenseAssignmentState")
    assert refused.status_code == 400
    assert "Could not find a property named 'licenseAssignmentState'" in refused.text


def test_delta_follows_what_was_selected_and_never_states_alone(parts: Stack, cloud: Control):
    caller = Caller(parts, cloud, users=6, groups=[{"name": "G", "skus": ["SPE_E3"], "share": 1}])
    tenant = caller.tenant_id
    links = {
        select: follow(caller, f"/v1.0/users/delta?$select=id,{select}")
        for select in ("department", "assignedLicenses", "licenseAssignmentStates")
    }
    ids = [user["id"] for user in links["department"][0]]
    failures = [{"part_number": "SPE_E3", "state": "ActiveWithError", "error": "Other"}]
    for user_id, values in (
        (ids[0], {"department": "Sales"}),
        (ids[1], {"failures": failures}),
        (ids[2], {"failures": [{**failures[0], "state": "Error"}]}),
        (ids[3], {"department": None}),
    ):
        cloud.call("change-user", tenant_id=tenant, user_id=user_id, values=values)
    cloud.call("assign", tenant_id=tenant, user_id=ids[4], part_number="VISIOCLIENT")
    cloud.call("delete-user", tenant_id=tenant, user_id=ids[5])
    told = {
        select: [ids.index(user["id"]) for user in follow(caller, link)[0]]
        for select, (_, link) in links.items()
    }
    assert told["assignedLicenses"][-2:] == [4, 5]
    assert 0 not in told["assignedLicenses"]
    assert 1 not in told["assignedLicenses"]
    assert told["licenseAssignmentStates"] == [5]
    assert [n for n in told["department"] if n != 3] == [0, 5]
    caller.http.close()


def test_a_tenant_that_moved_says_where_to_begin_anew(caller: Caller, cloud: Control):
    _, link = follow(caller, "/v1.0/users/delta?$select=id")
    cloud.fault("status", status=410, match="users/delta", tenant=caller.tenant_id, times=1)
    moved = caller.get(link.removeprefix(caller.base))
    assert moved.status_code == 410
    assert moved.headers["location"].endswith("/users/delta?$deltatoken=")
    again = caller.get(moved.headers["location"].removeprefix(caller.base))
    assert again.status_code == 200
    assert again.json()["value"]


def test_the_request_id_is_the_same_in_header_and_body(caller: Caller):
    refused = caller.get("/v1.0/users/nobody")
    inner = refused.json()["error"]["innerError"]
    assert refused.headers["request-id"] == inner["request-id"]
    assert refused.headers["client-request-id"] == inner["client-request-id"]


@pytest.mark.parametrize(
    ("kind", "values", "status"),
    [("fields", {"fields": {"displayName": "X"}}, 200), ("truncated", {}, 504), ("reset", {}, 504)],
)
def test_faults_hit_the_requests_of_a_batch(
    caller: Caller, cloud: Control, kind: str, values: dict[str, Any], status: int
):
    cloud.fault(kind, match="/users", tenant=caller.tenant_id, **values)
    items = [{"id": "1", "method": "GET", "url": "/users?$top=2&$select=id,displayName"}]
    (item,) = caller.post("/v1.0/$batch", {"requests": items}).json()["responses"]
    assert item["status"] == status
    if status == 200:
        assert {user["displayName"] for user in item["body"]["value"]} == {"X"}


@pytest.mark.parametrize(
    "path",
    [
        *(f"/users?$skiptoken={token}" for token in ("x", opaque(at="x"), opaque(at=-1))),
        *(f"/groups?$skiptoken={token}" for token in ("", opaque(at=None), opaque())),
        f"/users/delta?$deltatoken={opaque(since='x', select=['id'])}",
        f"/users/delta?$skiptoken={opaque(since=0, at=1.5, select=['id'])}",
        f"/users/delta?$deltatoken={opaque(since=0, select=[1])}",
        "/users?$top=²",
    ],
)
def test_rubbish_in_an_address_is_refused_and_no_crash(caller: Caller, path: str):
    assert caller.get(f"/v1.0{path}").status_code == 400


@pytest.mark.parametrize(
    "item",
    [
        {"id": 1, "method": "GET", "url": "/users"},
        {"id": "1", "method": None, "url": "/users"},
        {"id": "1", "method": "GET", "url": ["/users"]},
        "GET /users",
    ],
)
def test_rubbish_in_a_batch_is_refused_and_no_crash(caller: Caller, item: Any):
    assert caller.post("/v1.0/$batch", {"requests": [item]}).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"addLicenses": [1], "removeLicenses": []},
        {"addLicenses": [], "removeLicenses": [{}]},
        {"addLicenses": [{"skuId": ["x"]}], "removeLicenses": []},
    ],
)
def test_rubbish_in_an_assignment_is_refused_and_no_crash(caller: Caller, body: Any):
    user_id = caller.get("/v1.0/users?$top=1").json()["value"][0]["id"]
    assert caller.post(f"/v1.0/users/{user_id}/assignLicense", body).status_code == 400
