"""Usage reports, sign-ins and devices as Graph gives them, read through the real SDK."""

from __future__ import annotations

import io
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from errors import GraphError, GraphUnreachable, PermissionMissing
from graph.client import GraphClient, GraphFactory
from graph.devices import (
    detected_app_pages,
    directory_device_pages,
    managed_device_pages,
    pages_of_devices_with,
)
from graph.paging import items
from graph.refusals import lacked_by
from graph.reports import copilot_rows, download_report, names_concealed, read_rows
from graph.sign_ins import sign_in_pages
from identifiers import ClientId, TenantId, UserId
from portals.certificates import ClientSecretMaterial
from settings import Settings
from simulator.control import IMPORT_PERMISSIONS, Control
from usage.model import (
    ACTIVATIONS,
    ACTIVE_USERS,
    APP_USAGE,
    EMAIL_ACTIVITY,
    EMAIL_APPS,
    MAILBOX_USAGE,
    ONEDRIVE_USAGE,
    Activation,
)

SECRET = "Q~secret-value-that-must-not-leak-0123456789"
USAGE_PERMISSIONS = (
    *IMPORT_PERMISSIONS,
    "Reports.Read.All",
    "ReportSettings.Read.All",
    "AuditLog.Read.All",
    "DeviceManagementManagedDevices.Read.All",
    "Device.Read.All",
)
ALL_REPORTS = (
    ACTIVE_USERS,
    EMAIL_ACTIVITY,
    EMAIL_APPS,
    APP_USAGE,
    ACTIVATIONS,
    ONEDRIVE_USAGE,
    MAILBOX_USAGE,
)


def days_ago(days: int) -> str:
    """The ISO date that many days ago."""
    return (datetime.now(UTC).date() - timedelta(days=days)).isoformat()


class Connected:
    """A tenant of the simulator, and a client that reads it."""

    def __init__(self, cloud: Control, settings: Settings, **spec: Any) -> None:
        permissions = spec.pop("permissions", USAGE_PERMISSIONS)
        self.cloud = cloud
        self.tenant_id = cloud.create_tenant(**{"users": 3, "seed": 5, **spec})
        client_id = str(uuid.uuid4())
        cloud.register(self.tenant_id, client_id, secret=SECRET, permissions=permissions)
        self.users: dict[str, Any] = cloud.truth(self.tenant_id, users=True)["users"]
        self.user_ids = list(self.users)
        self.graph = GraphFactory(settings)(
            settings.cloud("Simulated"),
            TenantId(self.tenant_id),
            ClientId(client_id),
            ClientSecretMaterial(SECRET),
        )

    def use(self, index: int, **values: Any) -> str:
        """Sets what a user did; returns its name as reports join it."""
        user_id = self.user_ids[index]
        self.cloud.call("usage", tenant_id=self.tenant_id, user_id=user_id, values=values)
        return str(self.users[user_id]["upn"]).casefold()


@pytest.fixture
async def tenant(cloud: Control, settings: Settings) -> AsyncIterator[Connected]:
    """A tenant with every permission that usage needs."""
    connected = Connected(cloud, settings)
    async with connected.graph:
        yield connected


async def rows_of(graph: GraphClient, report: str) -> dict[str, Any]:
    """The rows of a report by principal."""
    file = io.BytesIO()
    await download_report(graph, report, "D30", file)
    return {row.principal: row for row in read_rows(report, file)}


async def test_active_users_tell_the_last_activity_of_six_services(tenant: Connected):
    name = tenant.use(0, services={"exchange": 5, "skype_for_business": 40, "teams": 9})
    rows = await rows_of(tenant.graph, ACTIVE_USERS)
    assert len(rows) == 3
    assert rows[name].usage.last_activity == {
        "exchange": days_ago(5),
        "skype_for_business": days_ago(40),
        "teams": days_ago(9),
    }
    assert rows[name].refreshed_on == days_ago(3)
    silent = next(row for principal, row in rows.items() if principal != name)
    assert silent.usage.last_activity == {}
    assert silent.usage.reported == (ACTIVE_USERS,)


