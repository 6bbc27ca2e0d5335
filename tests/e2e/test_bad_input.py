"""Bad input gets a 4xx problem that names the field, and loses nothing."""

from __future__ import annotations

import base64
import uuid
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from simulator.control import Control
from tests.certificates import new_certificate
from tests.e2e.admin import SECRET, Admin, connected, new_tenant, portal_body

MADE = new_certificate(passphrase="right")
OTHER = new_certificate(key_number=1)
EXPIRED = new_certificate(days=-1)
EC_KEY = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)


def certificate(**parts: Any) -> dict[str, Any]:
    """A certificate credential made of such parts."""
    return {"credential": {"kind": "certificate", **parts}}


def secret(**parts: Any) -> dict[str, Any]:
    """A client secret credential made of such parts."""
    return {"credential": {"kind": "clientSecret", "value": SECRET, **parts}}


BAD_PORTALS: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name"),
    ({"name": "   "}, "name"),
    ({"name": "a/b"}, "name"),
    ({"name": "a\\b"}, "name"),
    ({"name": "a#b"}, "name"),
    ({"name": "a?b"}, "name"),
    ({"name": "line\nbreak"}, "name"),
    ({"name": "x" * 500}, "name"),
    ({"name": 5}, "name"),
    ({"name": None}, "name"),
    ({"description": "x" * 1001}, "description"),
    ({"tenantId": "contoso.onmicrosoft.com"}, "tenantId"),
    ({"tenantId": "{not-a-guid}"}, "tenantId"),
    ({"tenantId": f"{{{uuid.uuid4()}}}"}, "tenantId"),
    ({"clientId": uuid.uuid4().hex}, "clientId"),
    ({"exclusions": [f"urn:uuid:{uuid.uuid4()}"]}, "exclusions[0]"),
    ({"clientId": ["x"]}, "clientId"),
    ({"cloud": "AzureGermany"}, "cloud"),
    ({"enabled": "perhaps"}, "enabled"),
    ({"exclusions": ["x"]}, "exclusions[0]"),
    ({"exclusions": [str(uuid.uuid4())]}, "exclusions"),
    ({"surprise": 1}, "surprise"),
    ({"credential": {"kind": "password"}}, "credential"),
    ({"credential": "secret"}, "credential"),
    (secret(value=""), "credential.value"),
    (secret(expiresAt="9999-12-31T23:59:59-05:00"), "credential.expiresAt"),
    (secret(value=f" {SECRET}"), "credential.value"),
    (secret(value=f"{SECRET}\n"), "credential.value"),
    (secret(value=str(uuid.uuid4())), "credential.value"),
    (secret(value="x" * 2000), "credential.value"),
    (secret(expiresAt="2020-01-01T00:00:00Z"), "credential.expiresAt"),
    (secret(expiresAt="soon"), "credential.expiresAt"),
    (secret(expiresAt="2030-01-01T00:00:00"), "credential.expiresAt"),
    (secret(secretId="x"), "credential.secretId"),
    (secret(other=1), "credential.other"),
    (certificate(), "credential.certificate"),
    (certificate(certificate=MADE.certificate_pem), "credential.privateKey"),
    (certificate(certificate="rubbish", privateKey=MADE.key_pem), "credential.certificate"),
    (certificate(certificate=MADE.certificate_pem, privateKey="x"), "credential.privateKey"),
    (
        certificate(certificate=MADE.certificate_pem, privateKey=OTHER.key_pem),
        "credential.privateKey",
    ),
    (certificate(certificate=MADE.certificate_pem, privateKey=EC_KEY), "credential.privateKey"),
    (
        certificate(certificate=EXPIRED.certificate_pem, privateKey=EXPIRED.key_pem),
        "credential.certificate",
    ),
    (
        certificate(certificate=MADE.certificate_pem, privateKey=MADE.encrypted_key_pem),
        "credential.passphrase",
    ),
    (
        certificate(
            certificate=MADE.certificate_pem,
            privateKey=MADE.encrypted_key_pem,
            passphrase="wrong",
        ),
        "credential.passphrase",
    ),
    (certificate(pfx="not base64!"), "credential.pfx"),
    (
        certificate(pfx=base64.b64encode(MADE.pfx).decode(), passphrase="wrong"),
        "credential.passphrase",
    ),
    (
        certificate(
            pfx=base64.b64encode(MADE.pfx).decode(),
            passphrase="right",
            certificate=MADE.certificate_pem,
        ),
        "credential.pfx",
    ),
]


@pytest.fixture(scope="module")
def tenant(cloud: Control) -> tuple[str, str]:
    """A tenant that could be connected."""
    return new_tenant(cloud)


@pytest.mark.parametrize(("changes", "field"), BAD_PORTALS)
def test_a_portal_with_a_bad_field_is_refused_by_that_field(
    admin: Admin, cloud: Control, tenant: tuple[str, str], changes: dict[str, Any], field: str
):
    before = (admin.all("/portals"), cloud.call("secrets"))
    response = admin.http.post("/portals", json=portal_body(*tenant, **changes))
    problem = response.json()
    assert response.status_code == 400, problem
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["field"] == field
    assert problem["remedy"]
    assert problem["detail"]
    text = response.text
    assert SECRET not in text
    assert MADE.key_pem[100:160] not in text
    assert (admin.all("/portals"), cloud.call("secrets")) == before


