"""The connection test, check by check and as it goes on."""

from __future__ import annotations

import concurrent.futures
import time
from typing import Any

import pytest

from simulator.control import Control
from tests.e2e.admin import Admin, connected, new_tenant, portal_body

CHECKS = ("credential", "token", "organization", "licenses", "permissions")


def checked(admin: Admin, body: Any, check: str) -> Any:
    return admin.call("POST", f"/portals/test?check={check}", body, status=200)


def test_the_checks_one_by_one_tell_what_the_whole_test_tells(admin: Admin, cloud: Control):
    tenant_id, client_id = new_tenant(cloud)
    body = portal_body(tenant_id, client_id)
    whole = admin.call("POST", "/portals/test", body, status=200)
    single = [step for check in CHECKS for step in checked(admin, body, check)["steps"]]
    assert single == whole["steps"]
    assert [step["name"] for step in checked(admin, body, "token")["steps"]] == ["token"]


@pytest.mark.parametrize("check", ["token", "organization", "permissions"])
def test_a_check_that_needs_a_refused_token_tells_of_the_token(
    admin: Admin, cloud: Control, check: str
):
    tenant_id, client_id = new_tenant(cloud)
    cloud.register(tenant_id, client_id, secret="quite-another-secret")
    test = checked(admin, portal_body(tenant_id, client_id), check)
    assert test["state"] == "failed"
    failed, *skipped = test["steps"]
    assert (failed["name"], failed["code"]) == ("token", "token_rejected")
    assert {step["state"] for step in skipped} == {"skipped"}


def test_an_unknown_check_is_refused_by_name(admin: Admin, cloud: Control):
    body = portal_body(*new_tenant(cloud))
    refused = admin.call("POST", "/portals/test?check=weather", body, status=400)
    assert refused["field"] == "check"


def test_a_portal_shows_the_checks_passed_while_its_test_goes_on(admin: Admin, cloud: Control):
    portal = connected(admin, cloud)
    path = f"/portals/{portal['portalId']}"
    cloud.fault("latency", match="subscribedSkus", tenant=portal["tenantId"], seconds=1.5)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        outcome = pool.submit(admin.call, "POST", f"{path}/test", status=200)
        seen: list[Any] = []
        while not outcome.done():
            seen.append(admin.get(path)["lastTest"])
            time.sleep(0.05)
    cloud.clear_faults()
    under_way = [test for test in seen if test["state"] == "queued"]
    assert ["credential", "token", "organization"] in [
        [step["name"] for step in test["steps"]] for test in under_way
    ]
    assert {test["testedAt"] for test in under_way} == {None}
    assert admin.get(path)["lastTest"] == outcome.result()