async def test_the_roster_reports_tell_activations_platforms_and_storage(tenant: Connected):
    name = tenant.use(
        1,
        apps=["Word"],
        platforms=["Windows", "Web"],
        app_date=6,
        activation_date=200,
        activations=[
            {"product": "MICROSOFT 365 APPS FOR ENTERPRISE", "date": 200, "windows": 2, "ios": 1},
            {"product": "VISIO PLAN 2", "date": 100, "windows": 1, "shared": True},
        ],
        mailbox_bytes=5_000_000_000,
        onedrive_bytes=12_345,
    )
    apps = (await rows_of(tenant.graph, APP_USAGE))[name].usage
    assert apps.platforms == ("windows", "web")
    assert apps.last_activity == {"microsoft_365_apps": days_ago(6)}
    assert apps.last_activation == days_ago(200)
    assert (await rows_of(tenant.graph, MAILBOX_USAGE))[name].usage.mailbox_bytes == 5_000_000_000
    assert (await rows_of(tenant.graph, ONEDRIVE_USAGE))[name].usage.onedrive_bytes == 12_345
    file = io.BytesIO()
    await download_report(tenant.graph, ACTIVATIONS, "D30", file)
    found = [row.usage.activations for row in read_rows(ACTIVATIONS, file)]
    assert found == [
        (Activation("MICROSOFT 365 APPS FOR ENTERPRISE", days_ago(200), 2, 0, 0, 1),),
        (Activation("VISIO PLAN 2", days_ago(100), 1, shared_computer=True),),
    ]


async def test_outlook_counts_only_where_outlook_was_used(tenant: Connected):
    outlook = tenant.use(0, mail_apps=["Outlook For Mobile"], mail_app_date=4)
    other = tenant.use(1, mail_apps=["IMAP4 App"], mail_app_date=4)
    rows = await rows_of(tenant.graph, EMAIL_APPS)
    assert rows[outlook].usage.last_activity == {"outlook": days_ago(4)}
    assert rows[other].usage.last_activity == {}
    teams_only = tenant.use(0, apps=["Teams", "Outlook"], app_date=4)
    assert (await rows_of(tenant.graph, APP_USAGE))[teams_only].usage.last_activity == {}


async def test_columns_in_another_order_are_found_by_their_names(tenant: Connected):
    name = tenant.use(2, services={"yammer": 12}, mailbox_bytes=77)
    tenant.cloud.call("reports", tenant_id=tenant.tenant_id, shuffled_columns=True)
    rows = await rows_of(tenant.graph, ACTIVE_USERS)
    assert rows[name].usage.last_activity == {"yammer": days_ago(12)}
    assert (await rows_of(tenant.graph, MAILBOX_USAGE))[name].usage.mailbox_bytes == 77


@pytest.mark.parametrize("report", ALL_REPORTS)
async def test_a_report_without_rows_is_empty_and_no_error(
    report: str, cloud: Control, settings: Settings
):
    connected = Connected(cloud, settings, users=0)
    async with connected.graph:
        assert await rows_of(connected.graph, report) == {}


async def test_concealed_names_are_told_from_names(tenant: Connected):
    assert await names_concealed(tenant.graph) is False
    tenant.cloud.call("reports", tenant_id=tenant.tenant_id, concealed=True)
    assert await names_concealed(tenant.graph) is True
    rows = await rows_of(tenant.graph, ACTIVE_USERS)
    assert len(rows) == 3
    assert all(row.concealed for row in rows.values())


async def test_the_access_token_stays_with_graph(tenant: Connected):
    # the simulator's download service answers 400 to a bearer token
    tenant.cloud.call("reset-counters")
    await rows_of(tenant.graph, ACTIVE_USERS)
    counters = tenant.cloud.counters()
    downloads = {path: n for path, n in counters.items() if "/data/download" in path}
    assert downloads
    assert all(path.endswith(" 200") for path in downloads), downloads


async def test_a_download_that_breaks_off_is_fetched_again_in_full(tenant: Connected):
    tenant.use(0, services={"exchange": 5})
    tenant.cloud.fault("truncated", match="/data/download", times=1)
    assert len(await rows_of(tenant.graph, ACTIVE_USERS)) == 3
    tenant.cloud.fault("status", status=403, match="/data/download", times=1)
    assert len(await rows_of(tenant.graph, ACTIVE_USERS)) == 3


