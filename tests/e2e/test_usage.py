"""Roster, access, devices and hybrid position of one tenant whose truth is worked out by hand."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulator.control import IMPORT_PERMISSIONS, Control
from tests.e2e.admin import SECRET, Admin, new_tenant, portal_body

USAGE_PERMISSIONS = (
    *IMPORT_PERMISSIONS,
    "Reports.Read.All",
    "ReportSettings.Read.All",
    "AuditLog.Read.All",
    "DeviceManagementManagedDevices.Read.All",
    "Device.Read.All",
)
TASKS = ["roster", "access", "sign_ins", "devices"]
APPS = "MICROSOFT 365 APPS FOR ENTERPRISE"
# twelve users: E3 (Microsoft 365 Apps, Exchange, …), and Visio for some
SKUS = [
    {"part_number": "SPE_E3", "enabled": 20},
    {"part_number": "VISIOCLIENT", "enabled": 5},
]


def days_ago(days: int) -> str:
    """The ISO date that many days ago."""
    return (datetime.now(UTC).date() - timedelta(days=days)).isoformat()


class Scene:
    """A tenant with usage permissions, its portal, and its users in the order of creation."""

    def __init__(self, admin: Admin, cloud: Control, **spec: Any) -> None:
        self.admin, self.cloud = admin, cloud
        permissions = spec.pop("permissions", USAGE_PERMISSIONS)
        tasks = spec.pop("tasks", TASKS)
        period = spec.pop("period", "D90")
        self.tenant_id, client_id = new_tenant(cloud, **{"users": 12, "skus": SKUS, **spec})
        cloud.register(self.tenant_id, client_id, secret=SECRET, permissions=permissions)
        body = portal_body(self.tenant_id, client_id, tasks=tasks, reportPeriod=period)
        self.portal = admin.call("POST", "/portals", body, status=201)
        self.portal_id: str = self.portal["portalId"]
        self.users: dict[str, Any] = cloud.truth(self.tenant_id, users=True)["users"]
        self.ids = list(self.users)
        for user_id in self.ids:
            self.change(user_id, last_sign_in=None)

    def change(self, user_id: str, **values: Any) -> None:
        """Changes a user."""
        self.cloud.call("change-user", tenant_id=self.tenant_id, user_id=user_id, values=values)

    def use(self, user_id: str, **values: Any) -> None:
        """Sets what a user did."""
        self.cloud.call("usage", tenant_id=self.tenant_id, user_id=user_id, values=values)

    def assign(self, user_id: str, part_number: str, *, assigned: bool = True) -> None:
        """Gives a user a license, or takes it."""
        self.cloud.call(
            "assign",
            tenant_id=self.tenant_id,
            user_id=user_id,
            part_number=part_number,
            assigned=assigned,
        )

    def device(self, name: str, user_id: str | None, *apps: str, **values: Any) -> None:
        """Gives the tenant a device with apps on it."""
        self.cloud.call(
            "device",
            tenant_id=self.tenant_id,
            name=name,
            user_id=user_id,
            apps=[[app, "16.0.1"] for app in apps],
            **values,
        )

    def collect(self) -> Any:
        """Imports, and runs the usage tasks to the end."""
        run = self.admin.import_portal(self.portal_id)
        assert run["state"] == "Succeeded", run
        return self.admin.run("POST", f"/portals/{self.portal_id}/usage")

    def rows(self, path: str) -> dict[str, Any]:
        """The rows of a list by user ID."""
        sign = "&" if "?" in path else "?"
        found = self.admin.all(f"{path}{sign}portalId={self.portal_id}&top=5")
        return {row["userId"]: row for row in found}

    def status(self) -> Any:
        """The portal's row of the usage status."""
        return self.admin.get(f"/usage/status?portalId={self.portal_id}")["value"][0]


