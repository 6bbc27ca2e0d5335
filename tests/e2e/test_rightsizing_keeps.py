"""Right-sizing by what reports tell: nobody is to lose what it uses, or has no room for."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.control import IMPORT_PERMISSIONS, Control
from simulator.products import BY_PART_NUMBER
from tests.e2e.admin import SECRET, Admin, new_tenant, portal_body

E3, E1, F3 = "ENTERPRISEPACK", "STANDARDPACK", "SPE_F1"
PRICES = {E3: "6000", E1: "100", F3: "500"}
UNITS = {E3: 10, E1: 1, F3: 10}
PRICE = {"currency": "EUR", "frequency": "yearly", "effectiveDate": "2026-01-01"}
GIGABYTE = 1024**3
MAIL = {"services": {"exchange": 5, "teams": 5}, "mail_app_date": 5}
# by name, what somebody with an E3 did and stores, and what would do
PEOPLE: dict[str, tuple[dict[str, Any], str | None]] = {
    "small mailbox": ({"mail_apps": ["Outlook For Web"], "mailbox_bytes": GIGABYTE}, F3),
    "mailbox beyond F3": ({"mail_apps": ["Outlook For Web"], "mailbox_bytes": 9 * GIGABYTE}, E1),
    "mailbox beyond E1": ({"mail_apps": ["Outlook For Web"], "mailbox_bytes": 60 * GIGABYTE}, None),
    "outlook on the desktop": (
        {"mail_apps": ["Outlook For Windows"], "mailbox_bytes": GIGABYTE},
        None,
    ),
    "outlook on a mac, by the apps": (
        {"apps": ["Outlook"], "platforms": ["Mac"], "app_date": 5, "mailbox_bytes": GIGABYTE},
        None,
    ),
}


class Scene:
    """A portal of a tenant with these people and somebody blocked, its licenses priced."""

    def __init__(self, admin: Admin, cloud: Control) -> None:
        skus = [{"part_number": part, "enabled": units} for part, units in UNITS.items()]
        tenant_id, client_id = new_tenant(cloud, users=0, skus=skus)
        reports = ("Reports.Read.All", "ReportSettings.Read.All")
        cloud.register(
            tenant_id, client_id, secret=SECRET, permissions=[*IMPORT_PERMISSIONS, *reports]
        )
        self.names: dict[str, str] = {}
        for name, (used, _) in {**PEOPLE, "blocked": ({}, None)}.items():
            values = {"created": "2024-01-15T09:00:00Z", "enabled": name != "blocked"}
            user = cloud.call("user", tenant_id=tenant_id, skus=[E3], values=values)["user_id"]
            self.names[user] = name
            cloud.call("usage", tenant_id=tenant_id, user_id=user, values={**MAIL, **used})
        body = portal_body(tenant_id, client_id, tasks=["roster", "access"])
        self.portal_id = admin.call("POST", "/portals", body, status=201)["portalId"]
        assert admin.import_portal(self.portal_id)["state"] == "Succeeded"
        for part, amount in PRICES.items():
            self.put(admin, part, {**PRICE, "amount": amount})
        assert admin.run("POST", f"/portals/{self.portal_id}/usage")["state"] == "Succeeded"
        assert admin.recalculate(self.portal_id)["state"] == "Succeeded"

    def put(self, admin: Admin, part: str, contract: dict[str, Any]) -> Any:
        """Enters a contract."""
        path = f"/licenses/{self.portal_id}/{sku_id(part)}/contract"
        return admin.call("PUT", path, contract, status=200)

    def what_if(self, part: str) -> str:
        """Where the alternatives of a license are."""
        return f"/spend/what-if?portalId={self.portal_id}&skuId={sku_id(part)}"


def sku_id(part: str) -> str:
    """The ID of a SKU."""
    return BY_PART_NUMBER[part].sku_id


@pytest.fixture(scope="module")
def scene(admin: Admin, cloud: Control) -> Scene:
    """The portal, recalculated after its usage run."""
    return Scene(admin, cloud)


def test_nobody_is_to_lose_what_the_reports_show_in_use(admin: Admin, scene: Scene):
    rows = admin.all(f"/spend/right-sizing?portalId={scene.portal_id}")
    found = {scene.names[row["userId"]]: row["cheaperSkuId"] for row in rows}
    assert found == {n: sku_id(part) for n, (_, part) in PEOPLE.items() if part is not None}


def test_what_another_license_would_mean_is_told_for_each(admin: Admin, scene: Scene):
    rows = admin.all(f"{scene.what_if(E3)}&top=1")
    apps = [{"service": "microsoft_365_apps", "seats": 2}]
    shown = ("otherSkuId", "seats", "wasted", "fits", "loses", "tooSmall", "unknown", "unitsToBuy")
    assert [[row[name] for name in shown] for row in rows] == [
        [sku_id(E1), 6, 1, 2, 3, 1, 0, 1],
        [sku_id(F3), 6, 1, 1, 4, 2, 0, 0],
    ]
    assert [row["lostServices"] for row in rows] == [apps, apps]
    assert [(row["saving"], row["currency"]) for row in rows] == [
        ("1000.00", "EUR"),
        ("550.00", "EUR"),
    ]
    assert "OFFICESUBSCRIPTION" in rows[0]["lostPlans"]
    assert "TEAMS1" not in rows[0]["lostPlans"]


def test_nobody_moves_to_or_from_a_license_that_is_not_managed(admin: Admin, scene: Scene):
    try:
        run = scene.put(admin, E1, {"managed": False})["recalculationRunId"]
        assert admin.wait_for(run)["state"] == "Succeeded"
        assert [row["otherSkuId"] for row in admin.all(scene.what_if(E3))] == [sku_id(F3)]
        assert admin.all(scene.what_if(E1)) == []
    finally:
        run = scene.put(admin, E1, {**PRICE, "amount": PRICES[E1]})["recalculationRunId"]
        admin.wait_for(run)


def test_a_license_that_the_portal_does_not_have_has_no_alternatives(admin: Admin, scene: Scene):
    admin.call("GET", scene.what_if("SPE_E5"), status=404)
    problem = admin.call("GET", f"/spend/what-if?portalId={scene.portal_id}", status=400)
    assert problem["field"] == "skuId"
