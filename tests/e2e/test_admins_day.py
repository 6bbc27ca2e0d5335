"""The admin's day: connect, test, exclude, import, look, move, recalculate, monitor, delete."""

from __future__ import annotations

import base64
import uuid
from typing import Any

import pytest

from simulator.control import Control
from tests.certificates import new_certificate
from tests.e2e.admin import Admin, connected, new_tenant, portal_body

SKUS = [
    {"part_number": "SPE_E3", "enabled": 150},
    {"part_number": "POWER_BI_PRO", "enabled": 10},
    {"part_number": "VISIOCLIENT", "enabled": 60, "warning": 5},
]


def test_a_tenant_connected_by_secret_is_imported_and_its_numbers_are_the_tenants(
    admin: Admin, cloud: Control
):
    portal = connected(
        admin,
        cloud,
        users=120,
        skus=SKUS,
        licenses_per_user=2,
        guests=0.1,
        blocked=0.1,
        rooms=0.05,
        errors=0.1,
        groups=[{"name": "Sales", "skus": ["VISIOCLIENT", "SPE_E3"], "share": 0.4}],
    )
    portal_id = portal["portalId"]
    tested = admin.call("POST", f"/portals/{portal_id}/test", status=200)
    assert tested["state"] == "passed"
    assert admin.get(f"/portals/{portal_id}")["lastTest"]["testedAt"] == tested["testedAt"]

    recalculated = admin.recalculate(portal_id)
    assert recalculated["state"] == "Succeeded", recalculated
    truth = cloud.truth(portal["tenantId"], users=True)
    positions = admin.positions(portal_id)
    assert {p["skuId"]: p["consumed"] for p in positions.values()} == truth["consumed"]
    assert {p["skuId"]: p["entitled"] for p in positions.values()} == truth["entitled"]
    assert all(p["available"] == p["entitled"] - p["consumed"] for p in positions.values())
    assert positions["POWER_BI_PRO"]["status"] == "under_licensed"
    assert positions["SPE_E3"]["status"] == "over_licensed"

    contacts = {c["userId"]: c for c in admin.all(f"/contacts?portalId={portal_id}&top=50")}
    assert contacts.keys() == truth["users"].keys()
    for user_id, user in truth["users"].items():
        contact = contacts[user_id]
        assert contact["blocked"] == (not user["enabled"])
        paths = {(a["skuId"], p["groupId"]) for a in contact["assignments"] for p in a["paths"]}
        assert paths == {(sku, group) for sku, group, _, _ in user["paths"]}
    kinds = {c["kind"] for c in contacts.values()}
    assert kinds == {"member", "guest", "room"}


@pytest.mark.parametrize("form", ["pem", "encrypted_pem", "pfx"])
def test_a_tenant_connected_by_certificate_passes_its_test(admin: Admin, cloud: Control, form: str):
    tenant_id, client_id = new_tenant(cloud)
    made = new_certificate(passphrase="pass word ü")
    cloud.register(tenant_id, client_id, certificates=[made.certificate_pem])
    credential: dict[str, Any] = {"kind": "certificate", "passphrase": "pass word ü"}
    if form == "pfx":
        credential["pfx"] = base64.b64encode(made.pfx).decode()
    else:
        key = made.encrypted_key_pem if form == "encrypted_pem" else made.key_pem
        credential |= {"certificate": made.certificate_pem, "privateKey": key}
    portal = admin.call(
        "POST", "/portals", portal_body(tenant_id, client_id, credential=credential), status=201
    )
    assert portal["credential"]["kind"] == "certificate"
    assert portal["credential"]["thumbprintSha1"] == made.thumbprint_sha1
    assert portal["credential"]["expiresInDays"] > 300
    tested = admin.call("POST", f"/portals/{portal['portalId']}/test", status=200)
    assert tested["state"] == "passed", tested


def test_a_credential_near_its_end_is_shown_as_expiring(admin: Admin, cloud: Control):
    tenant_id, client_id = new_tenant(cloud)
    made = new_certificate(days=20)
    credential = {
        "kind": "certificate",
        "certificate": made.certificate_pem,
        "privateKey": made.key_pem,
    }
    body = portal_body(tenant_id, client_id, credential=credential)
    shown = admin.call("POST", "/portals", body, status=201)["credential"]
    assert shown["expiring"]
    assert shown["expiresInDays"] == 19


