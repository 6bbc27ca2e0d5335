"""Tenants whose every name tries to be a program, and what else pages need to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator.control import IMPORT_PERMISSIONS, Control
from tests.e2e.admin import SECRET, Admin, connected

# runs `hacked = 1` if any page takes it for markup
HOSTILE = "<img src=x onerror=hacked=1>"
_PERMISSIONS = (
    *IMPORT_PERMISSIONS,
    "Reports.Read.All",
    "ReportSettings.Read.All",
    "LicenseAssignment.ReadWrite.All",
    "AuditLog.Read.All",
)
_SKUS = [
    {"part_number": "SPE_E3", "enabled": 70},
    {"part_number": "POWER_BI_PRO", "enabled": 3, "next_lifecycle_days": 12},
    {"part_number": "VISIOCLIENT", "enabled": 10, "suspended": 4},
]


@dataclass(frozen=True)
class Shown:
    """What the ledger holds: a portal with hostile names, and one that cannot connect."""

    portal_id: str
    broken_portal_id: str
    sku_id: str
    user_id: str
    run_id: str
    failed_run_id: str
    reclamation_id: str

    @property
    def views(self) -> dict[str, str]:
        """The address of every view, by name."""
        portal, sku = self.portal_id, self.sku_id
        return {
            "overview": "/",
            "portals": "/portals",
            "portal": f"/portals/{portal}/general",
            "connection": f"/portals/{self.broken_portal_id}/connection",
            "exclusions": f"/portals/{portal}/exclusions",
            "wizard": "/portals/new",
            "licenses": "/licenses",
            "license": f"/licenses/{portal}/{sku}",
            "compliance": "/compliance",
            "people": "/people",
            "person": f"/people/{portal}/{self.user_id}",
            "monitor": "/monitor",
            "run": f"/monitor/{self.run_id}",
            "failed run": f"/monitor/{self.failed_run_id}",
            "usage": "/people/usage",
            "services": "/people/services",
            "premium": "/people/premium",
            "savings": "/savings",
            "wasted seats": "/savings/waste",
            "what if": f"/savings/what-if?portal={portal}&sku={sku}",
            "what if, not chosen": "/savings/what-if",
            "installations": "/savings/installations",
            "reclamations": "/savings/reclamations",
            "reclamation": f"/savings/reclamations/{self.reclamation_id}",
            "new preview": "/savings/reclamations/new",
            "unknown": "/no/such/view",
        }


def fill(admin: Admin, cloud: Control) -> Shown:
    """Connects and imports the tenants."""
    portal = connected(
        admin,
        cloud,
        name=f"{HOSTILE} Portal",
        users=60,
        active=0.5,
        blocked=0.1,
        errors=0.1,
        skus=_SKUS,
        groups=[{"name": f"{HOSTILE} Group", "skus": ["POWER_BI_PRO"], "share": 0.3}],
    )
    portal_id, tenant_id = portal["portalId"], portal["tenantId"]
    users: dict[str, Any] = cloud.truth(tenant_id, users=True)["users"]
    for user_id in users:
        names = {"display_name": HOSTILE, "department": HOSTILE, "job_title": HOSTILE}
        cloud.call("change-user", tenant_id=tenant_id, user_id=user_id, values=names)
    admin.call("POST", f"/portals/{portal_id}/test", status=200)
    run = admin.recalculate(portal_id)
    positions = admin.positions(portal_id)
    sku_id = positions["POWER_BI_PRO"]["skuId"]
    moved = {"directory": f"{HOSTILE}/Directory"}
    admin.call("PATCH", f"/products/{portal_id}/{sku_id}", moved, status=200)

    reclamation_id = _preview(admin, cloud, portal)

    broken = connected(admin, cloud, name=f"{HOSTILE} Broken", users=5)
    broken_id = broken["portalId"]
    cloud.register(broken["tenantId"], broken["clientId"], secret="another-secret-than-stored")
    admin.call("POST", f"/portals/{broken_id}/test", status=200)
    failed = admin.import_portal(broken_id)
    assert failed["state"] == "Failed", failed
    consumer = admin.get(f"/licenses/{portal_id}/{sku_id}/consumers?top=1")["value"][0]
    return Shown(
        portal_id,
        broken_id,
        sku_id,
        consumer["userId"],
        run["runId"],
        failed["runId"],
        reclamation_id,
    )


def _preview(admin: Admin, cloud: Control, portal: dict[str, Any]) -> str:
    """Reads the usage of a portal, and previews a reclamation from everybody blocked."""
    portal_id = portal["portalId"]
    cloud.register(portal["tenantId"], portal["clientId"], secret=SECRET, permissions=_PERMISSIONS)
    changes = {"tasks": ["roster", "access"], "reclamationAllowed": True}
    admin.call("PATCH", f"/portals/{portal_id}", changes, status=200)
    used = admin.run("POST", f"/portals/{portal_id}/usage")
    assert used["state"] == "Succeeded", used
    body = {"portalId": portal_id, "allLicenses": True, "rule": {"blocked": True}}
    started = admin.call("POST", "/reclamations/preview", body, status=202)
    admin.wait_for(started["runId"])
    return str(started["previewId"])
