"""Reclamation is off until a portal allows it, and its permission is tested when it does."""

from __future__ import annotations

from typing import Any

from simulator.control import IMPORT_PERMISSIONS, Control
from tests.e2e.admin import SECRET, Admin, connected

LICENSE_WRITE = "LicenseAssignment.ReadWrite.All"


def steps_of(test: Any) -> dict[str, str]:
    """The state of each step by its name."""
    return {step["name"]: step["state"] for step in test["steps"]}


def test_a_portal_does_not_allow_reclamation_until_told_so(admin: Admin, cloud: Control):
    portal = connected(admin, cloud)
    assert portal["reclamationAllowed"] is False
    path = f"/portals/{portal['portalId']}"
    admin.call("PATCH", path, {"reclamationAllowed": True}, status=200)
    assert admin.get(path)["reclamationAllowed"] is True
    admin.call("PATCH", path, {"description": "Nothing else."}, status=200)
    assert admin.get(path)["reclamationAllowed"] is True


def test_the_connection_test_asks_for_the_write_permission_only_when_reclamation_is_on(
    admin: Admin, cloud: Control
):
    portal = connected(admin, cloud)
    path = f"/portals/{portal['portalId']}"
    before = admin.call("POST", f"{path}/test", status=200)
    assert before["state"] == "passed"
    assert f"permission:{LICENSE_WRITE}" not in steps_of(before)
    admin.call("PATCH", path, {"reclamationAllowed": True}, status=200)
    missing = admin.call("POST", f"{path}/test", status=200)
    assert missing["state"] == "failed"
    assert steps_of(missing)[f"permission:{LICENSE_WRITE}"] == "failed"
    assert steps_of(missing)["permission:AuditLog.Read.All"] == "warning"
    cloud.register(
        portal["tenantId"],
        portal["clientId"],
        secret=SECRET,
        permissions=[*IMPORT_PERMISSIONS, LICENSE_WRITE],
    )
    granted = admin.call("POST", f"{path}/test", status=200)
    assert granted["state"] == "passed"
    assert steps_of(granted)[f"permission:{LICENSE_WRITE}"] == "passed"
