"""Every error of the catalogue, because the cloud really did that."""

from __future__ import annotations

from typing import Any

from devhost.stack import Stack
from simulator.control import Control
from tests.certificates import new_certificate
from tests.e2e.admin import SECRET, Admin, connected, new_tenant, portal_body


def failed_import(admin: Admin, portal: Any) -> Any:
    """The error of an import that fails."""
    run = admin.import_portal(portal["portalId"])
    assert run["state"] == "Failed", run
    assert run["error"]["remedy"]
    assert SECRET not in str(run)
    return run["error"]


def test_graph_error_repeats_what_graph_says(admin: Admin, cloud: Control):
    portal = connected(admin, cloud)
    cloud.fault(
        "status",
        status=400,
        code="Request_BadRequest",
        message="No good.",
        match="subscribedSkus",
        tenant=portal["tenantId"],
    )
    error = failed_import(admin, portal)
    assert error["code"] == "graph_error"
    assert error["message"] == "GraphAPI reported an error: Request_BadRequest: No good."
    assert error["requestId"]


def test_graph_unreachable_names_the_addresses(admin: Admin, cloud: Control, stack: Stack):
    portal = connected(admin, cloud)
    cloud.fault("reset", match="subscribedSkus", tenant=portal["tenantId"])
    error = failed_import(admin, portal)
    assert error["code"] == "graph_unreachable"
    assert error["message"] == "Could not connect to GraphAPI server."
    assert stack.simulator_url.removeprefix("https://") in error["remedy"]


def test_a_time_out_is_graph_unreachable(admin: Admin, cloud: Control):
    portal = connected(admin, cloud)
    cloud.fault("latency", seconds=2.5, match="subscribedSkus", tenant=portal["tenantId"])
    assert failed_import(admin, portal)["code"] == "graph_unreachable"


def test_graph_success_unreadable_when_a_proxy_answers(admin: Admin, cloud: Control):
    portal = connected(admin, cloud)
    for kind in ("html_200", "non_json"):
        cloud.fault(kind, match="subscribedSkus", tenant=portal["tenantId"], times=1)
        error = failed_import(admin, portal)
        assert error["code"] == "graph_success_unreadable"
        assert error["message"] == (
            "GraphAPI webcall returned success but information could not be deserialized."
        )


def test_graph_failure_unreadable_when_a_proxy_fails(admin: Admin, cloud: Control):
    portal = connected(admin, cloud)
    cloud.fault("html_error", status=500, match="subscribedSkus", tenant=portal["tenantId"])
    error = failed_import(admin, portal)
    assert error["code"] == "graph_failure_unreadable"
    assert error["message"] == (
        "GraphAPI webcall returned failure but error information could not be deserialized."
    )


def test_certificate_thumbprint_unreadable_for_a_broken_certificate(admin: Admin, cloud: Control):
    tenant_id, client_id = new_tenant(cloud)
    made = new_certificate()
    broken = made.certificate_pem.replace(made.certificate_pem[100:140], "A" * 40)
    credential = {"kind": "certificate", "certificate": broken, "privateKey": made.key_pem}
    problem = admin.call(
        "POST", "/portals", portal_body(tenant_id, client_id, credential=credential), status=400
    )
    assert problem["code"] == "certificate_thumbprint_unreadable"
    assert problem["detail"] == "Thumbprint from public key could not be read."
    assert problem["field"] == "credential.certificate"


def test_client_assertion_failed_for_a_certificate_that_expired_meanwhile(
    admin: Admin, cloud: Control
):
    tenant_id, client_id = new_tenant(cloud)
    made = new_certificate(days=0)
    credential = {
        "kind": "certificate",
        "certificate": made.certificate_pem,
        "privateKey": made.key_pem,
    }
    refused = admin.call(
        "POST", "/portals", portal_body(tenant_id, client_id, credential=credential), status=400
    )
    assert refused["field"] == "credential.certificate"
    assert "expired" in refused["detail"]


