"""Product cannot be synchronized: its three causes, and their cures."""

from __future__ import annotations

import time
from typing import Any

from simulator.control import Control
from tests.e2e.admin import SECRET, Admin, connected, portal_body

SKUS = [
    {"part_number": "SPE_E3", "enabled": 60},
    {"part_number": "VISIOCLIENT", "enabled": 60},
]
ORPHANED = "cannot_be_synchronized"


def imported(admin: Admin, cloud: Control) -> tuple[Any, dict[str, Any]]:
    """A portal with two licenses, imported and recalculated, and its positions."""
    portal = connected(admin, cloud, users=30, skus=SKUS, licenses_per_user=2)
    admin.recalculate(portal["portalId"])
    return portal, admin.positions(portal["portalId"])


def test_a_sku_gone_from_the_tenant_is_told_and_heals_when_it_comes_back(
    admin: Admin, cloud: Control
):
    portal, before = imported(admin, cloud)
    portal_id, tenant_id = portal["portalId"], portal["tenantId"]
    cloud.call("remove-sku", tenant_id=tenant_id, part_number="VISIOCLIENT")
    admin.recalculate(portal_id)
    gone = admin.positions(portal_id)["VISIOCLIENT"]
    assert (gone["status"], gone["reason"]) == (ORPHANED, "removed_from_tenant")
    assert "bought again" in gone["remedy"]
    assert (gone["entitled"], gone["consumed"]) == (60, before["VISIOCLIENT"]["consumed"])
    assert admin.positions(portal_id)["SPE_E3"]["status"] != ORPHANED

    cloud.call("sku", tenant_id=tenant_id, part_number="VISIOCLIENT", enabled=70)
    admin.recalculate(portal_id)
    back = admin.positions(portal_id)["VISIOCLIENT"]
    assert (back["status"], back["reason"], back["entitled"]) == ("over_licensed", None, 70)


def test_a_sku_excluded_afterwards_is_told_and_heals_when_included_again(
    admin: Admin, cloud: Control
):
    portal, before = imported(admin, cloud)
    portal_id = portal["portalId"]
    sku_id = before["VISIOCLIENT"]["skuId"]
    excluded = admin.call(
        "PUT", f"/portals/{portal_id}/exclusions", {"exclusions": [sku_id.upper()]}, status=200
    )
    assert excluded["exclusions"] == [sku_id]
    # it shows without an import and without waiting for the timer
    deadline = time.monotonic() + 20
    while admin.get(f"/compliance/{portal_id}/{sku_id}")["status"] != ORPHANED:
        assert time.monotonic() < deadline
    assert len(admin.all(f"/licenses/{portal_id}/{sku_id}/consumers")) == 30
    admin.recalculate(portal_id)
    position = admin.get(f"/compliance/{portal_id}/{sku_id}")
    assert (position["status"], position["reason"]) == (ORPHANED, "excluded_from_import")
    assert position["consumed"] == before["VISIOCLIENT"]["consumed"]
    assert admin.all(f"/licenses/{portal_id}/{sku_id}/consumers") == []
    choice = admin.get(f"/portals/{portal_id}/available-licenses")["value"]
    assert {row["skuId"]: row["excluded"] for row in choice}[sku_id]

    admin.call("PUT", f"/portals/{portal_id}/exclusions", {"exclusions": []}, status=200)
    admin.recalculate(portal_id)
    healed = admin.positions(portal_id)["VISIOCLIENT"]
    assert (healed["status"], healed["reason"]) == (before["VISIOCLIENT"]["status"], None)
    assert len(admin.all(f"/licenses/{portal_id}/{sku_id}/consumers")) == 30


def test_a_sku_excluded_from_the_start_is_never_imported(admin: Admin, cloud: Control):
    portal = connected(admin, cloud, users=10, skus=SKUS, licenses_per_user=2)
    portal_id = portal["portalId"]
    visio = cloud.truth(portal["tenantId"])["part_numbers"]["VISIOCLIENT"]
    admin.call("PUT", f"/portals/{portal_id}/exclusions", {"exclusions": [visio]}, status=200)
    admin.recalculate(portal_id)
    assert set(admin.positions(portal_id)) == {"SPE_E3"}
    contacts = admin.all(f"/contacts?portalId={portal_id}")
    assert visio not in {a["skuId"] for c in contacts for a in c["assignments"]}


def test_a_deleted_portals_licenses_are_told_at_once_and_heal_when_it_is_created_again(
    admin: Admin, cloud: Control
):
    portal, before = imported(admin, cloud)
    portal_id = portal["portalId"]
    admin.call("DELETE", f"/portals/{portal_id}", status=200)
    for position in admin.positions(portal_id).values():
        assert (position["status"], position["reason"]) == (ORPHANED, "portal_deleted")
        assert "same name" in position["remedy"]
    assert admin.recalculate(portal_id)["state"] == "Succeeded"
    assert {p["status"] for p in admin.positions(portal_id).values()} == {ORPHANED}

    again = admin.call(
        "POST",
        "/portals",
        portal_body(portal["tenantId"], portal["clientId"], name=portal["name"].upper()),
        status=201,
    )
    assert again["portalId"] == portal_id
    admin.recalculate(portal_id)
    after = admin.positions(portal_id)
    assert {k: p["status"] for k, p in after.items()} == {k: p["status"] for k, p in before.items()}