def test_settings_can_be_tested_and_licenses_chosen_before_anything_is_saved(
    admin: Admin, cloud: Control
):
    tenant_id, client_id = new_tenant(cloud, skus=SKUS)
    body = portal_body(tenant_id, client_id)
    before = len(admin.all("/portals"))
    tested = admin.call("POST", "/portals/test", body, status=200)
    assert tested["state"] == "passed"
    mine = admin.call("POST", "/portals/available-licenses", body, status=200)["value"]
    assert {row["partNumber"] for row in mine} == {sku["part_number"] for sku in SKUS}
    everything = admin.call(
        "POST", "/portals/available-licenses?subscribed=false", body, status=200
    )["value"]
    assert len(everything) > 40
    found = admin.call(
        "POST", "/portals/available-licenses?subscribed=false&search=visio", body, status=200
    )["value"]
    assert found
    assert all("visio" in (row["title"] + row["partNumber"]).lower() for row in found)
    assert len(admin.all("/portals")) == before


def test_products_are_named_and_filed_by_portal_and_stay_where_an_admin_moves_them(
    admin: Admin, cloud: Control
):
    portal = connected(admin, cloud, skus=SKUS)
    portal_id, name = portal["portalId"], portal["name"]
    admin.import_portal(portal_id)
    products = {p["skuId"]: p for p in admin.all(f"/products?portalId={portal_id}")}
    titles = {x["skuId"]: x["title"] for x in admin.all(f"/licenses?portalId={portal_id}")}
    assert {s: p["name"] for s, p in products.items()} == {
        s: f"{name} {title}" for s, title in titles.items()
    }
    assert {p["directory"] for p in products.values()} == {f"Microsoft 365/{name}"}

    sku_id = next(iter(products))
    path = f"/products/{portal_id}/{sku_id}"
    etag = admin.http.get(path).headers["ETag"]
    moved = admin.call("PATCH", path, {"directory": "Software / Visio"}, status=200, If_Match=etag)
    assert moved["directory"] == "Software/Visio"
    admin.call("PATCH", path, {"directory": "Elsewhere"}, status=412, If_Match=etag)
    renamed = admin.call("PATCH", f"/portals/{portal_id}", {"name": f"{name} renamed"}, status=200)
    admin.import_portal(portal_id)
    after = {p["skuId"]: p for p in admin.all(f"/products?portalId={portal_id}")}
    assert after[sku_id]["directory"] == "Software/Visio"
    assert after[sku_id]["name"] == f"{renamed['name']} {titles[sku_id]}"
    others = {p["directory"] for s, p in after.items() if s != sku_id}
    assert others == {f"Microsoft 365/{renamed['name']}"}
    tree = {node["name"]: node for node in admin.get("/directories")["value"]}
    assert [d["path"] for d in tree["Software"]["directories"]] == ["Software/Visio"]


def test_consumers_tell_how_each_got_the_license(admin: Admin, cloud: Control):
    portal = connected(
        admin,
        cloud,
        users=60,
        skus=SKUS,
        errors=0.2,
        groups=[{"name": "Everybody", "skus": ["SPE_E3"], "share": 0.5}],
    )
    portal_id = portal["portalId"]
    admin.import_portal(portal_id)
    truth = cloud.truth(portal["tenantId"], users=True)
    sku_id = truth["part_numbers"]["SPE_E3"]
    consumers = admin.all(f"/licenses/{portal_id}/{sku_id}/consumers?top=7")
    expected = {
        user_id: {(group, state) for sku, group, state, _ in user["paths"] if sku == sku_id}
        for user_id, user in truth["users"].items()
    }
    assert {c["userId"]: {(p["groupId"], p["state"]) for p in c["paths"]} for c in consumers} == {
        user_id: paths for user_id, paths in expected.items() if paths
    }
    assert {c["path"] for c in consumers} == {"direct", "both"}
    assert sum(c["consumes"] for c in consumers) == truth["consumed"][sku_id]
    assert {p["groupName"] for c in consumers for p in c["paths"] if p["groupId"]} == {"Everybody"}
    license_ = admin.get(f"/licenses/{portal_id}/{sku_id}")
    assert [g["displayName"] for g in license_["groups"]] == ["Everybody"]
    assert license_["subscriptions"][0]["term"] == "yearly"
    assert license_["subscriptions"][0]["owner"] == "direct"