async def test_a_download_that_breaks_off_every_time_is_an_error_and_no_half_report(
    tenant: Connected,
):
    tenant.cloud.fault("truncated", match="/data/download")
    with pytest.raises(GraphUnreachable):
        await rows_of(tenant.graph, ACTIVE_USERS)


async def test_a_page_in_the_reports_place_is_an_error(tenant: Connected):
    tenant.cloud.fault("html_200", match="/data/download")
    with pytest.raises(GraphError) as raised:
        await rows_of(tenant.graph, ACTIVE_USERS)
    assert raised.value.code == "graph_success_unreadable"


async def test_a_missing_permission_is_named(cloud: Control, settings: Settings):
    connected = Connected(cloud, settings, permissions=IMPORT_PERMISSIONS)
    async with connected.graph as graph:
        with pytest.raises(PermissionMissing) as reports:
            await rows_of(graph, ACTIVE_USERS)
        assert reports.value.permission == "Reports.Read.All"
        with pytest.raises(PermissionMissing) as sign_ins:
            await items(sign_in_pages(graph))
        assert sign_ins.value.permission == "AuditLog.Read.All"
        with pytest.raises(PermissionMissing) as devices:
            await items(managed_device_pages(graph))
        assert devices.value.permission == "DeviceManagementManagedDevices.Read.All"


async def test_copilot_is_read_from_pages_of_json(cloud: Control, settings: Settings):
    connected = Connected(
        cloud,
        settings,
        users=450,
        skus=[{"part_number": "Microsoft_365_Copilot", "enabled": 500}],
    )
    name = connected.use(444, copilot={"Word Copilot": 9, "Copilot Chat": 20})
    async with connected.graph as graph:
        rows = [row async for page in copilot_rows(graph, "D90") for row in page]
    assert len(rows) == 450
    assert {row.principal: row.usage.last_activity for row in rows}[name] == {
        "copilot": days_ago(9)
    }


async def test_sign_ins_are_read_to_the_end_and_tell_the_last_day(
    cloud: Control, settings: Settings
):
    connected = Connected(cloud, settings, users=1201)
    once, never = connected.user_ids[:2]
    for user_id, moment in ((once, "2026-02-03T04:05:06Z"), (never, None)):
        cloud.call(
            "change-user",
            tenant_id=connected.tenant_id,
            user_id=user_id,
            values={"last_sign_in": moment},
        )
    async with connected.graph as graph:
        found = {user.id: user.last_day() for user in await items(sign_in_pages(graph))}
    assert len(found) == 1201
    assert found[UserId(once)] == "2026-02-03"
    assert found[UserId(never)] is None


async def test_a_tenant_without_premium_lacks_the_license(cloud: Control, settings: Settings):
    connected = Connected(cloud, settings, premium=False)
    async with connected.graph as graph:
        with pytest.raises(GraphError) as raised:
            await items(sign_in_pages(graph))
    assert lacked_by(raised.value, "sign_ins") == "Microsoft Entra ID P1"


async def test_devices_come_with_their_users_and_what_is_installed(tenant: Connected):
    for index in range(2):
        tenant.cloud.call(
            "device",
            tenant_id=tenant.tenant_id,
            name=f"PC-{index}",
            user_id=tenant.user_ids[index],
            apps=[["Microsoft Visio - en-us", "16.0"], ["7-Zip", "23.01"]][: index + 1],
        )
    tenant.cloud.call(
        "device", tenant_id=tenant.tenant_id, name="Kiosk", managed=False, joined=True
    )
    managed = await items(managed_device_pages(tenant.graph))
    assert {(d.device_name, d.user) for d in managed} == {
        ("PC-0", tenant.user_ids[0]),
        ("PC-1", tenant.user_ids[1]),
    }
    directory = await items(directory_device_pages(tenant.graph))
    assert {d.display_name for d in directory} == {"PC-0", "PC-1", "Kiosk"}
    assert {d.key for d in managed} < {d.key for d in directory}
    apps = {app.display_name: app for app in await items(detected_app_pages(tenant.graph))}
    with_visio = await items(
        pages_of_devices_with(tenant.graph, apps["Microsoft Visio - en-us"].id)
    )
    assert {device.key for device in with_visio} == {device.key for device in managed}
