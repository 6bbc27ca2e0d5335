"""What an import brings is in every figure of the portal without anybody asking for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from simulator.control import Control
from tests.e2e.admin import Admin, connected
from tests.e2e.test_usage import Scene

APPS = "microsoft_365_apps"


def eventually(read: Callable[[], Any], wanted: Any) -> None:
    """Waits until something reads as it should."""
    deadline = time.monotonic() + 60
    while (found := read()) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def recalculations(admin: Admin, portal_id: str) -> list[tuple[str, str]]:
    """State and trigger of a portal's recalculations, the newest first."""
    runs = admin.all(f"/runs?portalId={portal_id}&task=recalculation")
    return [(run["state"], run["trigger"]) for run in runs]


def hybrid(admin: Admin, portal_id: str) -> Any:
    """The portal's hybrid position in Microsoft 365 Apps."""
    rows = admin.get(f"/usage/hybrid?portalId={portal_id}")["value"]
    return {row["family"]: row for row in rows}[APPS]


def seats(admin: Admin, portal_id: str) -> Any:
    """Consumed and wasted seats of Microsoft 365 E3."""
    rows = {row["skuPartNumber"]: row for row in admin.all(f"/spend?portalId={portal_id}")}
    if "SPE_E3" not in rows:
        return None
    spend = rows["SPE_E3"]
    return spend["consumed"], spend["waste"]["blocked"]["seats"]


def test_spend_and_hybrid_position_follow_an_import(admin: Admin, cloud: Control):
    skus = [{"part_number": "SPE_E3", "enabled": 20}]
    scene = Scene(admin, cloud, users=12, skus=skus, tasks=["roster"])
    assert scene.collect()["state"] == "Succeeded"
    portal_id = scene.portal_id
    eventually(lambda: seats(admin, portal_id), (12, 0))
    assert hybrid(admin, portal_id)["entitledNotInstalled"] == 12

    for user_id in scene.ids[:4]:
        scene.assign(user_id, "SPE_E3", assigned=False)
    scene.change(scene.ids[5], enabled=False)
    assert admin.import_portal(portal_id)["state"] == "Succeeded"
    eventually(lambda: seats(admin, portal_id), (8, 1))
    eventually(lambda: hybrid(admin, portal_id)["entitledNotInstalled"], 8)


def test_an_import_is_followed_by_one_recalculation(admin: Admin, cloud: Control):
    portal_id = connected(admin, cloud, users=3)["portalId"]
    assert admin.import_portal(portal_id)["state"] == "Succeeded"
    eventually(lambda: recalculations(admin, portal_id), [("Succeeded", "queue")])
    # one that waits for an import of its own is not followed by another
    assert admin.recalculate(portal_id)["state"] == "Succeeded"
    assert recalculations(admin, portal_id) == [("Succeeded", "manual"), ("Succeeded", "queue")]


def test_a_failed_import_is_followed_by_no_recalculation(admin: Admin, cloud: Control):
    portal = connected(admin, cloud, users=3)
    tenant_id, portal_id = portal["tenantId"], portal["portalId"]
    cloud.fault("status", match="subscribedSkus", tenant=tenant_id, status=403, times=1)
    assert admin.import_portal(portal_id)["state"] == "Failed"
    # what followed the first one would stand beside what follows this one
    assert admin.import_portal(portal_id)["state"] == "Succeeded"
    eventually(lambda: recalculations(admin, portal_id), [("Succeeded", "queue")])
