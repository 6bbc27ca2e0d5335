"""Changing portals: unique names, ETags, rotation, nothing half-saved."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from devhost.stack import Stack
from simulator.control import Control
from tests.certificates import new_certificate
from tests.e2e.admin import SECRET, Admin, connected, new_tenant, portal_body


def test_creating_one_name_at_the_same_time_yields_one_portal(admin: Admin, cloud: Control):
    tenant_id, client_id = new_tenant(cloud)
    names = [f"Twins {tenant_id[:8]}", f"TWINS {tenant_id[:8].upper()}"] * 4
    before = set(cloud.call("secrets"))

    def create(name: str) -> int:
        body = portal_body(tenant_id, client_id, name=name)
        response = admin.http.post("/portals", json=body)
        if response.status_code == 409:
            assert response.json()["code"] == "name_taken"
        return response.status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(create, names))
    assert statuses == [201] + [409] * 7
    # what the losers had stored was taken back
    assert len(set(cloud.call("secrets")) - before) == 1


def test_a_stale_etag_changes_nothing(admin: Admin, cloud: Control):
    portal = connected(admin, cloud)
    path = f"/portals/{portal['portalId']}"
    first = admin.http.get(path).headers["ETag"]
    admin.call("PATCH", path, {"description": "one"}, status=200, If_Match=first)
    problem = admin.call("PATCH", path, {"description": "two"}, status=412, If_Match=first)
    assert problem["code"] == "etag_mismatch"
    admin.call("DELETE", path, status=412, If_Match=first)
    admin.call("PUT", f"{path}/exclusions", {"exclusions": []}, status=412, If_Match=first)
    assert admin.get(path)["description"] == "one"
    current = admin.http.get(path).headers["ETag"]
    admin.call("POST", f"{path}/test", status=200)
    # a test is not a change of settings
    admin.call("PATCH", path, {"description": "three"}, status=200, If_Match=current)


def test_a_new_credential_replaces_the_old_one_only_after_it_was_stored(
    admin: Admin, cloud: Control
):
    portal = connected(admin, cloud)
    path = f"/portals/{portal['portalId']}"
    made = new_certificate()
    cloud.register(portal["tenantId"], portal["clientId"], certificates=[made.certificate_pem])
    credential = {
        "kind": "certificate",
        "certificate": made.certificate_pem,
        "privateKey": made.key_pem,
    }
    cloud.call("vault", refused=True)
    refused = admin.call("PATCH", path, {"credential": credential}, status=422)
    cloud.call("vault", refused=False)
    assert refused["code"] == "credential_missing"
    assert admin.get(path)["credential"]["kind"] == "clientSecret"
    changed = admin.call("PATCH", path, {"credential": credential}, status=200)
    assert changed["credential"]["thumbprintSha1"] == made.thumbprint_sha1
    assert admin.import_portal(portal["portalId"])["state"] == "Succeeded"
    stored = next(v for n, v in cloud.call("secrets").items() if portal["portalId"] in n)
    assert [version["enabled"] for version in stored["versions"]] == [False, True]


def test_a_vault_that_refuses_leaves_no_portal(admin: Admin, cloud: Control):
    tenant_id, client_id = new_tenant(cloud)
    body = portal_body(tenant_id, client_id)
    cloud.call("vault", refused=True)
    problem = admin.call("POST", "/portals", body, status=422)
    cloud.call("vault", refused=False)
    assert problem["code"] == "credential_missing"
    assert "Key Vault Secrets Officer" in problem["remedy"]
    assert body["name"] not in {portal["name"] for portal in admin.all("/portals")}
    admin.call("POST", "/portals", body, status=201)


def test_purge_protection_is_told(admin: Admin, cloud: Control):
    portal = connected(admin, cloud)
    cloud.call("vault", purge_protected=True)
    deleted = admin.call("DELETE", f"/portals/{portal['portalId']}", status=200)
    cloud.call("vault", purge_protected=False)
    assert deleted["credentialPurged"] is False
    assert "until its retention ends" in deleted["message"]


def test_a_disabled_portal_is_not_imported(admin: Admin, cloud: Control):
    portal = connected(admin, cloud)
    path = f"/portals/{portal['portalId']}"
    admin.call("PATCH", path, {"enabled": False}, status=200)
    problem = admin.call("POST", f"{path}/import", status=409)
    assert problem["code"] == "portal_disabled"
    admin.call("POST", "/imports", {"portalIds": [portal["portalId"]]}, status=409)
    admin.call("PATCH", path, {"enabled": True}, status=200)
    assert admin.import_portal(portal["portalId"])["state"] == "Succeeded"


def test_a_portal_is_imported_once_at_a_time(admin: Admin, cloud: Control):
    portal = connected(admin, cloud, users=10)
    path = f"/portals/{portal['portalId']}/import"
    cloud.fault("latency", seconds=1.5, match="subscribedSkus", tenant=portal["tenantId"], times=1)
    first = admin.call("POST", path, status=202)["runId"]
    while admin.get(f"/runs/{first}")["state"] == "Queued":
        pass
    second = admin.call("POST", path, status=202)["runId"]
    assert second == first
    assert admin.wait_for(first)["state"] == "Succeeded"


def test_secrets_stand_nowhere_but_in_key_vault(admin: Admin, cloud: Control, stack: Stack):
    portal = connected(admin, cloud)
    admin.call("POST", f"/portals/{portal['portalId']}/test", status=200)
    admin.import_portal(portal["portalId"])
    texts = [
        admin.http.get(path).text
        for path in ("/portals", f"/portals/{portal['portalId']}", "/runs", "/openapi.json")
    ]
    texts += [path.read_text(errors="replace") for path in stack.run_dir.rglob("*.log")]
    assert all(SECRET not in text for text in texts)
    assert all("BEGIN PRIVATE KEY" not in text for text in texts)


def new_secret(value: str) -> dict[str, str]:
    """A client secret as a credential."""
    return {"kind": "clientSecret", "value": value}


def secret_names(cloud: Control, portal_id: str) -> list[str]:
    """The names of the portal's secrets that are not deleted."""
    found = cloud.call("secrets")
    return [name for name, s in found.items() if portal_id in name and not s["deleted"]]


