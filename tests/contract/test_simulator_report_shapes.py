"""The simulator's reports and devices, held to the shape of Microsoft's published examples."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from simulator.control import IMPORT_PERMISSIONS, Control
from tests.contract.test_simulator_shapes import EXAMPLES, SECRET, differences, documented, merged

PERMISSIONS = (
    *IMPORT_PERMISSIONS,
    "Reports.Read.All",
    "ReportSettings.Read.All",
    "DeviceManagementManagedDevices.Read.All",
    "Device.Read.All",
)
PERIOD = "(period='D30')"

pytestmark = pytest.mark.skipif(not EXAMPLES.exists(), reason="no documented examples at hand")


@pytest.fixture
def http(cloud: Control) -> Iterator[httpx.Client]:
    """Plain HTTP to a tenant of active users with a device each, with all permissions."""
    tenant_id = cloud.create_tenant(
        users=5, active=1, seed=3, skus=[{"part_number": "Microsoft_365_Copilot", "enabled": 9}]
    )
    client_id = str(uuid.uuid4())
    cloud.register(tenant_id, client_id, secret=SECRET, permissions=PERMISSIONS)
    for user_id in cloud.truth(tenant_id, users=True)["users"]:
        cloud.call("device", tenant_id=tenant_id, name="PC", user_id=user_id, apps=[["App", "1.0"]])
        cloud.call(
            "usage", tenant_id=tenant_id, user_id=user_id, values={"copilot": {"Copilot Chat": 9}}
        )
    with httpx.Client(base_url=cloud.url) as client:
        token = client.post(
            f"/{tenant_id}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": client_id,
                "scope": f"{cloud.url}/.default",
                "client_secret": SECRET,
            },
        ).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def columns(name: str) -> list[str]:
    """The columns of a published example."""
    text = (EXAMPLES / name).read_text(encoding="utf-8-sig")
    return next(csv.reader(io.StringIO(text[text.index("Report Refresh Date") :])))


@pytest.mark.parametrize(
    ("call", "example"),
    [
        (f"getOffice365ActiveUserDetail{PERIOD}", "v1.0__reportroot-getoffice365activeuserdetail"),
        (f"getEmailActivityUserDetail{PERIOD}", "new_v1.0__reportroot-getemailactivityuserdetail"),
        (f"getEmailAppUsageUserDetail{PERIOD}", "v1.0__reportroot-getemailappusageuserdetail"),
        (f"getM365AppUserDetail{PERIOD}", "new_v1.0__reportroot-getm365appuserdetail"),
        (
            "getOffice365ActivationsUserDetail()",
            "v1.0__reportroot-getoffice365activationsuserdetail",
        ),
        (f"getMailboxUsageDetail{PERIOD}", "new_v1.0__reportroot-getmailboxusagedetail"),
    ],
)
def test_a_report_redirects_to_a_csv_with_the_documented_columns(
    http: httpx.Client, call: str, example: str
):
    answer = http.get(f"/v1.0/reports/{call}")
    assert answer.status_code == 302
    assert answer.headers["content-type"] == "text/plain"
    address = answer.headers["location"]
    assert httpx.URL(address).host != http.base_url.host
    body = httpx.get(address)
    assert body.headers["content-type"] == "application/octet-stream"
    assert body.content.startswith(b"\xef\xbb\xbf")
    header, *rows = csv.reader(io.StringIO(body.content.decode("utf-8-sig")))
    assert header == columns(f"{example}__columns.csv")
    assert rows
    assert all(len(row) == len(header) for row in rows)


def test_onedrive_comes_with_its_documented_columns(http: httpx.Client):
    address = http.get(f"/v1.0/reports/getOneDriveUsageAccountDetail{PERIOD}").headers["location"]
    header = next(csv.reader(io.StringIO(httpx.get(address).content.decode("utf-8-sig"))))
    assert header == columns("v1.0__reportroot-getonedriveusageaccountdetail__02_response_200.csv")


@pytest.mark.parametrize(
    ("name", "example"),
    [
        ("getM365AppUserDetail", "beta__reportroot-getm365appuserdetail__03_response_200.json"),
        (
            "getMicrosoft365CopilotUsageUserDetail",
            "new_beta__reportroot-getmicrosoft365copilotusageuserdetail__response_200.json",
        ),
        (
            "getOneDriveUsageAccountDetail",
            "beta__reportroot-getonedriveusageaccountdetail__03_response_200.json",
        ),
    ],
)
def test_json_of_beta_has_the_documented_properties(http: httpx.Client, name: str, example: str):
    answer = http.get(f"/beta/reports/{name}{PERIOD}?$format=application/json")
    ours = merged(answer.json()["value"])
    theirs = merged(documented(example)["value"])
    assert differences(ours, theirs) == []
    assert {key for key in theirs if key not in ours} == set()


def test_devices_and_apps_have_documented_properties(http: httpx.Client):
    managed = merged(http.get("/v1.0/deviceManagement/managedDevices").json()["value"])
    example = documented("v1.0__intune-devices-manageddevice-get__01_response_200.json")
    assert differences(managed, example["value"]) == []
    app = merged(http.get("/v1.0/deviceManagement/detectedApps").json()["value"])
    listed = documented("new_v1.0__intune-detectedapp-list__response_200.json")["value"]
    assert set(merged(listed)) - {"@odata.type"} <= set(app)
    device = merged(http.get("/v1.0/devices").json()["value"])
    assert {"accountEnabled", "deviceId", "displayName", "operatingSystemVersion"} <= set(device)


def test_periods_that_reports_do_not_know_are_refused(http: httpx.Client):
    for call in (
        "getM365AppUserDetail(period='D5')",
        "getM365AppUserDetail",
        f"getOffice365ActivationsUserDetail{PERIOD}",
        f"getNothing{PERIOD}",
    ):
        answer: Any = http.get(f"/v1.0/reports/{call}")
        assert answer.status_code == 400, call
        assert "error" in json.loads(answer.content)