@pytest.fixture(scope="module")
def scene(admin: Admin, cloud: Control) -> Scene:
    """The tenant, used as the comments say, and collected."""
    scene = Scene(admin, cloud)
    a, b, c, _d, e, f, g, h, i, j, k, l = scene.ids  # noqa: E741 - twelve users
    # a: active everywhere, two desktops and a phone
    scene.use(
        a,
        services=dict.fromkeys(("exchange", "onedrive", "sharepoint", "yammer", "teams"), 5),
        mail_apps=["Outlook For Windows"],
        mail_app_date=5,
        apps=["Word", "Excel"],
        platforms=["Windows", "Mobile"],
        app_date=5,
        activation_date=300,
        activations=[{"product": APPS, "date": 300, "windows": 2, "ios": 1}],
        mailbox_bytes=3 * 1024**3,
        onedrive_bytes=512 * 1024,
    )
    scene.device("PC-A1", a, "Microsoft 365 Apps for enterprise - en-us")
    scene.device("PC-A2", a, "Microsoft 365 Apps for enterprise - en-us", "7-Zip")
    # b: last active 60 days ago, apps installed but never activated
    scene.use(b, services={"exchange": 60}, apps=["Outlook"], app_date=60)
    scene.device("PC-B", b, "Microsoft 365 Apps for enterprise - de-de")
    # c: last active 120 days ago, in the apps too
    scene.use(c, services={"teams": 120}, apps=[], app_date=120)
    # d: never active, created long ago; e: never active, created a week ago
    scene.change(e, created=f"{days_ago(7)}T08:00:00Z")
    # f: no activity in the reports, but a sign-in 10 days ago
    scene.change(f, last_sign_in=f"{days_ago(10)}T08:00:00Z")
    # g: at the limit of five desktops
    scene.use(
        g,
        services={"exchange": 20},
        apps=["Word"],
        app_date=45,
        activations=[{"product": APPS, "date": 80, "windows": 3, "mac": 2}],
    )
    # h: Visio licensed and activated; i: Visio licensed, nothing installed
    scene.assign(h, "VISIOCLIENT")
    scene.use(h, activations=[{"product": "VISIO PLAN 2", "date": 50, "windows": 1}])
    scene.assign(i, "VISIOCLIENT")
    # j: Visio installed without a license
    scene.device("PC-J", j, "Microsoft Visio - en-us")
    # k: no license at all, so the reports do not list k; l: a guest who is blocked
    scene.assign(k, "SPE_E3", assigned=False)
    scene.change(l, enabled=False, user_type="Guest", synced=False)
    # devices that nobody uses, and that Intune does not know
    scene.device("Kiosk", None, "Microsoft Project - en-us")
    scene.device("Phone", None, managed=False)
    run = scene.collect()
    assert run["state"] == "Succeeded", run
    assert run["task"] == "usage"
    assert run["counts"]["report_rows_without_contact"] == 0
    return scene


def test_the_roster_tells_licenses_storage_platforms_and_activations(scene: Scene):
    row = scene.rows("/usage/roster")[scene.ids[0]]
    assert row["licenses"] == ["Microsoft 365 E3"]
    assert (row["mailboxMb"], row["oneDriveMb"]) == (3072.0, 0.5)
    assert [row[p] for p in ("windows", "mac", "mobile", "web")] == [True, False, True, False]
    assert row["activations"] == [
        {
            "product": APPS,
            "activatedOn": days_ago(300),
            "windows": 2,
            "mac": 0,
            "windowsMobile": 0,
            "ios": 1,
            "android": 0,
            "sharedComputer": False,
        }
    ]
    assert (row["lastActivity"], row["daysSinceLastActivity"]) == (days_ago(5), 5)
    assert row["refreshedOn"] == dict.fromkeys(
        ("activity", "activations", "apps", "mailbox", "oneDrive"), days_ago(3)
    )


def test_the_roster_tells_unknown_from_none(scene: Scene):
    rows = scene.rows("/usage/roster")
    assert len(rows) == 12
    unlicensed = rows[scene.ids[10]]
    assert unlicensed["licenses"] == []
    assert unlicensed["activity"] == "unknown"
    assert [unlicensed[name] for name in ("windows", "mailboxMb", "lastActivity")] == [None] * 3
    guest = rows[scene.ids[11]]
    assert (guest["guest"], guest["blocked"]) == (True, True)
    assert guest["onPremisesSync"] == "no_longer_synced"
    kinds = {row["onPremisesSync"] for row in rows.values()}
    assert kinds == {"synced", "never_synced", "no_longer_synced"}