def test_a_credential_is_renewed_though_somebody_deleted_the_old_one(admin: Admin, cloud: Control):
    portal = connected(admin, cloud)
    path = f"/portals/{portal['portalId']}"
    (lost,) = secret_names(cloud, portal["portalId"])
    cloud.call("delete-secret", name=lost)
    assert admin.call("POST", f"{path}/test", status=200)["state"] == "failed"
    admin.call("PATCH", path, {"credential": new_secret(SECRET)}, status=200)
    assert admin.call("POST", f"{path}/test", status=200)["state"] == "passed"
    (fresh,) = secret_names(cloud, portal["portalId"])
    assert fresh != lost


def test_a_saved_change_stands_though_the_old_credential_cannot_be_disabled(
    admin: Admin, cloud: Control
):
    portal = connected(admin, cloud)
    admin.import_portal(portal["portalId"])
    cloud.fault("status", status=403, match="^/secrets/", method="PATCH")
    name = f"{portal['name']} renamed"
    change = {"credential": new_secret(SECRET), "name": name}
    changed = admin.call("PATCH", f"/portals/{portal['portalId']}", change, status=200)
    assert changed["name"] == name
    products = admin.all(f"/products?portalId={portal['portalId']}")
    assert products
    assert all(product["name"].startswith(name) for product in products)


def test_a_name_that_is_taken_is_told_though_the_vault_takes_nothing_back(
    admin: Admin, cloud: Control
):
    portal = connected(admin, cloud)
    cloud.fault("status", status=403, match="^/secrets/", method="DELETE")
    body = portal_body(*new_tenant(cloud), name=portal["name"].upper())
    assert admin.call("POST", "/portals", body, status=409)["code"] == "name_taken"
    other = connected(admin, cloud)
    cloud.fault("status", status=403, match="^/secrets/", method="PATCH")
    change = {"credential": new_secret(SECRET), "name": portal["name"]}
    problem = admin.call("PATCH", f"/portals/{other['portalId']}", change, status=409)
    assert problem["code"] == "name_taken"


def test_a_changed_connection_is_untested(admin: Admin, cloud: Control):
    portal = connected(admin, cloud)
    path = f"/portals/{portal['portalId']}"
    tenant_id, client_id = new_tenant(cloud)
    for change in (
        {"credential": new_secret(SECRET)},
        {"tenantId": tenant_id, "clientId": client_id},
    ):
        assert admin.call("POST", f"{path}/test", status=200)["state"] == "passed"
        described = admin.call("PATCH", path, {"description": "kept"}, status=200)
        assert described["lastTest"]["state"] == "passed"
        changed = admin.call("PATCH", path, change, status=200)
        assert changed["lastTest"]["state"] == "never"
        assert admin.get(path)["lastTest"]["state"] == "never"


def test_a_portal_deleted_during_its_first_import_is_remembered_with_what_it_brought(
    admin: Admin, cloud: Control
):
    portal = connected(admin, cloud, users=10)
    path = f"/portals/{portal['portalId']}"
    cloud.fault("latency", seconds=1.5, match="subscribedSkus", tenant=portal["tenantId"], times=1)
    run_id = admin.call("POST", f"{path}/import", status=202)["runId"]
    while admin.get(f"/runs/{run_id}")["state"] == "Queued":
        pass
    deleted = admin.call("DELETE", path, status=200)
    assert "under way" in deleted["message"]
    assert admin.wait_for(run_id)["state"] == "Succeeded"
    admin.recalculate(portal["portalId"])
    positions = admin.positions(portal["portalId"])
    assert positions
    assert {row["reason"] for row in positions.values()} == {"portal_deleted"}
    for license_ in admin.all(f"/licenses?portalId={portal['portalId']}"):
        admin.call("DELETE", f"/licenses/{portal['portalId']}/{license_['skuId']}", status=204)
    body = {"portalIds": [portal["portalId"]]}
    admin.call("POST", "/compliance/recalculate", body, status=404)


def test_names_that_read_alike_take_a_deleted_portal_over(admin: Admin, cloud: Control):
    tenant_id, client_id = new_tenant(cloud)
    tail = tenant_id[:8]
    body = portal_body(tenant_id, client_id, name=f"Ｃontoso ２ {tail}")
    portal = admin.call("POST", "/portals", body, status=201)
    admin.import_portal(portal["portalId"])
    admin.call("DELETE", f"/portals/{portal['portalId']}", status=200)
    again = admin.call("POST", "/portals", {**body, "name": f"contoso 2 {tail}"}, status=201)
    assert again["portalId"] == portal["portalId"]