def test_timers_import_and_recalculate_every_portal(admin: Admin, cloud: Control):
    portal = connected(admin, cloud, skus=SKUS)
    portal_id = portal["portalId"]
    for function, task in (
        ("ImportAllPortals", "import"),
        ("RecalculateCompliance", "recalculation"),
    ):
        admin.fire(function)
        run = _first_by_timer(admin, f"/runs?portalId={portal_id}&task={task}")
        assert admin.wait_for(run["runId"])["state"] == "Succeeded"
    positions = admin.positions(portal_id)
    assert len(positions) == len(SKUS)
    history = admin.all(
        f"/compliance/history?portalId={portal_id}&skuId={positions['SPE_E3']['skuId']}"
    )
    assert [day["consumed"] for day in history] == [positions["SPE_E3"]["consumed"]]
    admin.fire("RefreshCatalogue")
    admin.fire("ReviewPoisonQueues")


def _first_by_timer(admin: Admin, path: str) -> Any:
    for _ in range(200):
        rows = [row for row in admin.all(path) if row["trigger"] == "timer"]
        if rows:
            return rows[0]
    raise AssertionError(f"nothing at {path}")


def test_the_monitor_tells_counts_log_and_children_of_runs(admin: Admin, cloud: Control):
    portals = [connected(admin, cloud, users=10) for _ in range(2)]
    ids = [portal["portalId"] for portal in portals]
    parent = admin.run("POST", "/imports", {"portalIds": ids})
    assert parent["state"] == "Succeeded"
    assert parent["counts"] == {"portals": 2, "succeeded": 2}
    assert {child["portalId"] for child in parent["children"]} == set(ids)
    run = admin.get(f"/runs/{parent['children'][0]['runId']}")
    assert run["counts"]["contacts"] == 10
    assert run["counts"]["graph_requests"] >= 5
    assert run["log"]
    assert run["finishedAt"] >= run["startedAt"] >= run["createdAt"]
    listed = admin.all(f"/runs?portalId={ids[0]}&state=Succeeded&task=import")
    assert [r["runId"] for r in listed] == [
        c["runId"] for c in parent["children"] if c["portalId"] == ids[0]
    ]
    assert admin.all(f"/runs?portalId={ids[0]}&state=Failed") == []


def test_imported_data_is_read_only_because_the_tenant_leads(admin: Admin, cloud: Control):
    some = str(uuid.uuid4())
    for method, path in (
        ("POST", "/licenses"),
        ("PATCH", f"/licenses/{some}/{some}"),
        ("PUT", f"/contacts/{some}/{some}"),
        ("PATCH", f"/contacts/{some}/{some}"),
        ("DELETE", "/contacts"),
        ("POST", f"/licenses/{some}/{some}/consumers"),
        ("PUT", f"/products/{some}/{some}"),
    ):
        response = admin.http.request(method, path, json={})
        assert response.status_code == 405
        assert "the tenant leads" in response.json()["detail"]
        assert "GET" in response.headers["Allow"]


def test_deleting_a_portal_purges_its_credential_and_says_what_remains(
    admin: Admin, cloud: Control
):
    portal = connected(admin, cloud, skus=SKUS)
    portal_id = portal["portalId"]
    admin.import_portal(portal_id)
    names = [name for name in cloud.call("secrets") if portal_id in name]
    assert len(names) == 1
    deleted = admin.call("DELETE", f"/portals/{portal_id}", status=200)
    assert (deleted["licenses"], deleted["products"]) == (3, 3)
    assert deleted["credentialPurged"]
    assert [name for name in cloud.call("secrets") if portal_id in name] == []
    admin.call("GET", f"/portals/{portal_id}", status=404)
    assert len(admin.all(f"/licenses?portalId={portal_id}")) == 3