def test_activity_is_active_inactive_or_unknown(scene: Scene):
    states = [scene.rows("/usage/roster")[user_id]["activity"] for user_id in scene.ids]
    # h to j are licensed for long and never active; l too
    assert states == [
        "active",
        "active",
        "inactive",
        "inactive",
        "active",
        "active",
        "active",
        "inactive",
        "inactive",
        "inactive",
        "unknown",
        "inactive",
    ]
    inactive = scene.rows("/usage/roster?inactive=true")
    assert set(inactive) == {scene.ids[index] for index in (2, 3, 7, 8, 9, 11)}
    assert scene.ids[10] not in scene.rows("/usage/roster?inactive=false")


def test_the_views_show_seven_and_eleven_services(scene: Scene):
    a = scene.ids[0]
    seven = scene.rows("/usage/access?view=7")[a]
    assert seven["used"] == ["exchange", "onedrive", "sharepoint", "yammer", "teams", "outlook"]
    assert seven["notUsed"] == ["skype_for_business"]
    assert (seven["unknown"], seven["withoutSource"]) == ([], [])
    assert seven["lastActivity"]["microsoft365Apps"] is None
    eleven = scene.rows("/usage/access?view=11")[a]
    assert eleven["used"] == [*seven["used"], "microsoft_365_apps"]
    assert eleven["withoutSource"] == ["project", "visio", "power_bi"]
    assert eleven["lastActivity"]["microsoft365Apps"] == days_ago(5)
    assert eleven["lastActivity"]["skypeForBusiness"] is None
    assert (eleven["period"], eleven["refreshedOn"]) == ("D90", days_ago(3))


def test_access_outside_the_period_counts_as_not_used_and_keeps_its_date(scene: Scene):
    row = scene.rows("/usage/access")[scene.ids[2]]
    assert row["lastActivity"]["teams"] == days_ago(120)
    assert "teams" in row["notUsed"]
    assert row["activity"] == "inactive"


def test_the_last_sign_in_makes_a_contact_active(scene: Scene):
    row = scene.rows("/usage/access")[scene.ids[5]]
    assert row["lastSignIn"] == days_ago(10)
    assert (row["activity"], row["daysSinceLastActivity"]) == ("active", 10)
    assert row["used"] == []


def test_whom_the_reports_do_not_list_is_unknown_to_every_service(scene: Scene):
    row = scene.rows("/usage/access?view=7")[scene.ids[10]]
    assert row["used"] == row["notUsed"] == []
    assert len(row["unknown"]) == 7


def test_a_license_tells_which_of_its_services_its_holders_use(scene: Scene):
    e3 = "05e9a617-0261-4cee-bb44-138d3ef5d965"
    use = scene.admin.get(f"/usage/licenses/{scene.portal_id}/{e3}")
    assert use["holders"] == 11
    by_service = {s["service"]: (s["used"], s["notUsed"], s["unknown"]) for s in use["services"]}
    assert by_service == {
        "exchange": (3, 8, 0),  # a, b, g
        "onedrive": (1, 10, 0),
        "sharepoint": (1, 10, 0),
        "skype_for_business": (0, 11, 0),
        "yammer": (1, 10, 0),
        "teams": (1, 10, 0),  # c's use is too long ago
        "outlook": (1, 10, 0),
        "microsoft_365_apps": (2, 9, 0),  # a, g
    }
    assert scene.rows(f"/usage/access?skuId={e3}").keys() == set(scene.ids) - {scene.ids[10]}


def test_the_use_of_a_service_without_a_source_is_unknown(scene: Scene):
    visio = "c5928f49-12ba-48f7-ada3-0d743a3601d5"
    use = scene.admin.get(f"/usage/licenses/{scene.portal_id}/{visio}")
    found = {s["service"]: s for s in use["services"]}["visio"]
    assert (found["reported"], found["unknown"], found["notUsed"]) == (False, 2, 0)


