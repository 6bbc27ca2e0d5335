"""What an admin does to take licenses back, through HTTP alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from simulator.control import IMPORT_PERMISSIONS, Control
from tests.e2e.admin import SECRET, Admin, connected

LICENSE_WRITE = "LicenseAssignment.ReadWrite.All"
SIGN_INS = "AuditLog.Read.All"
PERMISSIONS = (*IMPORT_PERMISSIONS, LICENSE_WRITE, SIGN_INS)
REPORTS = ("Reports.Read.All", "ReportSettings.Read.All")


class Reclaiming:
    """A portal of a tenant of members with a direct SPE_E3 each, which allows reclamation."""

    def __init__(
        self,
        admin: Admin,
        cloud: Control,
        *,
        permissions: Sequence[str] = PERMISSIONS,
        tasks: Sequence[str] = (),
        **spec: Any,
    ) -> None:
        self.admin = admin
        self.cloud = cloud
        self.portal = connected(admin, cloud, **{"users": 12, **spec})
        self.portal_id = self.portal["portalId"]
        self.tenant_id = self.portal["tenantId"]
        self.allow()
        self.grant(permissions)
        admin.call("PATCH", f"/portals/{self.portal_id}", {"tasks": list(tasks)}, status=200)
        truth = self.truth()
        self.users: list[str] = list(truth["users"])
        self.skus: dict[str, str] = truth["part_numbers"]

    def allow(self, allowed: bool = True) -> None:
        """Lets the portal allow reclamation, or no longer."""
        self.admin.call(
            "PATCH", f"/portals/{self.portal_id}", {"reclamationAllowed": allowed}, status=200
        )

    def grant(self, permissions: Sequence[str]) -> None:
        """Grants the application these permissions and no others."""
        self.cloud.register(
            self.tenant_id, self.portal["clientId"], secret=SECRET, permissions=permissions
        )

    def truth(self) -> Any:
        """What the tenant is."""
        return self.cloud.truth(self.tenant_id, users=True)

    def change(self, user_id: str, **values: Any) -> None:
        """Changes a user of the tenant."""
        self.cloud.call("change-user", tenant_id=self.tenant_id, user_id=user_id, values=values)

    def block(self, *user_ids: str) -> None:
        """Blocks users, and imports."""
        for user_id in user_ids:
            self.change(user_id, enabled=False)
        self.imported()

    def imported(self) -> None:
        """Imports the portal."""
        run = self.admin.import_portal(self.portal_id)
        assert run["state"] == "Succeeded", run

    def use(self, user_id: str, days_ago: int | None) -> None:
        """Lets a user use Teams so many days ago, or never; it signs in with that."""
        used = {} if days_ago is None else {"teams": days_ago}
        self.cloud.call(
            "usage", tenant_id=self.tenant_id, user_id=user_id, values={"services": used}
        )
        self.sign_in(user_id, days_ago)

    def sign_in(self, user_id: str, days_ago: float | None) -> None:
        """Lets a user sign in so many days ago and never since, or never at all."""
        moment = None
        if days_ago is not None:
            then = datetime.now(UTC) - timedelta(days=days_ago)
            moment = then.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.change(user_id, last_sign_in=moment)

    def collect(self, state: str = "Succeeded") -> None:
        """Imports the portal, and runs its usage tasks."""
        self.imported()
        run = self.admin.run("POST", f"/portals/{self.portal_id}/usage")
        assert run["state"] == state, run

    def assign(self, user_id: str, part_number: str, *disabled_plans: str) -> None:
        """Assigns a license directly."""
        self.cloud.call(
            "assign",
            tenant_id=self.tenant_id,
            user_id=user_id,
            part_number=part_number,
            disabled_plans=disabled_plans,
        )

    def fault(self, match: str, **values: Any) -> None:
        """Lets single requests of the tenant fail."""
        self.cloud.fault(values.pop("kind", "status"), match=match, tenant=self.tenant_id, **values)

    def holders(self, part_number: str = "SPE_E3") -> set[str]:
        """Who holds the license."""
        users = self.truth()["users"]
        return {u for u, user in users.items() if self.skus[part_number] in user["seats"]}

    def request(self, *part_numbers: str, **changes: Any) -> dict[str, Any]:
        """The body of a preview of blocked users' SPE_E3, or of other licenses."""
        body = {"portalId": self.portal_id, "rule": {"blocked": True}, **changes}
        if "skuIds" not in body:
            body["skuIds"] = [self.skus[part] for part in part_numbers or ("SPE_E3",)]
        return body

    def preview(self, *part_numbers: str, **changes: Any) -> str:
        """The ID of a preview that is ready."""
        body = self.request(*part_numbers, **changes)
        started = self.admin.call("POST", "/reclamations/preview", body, status=202)
        run = self.admin.wait_for(started["runId"])
        assert run["state"] == "Succeeded", run
        return str(started["previewId"])

    def execute(self, preview_id: str) -> Any:
        """The run of an execution, at its end."""
        return self.admin.run("POST", "/reclamations", {"previewId": preview_id})

    def undo(self, reclamation_id: str) -> Any:
        """The run of an undoing, at its end."""
        return self.admin.run("POST", f"/reclamations/{reclamation_id}/undo")

    def refused(self, path: str, body: Any = None) -> str:
        """The code of a conflict."""
        return str(self.admin.call("POST", path, body, status=409)["code"])

    def shown(self, reclamation_id: str) -> Any:
        """The reclamation itself."""
        return self.admin.get(f"/reclamations/{reclamation_id}?top=1")["reclamation"]

    def items(self, reclamation_id: str) -> dict[str, Any]:
        """The items by user, of a reclamation of one license."""
        rows = self.admin.all(f"/reclamations/{reclamation_id}")
        assert len({row["userId"] for row in rows}) == len(rows)
        return {row["userId"]: row for row in rows}

    def states(self, reclamation_id: str) -> dict[str, str]:
        """The state of each user's item."""
        return {user: row["state"] for user, row in self.items(reclamation_id).items()}

    def audit(self, reclamation_id: str) -> list[Any]:
        """The audit."""
        return self.admin.all(f"/reclamations/{reclamation_id}/audit")

    def audited(self, reclamation_id: str) -> Counter[tuple[str, str]]:
        """How often the audit has which action for which user."""
        return Counter((entry["userId"], entry["action"]) for entry in self.audit(reclamation_id))
