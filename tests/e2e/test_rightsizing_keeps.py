"""Right-sizing by what reports tell: nobody is to lose what it uses, or has no room for."""

from __future__ import annotations

from typing import Any

from simulator.control import IMPORT_PERMISSIONS, Control
from simulator.products import BY_PART_NUMBER
from tests.e2e.admin import SECRET, Admin, new_tenant, portal_body

E3, E1, F3 = "ENTERPRISEPACK", "STANDARDPACK", "SPE_F1"
PRICES = {E3: "6000", E1: "1000", F3: "500"}
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


def test_nobody_is_to_lose_what_the_reports_show_in_use(admin: Admin, cloud: Control):
    skus = [{"part_number": part, "enabled": 10} for part in PRICES]
    tenant_id, client_id = new_tenant(cloud, users=0, skus=skus)
    reports = ("Reports.Read.All", "ReportSettings.Read.All")
    cloud.register(tenant_id, client_id, secret=SECRET, permissions=[*IMPORT_PERMISSIONS, *reports])
    names: dict[str, str] = {}
    for name, (used, _) in PEOPLE.items():
        values = {"display_name": name, "created": "2024-01-15T09:00:00Z"}
        created = cloud.call("user", tenant_id=tenant_id, skus=[E3], values=values)
        names[created["user_id"]] = name
        cloud.call(
            "usage", tenant_id=tenant_id, user_id=created["user_id"], values={**MAIL, **used}
        )
    body = portal_body(tenant_id, client_id, tasks=["roster", "access"])
    portal_id = admin.call("POST", "/portals", body, status=201)["portalId"]
    assert admin.import_portal(portal_id)["state"] == "Succeeded"
    for part, amount in PRICES.items():
        contract = {
            "amount": amount,
            "currency": "EUR",
            "frequency": "yearly",
            "effectiveDate": "2026-01-01",
        }
        path = f"/licenses/{portal_id}/{BY_PART_NUMBER[part].sku_id}/contract"
        admin.call("PUT", path, contract, status=200)
    assert admin.run("POST", f"/portals/{portal_id}/usage")["state"] == "Succeeded"
    assert admin.recalculate(portal_id)["state"] == "Succeeded"
    rows = admin.all(f"/spend/right-sizing?portalId={portal_id}")
    parts = {BY_PART_NUMBER[part].sku_id: part for part in PRICES}
    found = {names[row["userId"]]: parts[row["cheaperSkuId"]] for row in rows}
    assert found == {name: part for name, (_, part) in PEOPLE.items() if part is not None}