def test_devices_come_with_users_and_installed_families(scene: Scene):
    rows = scene.admin.all(f"/usage/devices?portalId={scene.portal_id}&top=2")
    devices = {row["name"]: row for row in rows}
    assert set(devices) == {"PC-A1", "PC-A2", "PC-B", "PC-J", "Kiosk", "Phone"}
    assert devices["PC-A2"]["userId"] == scene.ids[0]
    assert devices["PC-A2"]["installed"] == [
        {
            "family": "microsoft_365_apps",
            "name": "Microsoft 365 Apps for enterprise - en-us",
            "version": "16.0.1",
        }
    ]
    assert (devices["Phone"]["managed"], devices["Phone"]["joined"]) == (False, True)
    with_visio = scene.admin.all(f"/usage/devices?portalId={scene.portal_id}&installed=visio")
    assert [row["name"] for row in with_visio] == ["PC-J"]


def test_the_hybrid_position_sets_licenses_beside_installations(scene: Scene):
    rows = scene.admin.get(f"/usage/hybrid?portalId={scene.portal_id}")["value"]
    families = {row.pop("family"): row for row in rows}
    apps = families["microsoft_365_apps"]
    figures = (
        "entitledActivated",
        "entitledInstalled",
        "entitledNotInstalled",
        "installedNotEntitled",
        "unknown",
        "atDeviceLimit",
        "devices",
    )
    # eleven hold E3: a and g activated, b installed only
    assert [apps[name] for name in figures] == [2, 1, 8, 0, 0, 1, 3]
    # a used within 30 days, g within 90, c and the rest longer ago or never; b only Outlook
    assert apps["categories"] == {"used": 1, "rarelyUsed": 1, "unused": 9, "unreported": 0}
    visio = families["visio"]
    assert [visio[name] for name in figures] == [1, 0, 1, 1, 0, 0, 1]
    assert visio["categories"] == {"used": 0, "rarelyUsed": 0, "unused": 0, "unreported": 3}
    assert [families["project"][name] for name in figures] == [0] * 7


def test_hybrid_positions_name_their_contacts_and_devices(scene: Scene):
    without = scene.rows("/usage/hybrid/contacts?position=installed_not_entitled")
    assert list(without) == [scene.ids[9]]
    assert [device["name"] for device in without[scene.ids[9]]["devices"]] == ["PC-J"]
    g = scene.rows("/usage/hybrid/contacts?family=microsoft_365_apps")[scene.ids[6]]
    assert (g["desktopActivations"], g["deviceLimit"], g["atDeviceLimit"]) == (5, 5, True)
    a = scene.rows("/usage/hybrid/contacts?family=microsoft_365_apps")[scene.ids[0]]
    assert (a["desktopActivations"], a["mobileActivations"], len(a["devices"])) == (2, 1, 2)


def test_no_page_of_hybrid_lists_is_longer_than_asked_for(scene: Scene):
    for path, count in (("/usage/hybrid", 3), ("/usage/hybrid/contacts", 14)):
        rows: list[Any] = []
        continuation = None
        while True:
            more = f"&continuation={continuation}" if continuation else ""
            page = scene.admin.get(f"{path}?portalId={scene.portal_id}&top=2{more}")
            assert len(page["value"]) <= 2
            rows += page["value"]
            continuation = page["continuation"]
            if continuation is None:
                break
        assert len(rows) == count


def test_the_status_says_which_task_can_tell_what(scene: Scene):
    status = scene.status()
    assert [task["state"] for task in status["tasks"]] == ["available"] * 4
    assert {report["refreshedOn"] for report in status["reports"]} == {days_ago(3)}
    assert len(status["reports"]) == 7
    assert status["namesConcealed"] is False