@pytest.mark.parametrize("name", ["Contoso & Söhne 🦊", 'Ñandú\'s 100 % "quoted"', "x" * 100])
def test_any_printable_name_will_do(admin: Admin, cloud: Control, name: str):
    portal = connected(admin, cloud, name=name, users=3)
    assert portal["name"] == name
    assert admin.import_portal(portal["portalId"])["state"] == "Succeeded"
    found = admin.call("GET", f"/products?portalId={portal['portalId']}", status=200)["value"]
    assert all(product["name"].startswith(name) for product in found)
    admin.call("DELETE", f"/portals/{portal['portalId']}", status=200)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"name": NaN}', b"{" * 5000],
)
def test_a_malformed_body_is_refused(admin: Admin, body: bytes):
    response = admin.http.post("/portals", content=body)
    assert response.status_code == 400, response.text
    assert response.json()["remedy"]


def test_an_oversized_body_is_refused(admin: Admin):
    response = admin.http.post("/portals", content=b'{"name": "' + b"x" * 1_000_000 + b'"}')
    assert response.status_code == 413
    assert response.json()["code"] == "body_too_large"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/portals/1", "portal_id"),
        ("/portals/x' or 1 eq 1", "portal_id"),
        ("/runs/..%2F..", "run_id"),
        (f"/licenses/{uuid.uuid4()}/x'", "sku_id"),
        (f"/contacts/{uuid.uuid4()}/me", "user_id"),
        ("/licenses?portalId=x' or PartitionKey ne '", "portalId"),
        ("/licenses?top=0", "top"),
        ("/licenses?top=1001", "top"),
        ("/licenses?top=many", "top"),
        ("/licenses?continuation=rubbish", "continuation"),
        ("/licenses?continuation=W10", "continuation"),
        ("/licenses?surprise=1", "surprise"),
        ("/runs?state=Odd", "state"),
        ("/compliance?status=fine", "status"),
        ("/compliance?portalId=%7B0f8fad5b-d9cb-469f-a165-70867728950e%7D", "portalId"),
        ("/runs?parentRunId=0f8fad5bd9cb469fa16570867728950e", "parentRunId"),
        ("/compliance/history?skuId=x", "portalId"),
        ("/compliance/summary?x=1", "x"),
        ("/contacts?blocked=maybe", "blocked"),
    ],
)
def test_a_bad_address_is_refused_by_its_parameter(admin: Admin, path: str, field: str):
    response = admin.http.get(path)
    assert response.status_code == 400, response.text
    assert response.json()["field"] == field


def test_a_continuation_serves_only_its_own_list_and_filters(admin: Admin, cloud: Control):
    portal = connected(admin, cloud, users=5)
    admin.import_portal(portal["portalId"])
    page = admin.get(f"/contacts?portalId={portal['portalId']}&top=2")
    token = page["continuation"]
    assert token
    for path in ("/licenses", "/contacts", "/contacts?blocked=true"):
        response = admin.http.get(path, params={"continuation": token})
        assert response.status_code == 400
        assert response.json()["field"] == "continuation"


@pytest.mark.parametrize(
    "directory", ["", "/", "a//b", "../up", "a/./b", "tab\there", "x" * 256, "back\\slash"]
)
def test_a_product_cannot_be_moved_to_what_is_no_path(
    admin: Admin, cloud: Control, directory: str, moving: str
):
    problem = admin.call("PATCH", moving, {"directory": directory}, status=400)
    assert problem["field"] == "directory"


def test_nothing_but_the_directory_of_a_product_can_be_changed(admin: Admin, moving: str):
    problem = admin.call("PATCH", moving, {"name": "Mine"}, status=400)
    assert {item["field"] for item in problem["errors"]} == {"directory", "name"}


@pytest.fixture(scope="module")
def moving(admin: Admin, cloud: Control) -> str:
    """The address of a product."""
    portal = connected(admin, cloud, users=3)
    admin.import_portal(portal["portalId"])
    product = admin.all(f"/products?portalId={portal['portalId']}")[0]
    return f"/products/{portal['portalId']}/{product['skuId']}"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/portals/{id}"),
        ("PATCH", "/portals/{id}"),
        ("DELETE", "/portals/{id}"),
        ("POST", "/portals/{id}/test"),
        ("POST", "/portals/{id}/import"),
        ("GET", "/portals/{id}/available-licenses"),
        ("GET", "/licenses/{id}/{id}"),
        ("DELETE", "/licenses/{id}/{id}"),
        ("GET", "/licenses/{id}/{id}/consumers"),
        ("GET", "/products/{id}/{id}"),
        ("DELETE", "/products/{id}/{id}"),
        ("GET", "/contacts/{id}/{id}"),
        ("GET", "/compliance/{id}/{id}"),
        ("GET", "/runs/{id}"),
    ],
)
def test_what_does_not_exist_is_not_found(admin: Admin, method: str, path: str):
    unknown = str(uuid.uuid4())
    body: dict[str, Any] | None = {} if method in ("PATCH", "POST") else None
    problem = admin.call(method, path.replace("{id}", unknown), body, status=404)
    assert problem["remedy"]


def test_unknown_portals_are_named_before_anything_starts(admin: Admin):
    unknown = str(uuid.uuid4())
    before = len(admin.all("/runs?top=1000"))
    for path in ("/imports", "/compliance/recalculate"):
        problem = admin.call("POST", path, {"portalIds": [unknown]}, status=404)
        assert unknown in problem["detail"]
    assert len(admin.all("/runs?top=1000")) == before


def test_without_the_function_key_nothing_is_answered(admin: Admin):
    for path in ("/portals", "/licenses", "/runs"):
        assert admin.http.get(path, headers={"x-functions-key": "wrong"}).status_code == 401
    assert admin.http.get("/openapi.json", headers={"x-functions-key": ""}).status_code == 200