def test_token_rejected_has_a_remedy_per_code(admin: Admin, cloud: Control):
    tenant_id, client_id = new_tenant(cloud)
    portal = admin.call("POST", "/portals", portal_body(tenant_id, client_id), status=201)
    remedies = set()
    for secret, expires, code in (
        ("quite-another-secret", None, "AADSTS7000215"),
        (SECRET, "2020-01-01T00:00:00+00:00", "AADSTS7000222"),
        (None, None, "AADSTS7000215"),
    ):
        cloud.register(tenant_id, client_id, secret=secret, secret_expires=expires)
        error = failed_import(admin, portal)
        assert error["code"] == "token_rejected"
        assert error["message"] == f"Entra ID refused the sign-in: {code}"
        assert error["microsoftCode"] == code
        remedies.add(error["remedy"])
    assert len(remedies) == 2
    unknown = "99999999-9999-4999-8999-999999999999"
    body = portal_body(tenant_id, unknown)
    steps = admin.call("POST", "/portals/test", body, status=200)["steps"]
    token = next(step for step in steps if step["name"] == "token")
    assert token["microsoftCode"] == "AADSTS700016"
    assert [s["state"] for s in steps if s["name"] == "licenses"] == ["skipped"]
    body = portal_body(unknown, client_id)
    steps = admin.call("POST", "/portals/test", body, status=200)["steps"]
    assert "tenant" in next(s for s in steps if s["name"] == "token")["remedy"]


def test_permission_missing_names_the_permission(admin: Admin, cloud: Control):
    tenant_id, client_id = new_tenant(cloud)
    portal = admin.call("POST", "/portals", portal_body(tenant_id, client_id), status=201)
    cloud.register(tenant_id, client_id, secret=SECRET, permissions=["Organization.Read.All"])
    error = failed_import(admin, portal)
    assert error["code"] == "permission_missing"
    assert error["message"] == "Permission User.Read.All is missing."
    assert "User.Read.All" in error["remedy"]
    tested = admin.call("POST", f"/portals/{portal['portalId']}/test", status=200)
    states = {step["name"]: step["state"] for step in tested["steps"]}
    assert tested["state"] == "failed"
    assert states["permission:Organization.Read.All"] == "passed"
    assert states["permission:User.Read.All"] == "failed"
    assert states["permission:GroupMember.Read.All"] == "warning"


def test_optional_permissions_may_be_missing(admin: Admin, cloud: Control):
    tenant_id, client_id = new_tenant(
        cloud, rooms=0.2, groups=[{"name": "All", "skus": ["VISIOCLIENT"], "share": 1}]
    )
    portal = admin.call("POST", "/portals", portal_body(tenant_id, client_id), status=201)
    cloud.register(tenant_id, client_id, secret=SECRET, permissions=["Directory.Read.All"])
    tested = admin.call("POST", f"/portals/{portal['portalId']}/test", status=200)
    assert tested["state"] == "passed"
    run = admin.import_portal(portal["portalId"])
    assert run["state"] == "Succeeded"
    assert any("Place.Read.All" in line["text"] for line in run["log"])


def test_credential_missing_when_key_vault_lost_or_disabled_it(admin: Admin, cloud: Control):
    portal = connected(admin, cloud)
    name = next(n for n in cloud.call("secrets") if portal["portalId"] in n)
    cloud.call("vault", disable=[name])
    error = failed_import(admin, portal)
    assert error["code"] == "credential_missing"
    assert error["message"].startswith("The portal's credential is not in Key Vault")
    cloud.call("vault", forget=[name])
    tested = admin.call("POST", f"/portals/{portal['portalId']}/test", status=200)
    assert tested["steps"][0]["name"] == "credential"
    assert tested["steps"][0]["code"] == "credential_missing"
    admin.call(
        "PATCH",
        f"/portals/{portal['portalId']}",
        {"credential": {"kind": "clientSecret", "value": SECRET}},
        status=200,
    )
    assert admin.import_portal(portal["portalId"])["state"] == "Succeeded"