def test_a_missing_permission_makes_its_task_unavailable_and_the_rest_goes_on(
    admin: Admin, cloud: Control
):
    scene = Scene(
        admin,
        cloud,
        permissions=[p for p in USAGE_PERMISSIONS if p != "Reports.Read.All"],
        tasks=["roster", "access", "sign_ins"],
    )
    scene.change(scene.ids[0], last_sign_in=f"{days_ago(200)}T08:00:00Z")
    run = scene.collect()
    assert run["state"] == "PartiallySucceeded"
    assert run["error"]["code"] == "usage_task_unavailable"
    assert "Reports.Read.All" in run["error"]["message"]
    tasks = {task["task"]: task for task in scene.status()["tasks"]}
    assert tasks["roster"] == {
        "task": "roster",
        "state": "unavailable",
        "permission": "Reports.Read.All",
        "lacks": "Reports.Read.All",
    }
    assert (tasks["sign_ins"]["state"], tasks["devices"]["state"]) == ("available", "off")
    rows = scene.rows("/usage/access")
    assert rows[scene.ids[0]]["activity"] == "inactive"
    assert {rows[user_id]["activity"] for user_id in scene.ids[1:]} == {"unknown"}


def test_a_tenant_without_premium_has_no_sign_ins_and_nobody_is_inactive_for_it(
    admin: Admin, cloud: Control
):
    scene = Scene(admin, cloud, premium=False, tasks=["sign_ins"])
    run = scene.collect()
    assert run["state"] == "PartiallySucceeded"
    assert scene.status()["tasks"][2]["lacks"] == "Microsoft Entra ID P1"
    assert {row["activity"] for row in scene.rows("/usage/roster").values()} == {"unknown"}


def test_what_the_tenant_or_its_cloud_does_not_have_leaves_the_rest(admin: Admin, cloud: Control):
    scene = Scene(admin, cloud, intune=False, users=3)
    scene.change(scene.ids[0], last_sign_in=f"{days_ago(3)}T08:00:00Z")
    cloud.fault("status", status=404, match="/v1.0/reports/", tenant=scene.tenant_id)
    run = scene.collect()
    assert (run["state"], run["error"]["code"]) == ("PartiallySucceeded", "usage_task_unavailable")
    tasks = {task["task"]: (task["state"], task["lacks"]) for task in scene.status()["tasks"]}
    reports = "Microsoft 365 usage reports in this cloud"
    assert tasks == {
        "roster": ("unavailable", reports),
        "access": ("unavailable", reports),
        "sign_ins": ("available", None),
        "devices": ("unavailable", "Microsoft Intune"),
    }
    assert scene.rows("/usage/access")[scene.ids[0]]["activity"] == "active"


def test_concealed_names_are_told_and_never_stored(admin: Admin, cloud: Control):
    permissions = [p for p in USAGE_PERMISSIONS if p != "ReportSettings.Read.All"]
    scene = Scene(admin, cloud, permissions=permissions, tasks=["roster", "access"])
    scene.use(scene.ids[0], services={"exchange": 5}, mailbox_bytes=10**9)
    cloud.call("reports", tenant_id=scene.tenant_id, concealed=True)
    run = scene.collect()
    assert run["state"] == "PartiallySucceeded"
    assert run["error"]["code"] == "report_names_concealed"
    assert "Org settings, Reports" in run["error"]["remedy"]
    status = scene.status()
    assert status["namesConcealed"] is True
    assert [task["state"] for task in status["tasks"][:2]] == ["concealed", "concealed"]
    assert status["reports"] == []
    rows = scene.rows("/usage/roster")
    assert len(rows) == 12
    assert {row["activity"] for row in rows.values()} == {"unknown"}
    assert {row["mailboxMb"] for row in rows.values()} == {None}
    # and they heal as soon as the tenant shows the names
    cloud.call("reports", tenant_id=scene.tenant_id, concealed=False)
    assert admin.run("POST", f"/portals/{scene.portal_id}/usage")["state"] == "Succeeded"
    assert scene.rows("/usage/roster")[scene.ids[0]]["activity"] == "active"


