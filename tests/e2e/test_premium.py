"""Entra's premium features, used beyond the licenses for them."""

from __future__ import annotations

import time
from typing import Any

from simulator.control import IMPORT_PERMISSIONS, Control
from tests.e2e.admin import SECRET, Admin, new_tenant, portal_body

PERMISSIONS = (*IMPORT_PERMISSIONS, "Reports.Read.All", "ReportSettings.Read.All")
SKUS = [{"part_number": "EMS", "enabled": 20}, {"part_number": "AAD_PREMIUM_P2", "enabled": 10}]


class Scene:
    """A portal whose task `access` is switched on, imported."""

    def __init__(self, admin: Admin, cloud: Control, **spec: Any) -> None:
        self.admin, self.cloud = admin, cloud
        self.tenant_id, client_id = new_tenant(cloud, users=3, skus=SKUS, **spec)
        cloud.register(self.tenant_id, client_id, secret=SECRET, permissions=PERMISSIONS)
        body = portal_body(self.tenant_id, client_id, tasks=["access"])
        self.portal_id = str(admin.call("POST", "/portals", body, status=201)["portalId"])
        assert admin.import_portal(self.portal_id)["state"] == "Succeeded"

    def collect(self, **users: int) -> None:
        """Runs the usage task in a tenant of so many users of the features."""
        self.cloud.call("reports", tenant_id=self.tenant_id, premium=users)
        run = self.admin.run("POST", f"/portals/{self.portal_id}/usage")
        assert run["state"] == "Succeeded", run

    def rows(self) -> list[list[Any]]:
        """Level, entitled, users, guests and users beyond, by level."""
        shown = ("level", "entitled", "users", "guests", "beyond")
        found = self.admin.all(f"/usage/premium?portalId={self.portal_id}&top=1")
        return [[row[name] for name in shown] for row in found]

    def alerts(self, expected: int) -> list[str]:
        """The titles of alerts of the portal, once there are so many, or after a while."""
        self.admin.fire("ReviewAlerts")
        deadline = time.monotonic() + 10
        while True:
            every = self.admin.all("/alerts")
            found = [a["title"] for a in every if a["portalId"] == self.portal_id]
            found = [title for title in found if title.startswith("Used beyond")]
            if len(found) == expected or time.monotonic() > deadline:
                return found
            time.sleep(0.2)


def test_premium_features_used_beyond_their_licenses_are_an_alert(admin: Admin, cloud: Control):
    scene = Scene(admin, cloud)
    scene.collect(p1=35, p1_guests=4, p2=8)
    # P2 includes P1; guests need no license
    assert scene.rows() == [["p1", 30, 35, 4, 5], ["p2", 10, 8, 0, 0]]
    (title,) = scene.alerts(1)
    assert "Microsoft Entra ID P1" in title
    cloud.fault("status", match="azureADPremiumLicenseInsight", tenant=scene.tenant_id, status=403)
    scene.collect()
    assert scene.rows() == []
    # what the tenant does not tell has not ended
    admin.fire("ReviewAlerts")
    time.sleep(1)
    assert len(scene.alerts(1)) == 1
    cloud.clear_faults()
    scene.collect(p1=30)
    assert scene.rows()[0] == ["p1", 30, 30, 4, 0]
    assert scene.alerts(0) == []


def test_a_tenant_without_premium_licenses_tells_nothing_and_its_usage_goes_on(
    admin: Admin, cloud: Control
):
    scene = Scene(admin, cloud, premium=False)
    scene.collect(p1=35)
    assert scene.rows() == []
    assert scene.alerts(0) == []