def test_a_license_is_deleted_exactly_when_it_cannot_be_synchronized(admin: Admin, cloud: Control):
    portal, before = imported(admin, cloud)
    portal_id = portal["portalId"]
    sku_id = before["VISIOCLIENT"]["skuId"]
    for kind in ("licenses", "products"):
        refused = admin.call("DELETE", f"/{kind}/{portal_id}/{sku_id}", status=409)
        assert "the tenant leads" in refused["detail"]
    cloud.call("remove-sku", tenant_id=portal["tenantId"], part_number="VISIOCLIENT")
    admin.recalculate(portal_id)
    admin.call("DELETE", f"/licenses/{portal_id}/{sku_id}", status=204)
    admin.call("GET", f"/licenses/{portal_id}/{sku_id}", status=404)
    admin.call("GET", f"/products/{portal_id}/{sku_id}", status=404)
    admin.call("GET", f"/compliance/{portal_id}/{sku_id}", status=404)
    assert set(admin.positions(portal_id)) == {"SPE_E3"}


def test_nothing_is_left_of_a_deleted_portal_after_its_last_license(admin: Admin, cloud: Control):
    portal, before = imported(admin, cloud)
    portal_id = portal["portalId"]
    admin.call("DELETE", f"/portals/{portal_id}", status=200)
    for position in before.values():
        admin.call("DELETE", f"/products/{portal_id}/{position['skuId']}", status=204)
    assert admin.all(f"/contacts?portalId={portal_id}") == []
    again = admin.call(
        "POST",
        "/portals",
        portal_body(portal["tenantId"], portal["clientId"], name=portal["name"]),
        status=201,
    )
    assert again["portalId"] != portal_id
    assert SECRET not in str(again)


def test_a_lifted_exclusion_is_healed_by_an_import_and_not_before(admin: Admin, cloud: Control):
    portal, before = imported(admin, cloud)
    portal_id, sku_id = portal["portalId"], before["VISIOCLIENT"]["skuId"]
    path = f"/portals/{portal_id}/exclusions"
    admin.call("PUT", path, {"exclusions": [sku_id]}, status=200)
    admin.recalculate(portal_id)
    admin.call("PUT", path, {"exclusions": []}, status=200)
    runs = len(admin.all(f"/runs?portalId={portal_id}&task=recalculation"))
    admin.fire("RecalculateCompliance")
    while len(listed := admin.all(f"/runs?portalId={portal_id}&task=recalculation")) == runs:
        pass
    admin.wait_for(listed[0]["runId"])
    position = admin.positions(portal_id)["VISIOCLIENT"]
    assert (position["reason"], position["consumed"]) == ("excluded_from_import", 30)
    admin.recalculate(portal_id)
    assert admin.positions(portal_id)["VISIOCLIENT"]["reason"] is None


def test_a_clean_import_accepts_that_most_skus_are_gone(admin: Admin, cloud: Control):
    portal, _ = imported(admin, cloud)
    portal_id, tenant_id = portal["portalId"], portal["tenantId"]
    cloud.call("sku", tenant_id=tenant_id, part_number="POWER_BI_PRO", enabled=5)
    admin.import_portal(portal_id)
    for part in ("SPE_E3", "VISIOCLIENT"):
        cloud.call("remove-sku", tenant_id=tenant_id, part_number=part)
    assert admin.import_portal(portal_id, clean=True)["state"] == "Succeeded"
    left = {x["skuPartNumber"] for x in admin.all(f"/licenses?portalId={portal_id}")}
    assert left == {"POWER_BI_PRO"}


def test_a_deleted_portal_that_had_no_license_leaves_no_contact(admin: Admin, cloud: Control):
    portal, before = imported(admin, cloud)
    portal_id = portal["portalId"]
    for position in before.values():
        cloud.call(
            "remove-sku", tenant_id=portal["tenantId"], part_number=position["skuPartNumber"]
        )
    cloud.call("sku", tenant_id=portal["tenantId"], part_number="POWER_BI_PRO", enabled=5)
    admin.import_portal(portal_id, clean=True)
    power = admin.all(f"/licenses?portalId={portal_id}")[0]["skuId"]
    admin.call("PUT", f"/portals/{portal_id}/exclusions", {"exclusions": [power]}, status=200)
    admin.call("DELETE", f"/licenses/{portal_id}/{power}", status=204)
    assert admin.all(f"/contacts?portalId={portal_id}")
    admin.call("DELETE", f"/portals/{portal_id}", status=200)
    assert admin.all(f"/contacts?portalId={portal_id}") == []