def test_a_run_that_fails_leaves_what_was_known(admin: Admin, cloud: Control):
    scene = Scene(admin, cloud, tasks=["access"])
    scene.use(scene.ids[0], services={"exchange": 5})
    assert scene.collect()["state"] == "Succeeded"
    cloud.fault("truncated", match="/data/download", after=2)
    run = admin.run("POST", f"/portals/{scene.portal_id}/usage")
    assert (run["state"], run["error"]["code"]) == ("Failed", "graph_unreachable")
    assert scene.rows("/usage/access")[scene.ids[0]]["activity"] == "active"
    assert scene.status()["tasks"][1]["state"] == "available"


def test_reports_of_a_short_period_prove_no_inactivity_of_ninety_days(admin: Admin, cloud: Control):
    scene = Scene(admin, cloud, tasks=["access"], period="D30", users=3)
    assert scene.collect()["state"] == "Succeeded"
    assert {row["activity"] for row in scene.rows("/usage/roster").values()} == {"unknown"}
    admin.call("PATCH", f"/portals/{scene.portal_id}", {"inactiveDays": 30}, status=200)
    assert {row["activity"] for row in scene.rows("/usage/roster").values()} == {"inactive"}


def test_usage_needs_a_task_and_an_import(admin: Admin, cloud: Control):
    scene = Scene(admin, cloud, tasks=[], users=2)
    path = f"/portals/{scene.portal_id}/usage"
    assert admin.call("POST", path, status=409)["code"] == "no_usage_task"
    admin.call("PATCH", f"/portals/{scene.portal_id}", {"tasks": ["access"]}, status=200)
    assert admin.call("POST", path, status=409)["code"] == "not_imported"
    assert {task["state"] for task in scene.status()["tasks"]} == {"off", "not_run"}
    assert admin.get(f"/usage/hybrid?portalId={scene.portal_id}")["value"] == []


def test_the_connection_test_names_what_the_tasks_need(admin: Admin, cloud: Control):
    scene = Scene(admin, cloud, permissions=IMPORT_PERMISSIONS, users=2)
    test = admin.call("POST", f"/portals/{scene.portal_id}/test", status=200)
    warned = {step["name"] for step in test["steps"] if step["state"] == "warning"}
    assert warned == {
        "permission:Reports.Read.All",
        "permission:ReportSettings.Read.All",
        "permission:AuditLog.Read.All",
        "permission:DeviceManagementManagedDevices.Read.All",
        "permission:Device.Read.All",
    }
    assert test["state"] == "passed"


def test_the_timer_collects_every_portal_with_a_task(admin: Admin, cloud: Control):
    scene = Scene(admin, cloud, tasks=["access"], users=2)
    admin.import_portal(scene.portal_id)
    admin.fire("CollectAllUsage")
    deadline = time.monotonic() + 30
    while not (runs := admin.get(f"/runs?task=usage&portalId={scene.portal_id}")["value"]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert admin.wait_for(runs[0]["runId"])["trigger"] == "timer"
    assert scene.status()["tasks"][1]["state"] == "available"


@pytest.mark.parametrize(
    ("name", "keys", "count"),
    [
        ("roster", ("portalId", "userId"), 12),
        ("access", ("portalId", "userId"), 12),
        ("devices", ("portalId", "deviceId"), 6),
        ("hybrid", ("portalId", "family"), 3),
        ("hybridContacts", ("portalId", "userId", "family"), 14),
    ],
)
def test_the_feed_has_usage_with_keys_that_tell_rows_apart(
    scene: Scene, name: str, keys: tuple[str, ...], count: int
):
    answer = scene.admin.http.get(
        f"/odata/{name}", params={"$filter": f"portalId eq '{scene.portal_id}'", "$top": "1000"}
    )
    assert answer.status_code == 200, answer.text
    rows = answer.json()["value"]
    assert len({tuple(row[key] for key in keys) for row in rows}) == len(rows) == count


def test_the_roster_is_a_table_for_spreadsheets_too(scene: Scene):
    answer = scene.admin.http.get(f"/usage/roster?portalId={scene.portal_id}&format=csv")
    assert answer.status_code == 200
    header, *lines = answer.text.lstrip("\ufeff").splitlines()
    assert "Mailbox MB" in header
    assert len(lines) == 12
