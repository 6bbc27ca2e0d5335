"""Contracts, renewals and forecasts through HTTP."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from compliance.position import position
from devhost.stack import Stack
from identifiers import PortalId, SkuId
from monitor.run import new_run_id
from settings import read_settings
from simulator.control import IMPORT_PERMISSIONS, Control
from storage.compliance import PositionStore
from storage.factory import open_tables
from storage.sync_state import SyncStateStore
from storage.tables import Tables
from tests.builders import make_circumstances, make_counts, make_license
from tests.e2e.admin import SECRET, Admin, connected, new_tenant, portal_body

PRICE = {
    "amount": "1200",
    "currency": "EUR",
    "frequency": "yearly",
    "effectiveDate": "2026-01-01",
}
TODAY = datetime.now(UTC).date()


class Licenses:
    """A portal of 10 users with E3, and the SKU IDs of its licenses."""

    def __init__(self, admin: Admin, cloud: Control) -> None:
        portal = connected(
            admin,
            cloud,
            users=10,
            skus=[
                {"part_number": "SPE_E3", "enabled": 12, "next_lifecycle_days": 20},
                {"part_number": "FLOW_FREE", "enabled": 10_000, "next_lifecycle_days": None},
            ],
        )
        self.portal_id = str(portal["portalId"])
        assert admin.recalculate(self.portal_id)["state"] == "Succeeded"
        self.skus = {p: row["skuId"] for p, row in admin.positions(self.portal_id).items()}

    def path(self, part: str = "SPE_E3") -> str:
        """Where the contract of a license is."""
        return f"/licenses/{self.portal_id}/{self.skus[part]}/contract"


@pytest.fixture
def licenses(admin: Admin, cloud: Control) -> Licenses:
    """Licenses without contracts."""
    return Licenses(admin, cloud)


def put(admin: Admin, path: str, body: dict[str, Any]) -> Any:
    """Enters a contract, and waits until the figures follow it."""
    contract = admin.call("PUT", path, body, status=200)
    assert admin.wait_for(contract["recalculationRunId"])["state"] == "Succeeded"
    return contract


def test_a_contract_is_entered_shown_and_deleted(admin: Admin, licenses: Licenses):
    path = licenses.path()
    missing = admin.call("GET", path, status=404)
    assert "PUT" in missing["remedy"]
    entered = put(admin, path, {**PRICE, "endDate": "2099-12-31"})
    assert (entered["annualSpend"], entered["unitCost"]) == ("1200.00", "100.00")
    assert (entered["amount"], entered["inForce"], entered["managed"]) == ("1200", True, True)
    shown = admin.get(path)
    assert shown == {**entered, "recalculationRunId": None}
    spend = {
        row["skuPartNumber"]: row for row in admin.all(f"/spend?portalId={licenses.portal_id}")
    }
    assert spend["SPE_E3"]["annualSpend"] == "1200.00"
    assert spend["SPE_E3"]["endDate"] == "2099-12-31"
    assert spend["FLOW_FREE"]["annualSpend"] is None
    admin.call("DELETE", path, status=204)
    admin.call("DELETE", path, status=204)
    admin.call("GET", path, status=404)
    run = admin.all(f"/runs?portalId={licenses.portal_id}&task=recalculation")[0]
    admin.wait_for(run["runId"])
    assert not any(r["annualSpend"] for r in admin.all(f"/spend?portalId={licenses.portal_id}"))


def test_a_contract_that_another_admin_changed_is_not_overwritten(admin: Admin, licenses: Licenses):
    path = licenses.path()
    put(admin, path, PRICE)
    first = admin.http.get(path).headers["ETag"]
    by_one = admin.http.put(path, json={**PRICE, "amount": "1300"}, headers={"If-Match": first})
    assert by_one.status_code == 200
    late = {**PRICE, "amount": "1400"}
    problem = admin.call("PUT", path, late, status=412, If_Match=first)
    assert (problem["code"], bool(problem["remedy"])) == ("etag_mismatch", True)
    admin.call("DELETE", path, status=412, If_Match=first)
    assert admin.get(path)["amount"] == "1300"
    assert admin.http.get(path).headers["ETag"] == by_one.headers["ETag"]
    admin.call("PUT", path, late, status=200, If_Match=by_one.headers["ETag"])
    current = admin.http.get(path).headers["ETag"]
    admin.call("DELETE", path, status=204, If_Match=current)
    # somebody deleted it: a change of it is no change of nothing
    admin.call("PUT", path, late, status=412, If_Match=current)
    admin.call("GET", path, status=404)


def test_of_two_first_contracts_one_stays(admin: Admin, licenses: Licenses):
    path = licenses.path()
    admin.call("PUT", path, PRICE, status=200, If_None_Match="*")
    problem = admin.call("PUT", path, {**PRICE, "amount": "1"}, status=412, If_None_Match="*")
    assert problem["code"] == "etag_mismatch"
    assert admin.get(path)["amount"] == "1200"
    admin.call("PUT", path, {**PRICE, "amount": "2"}, status=200)
    assert admin.get(path)["amount"] == "2"


def test_a_contract_not_in_force_costs_nothing(admin: Admin, licenses: Licenses):
    future = put(admin, licenses.path(), {**PRICE, "effectiveDate": "2990-01-01"})
    assert (future["inForce"], future["annualSpend"], future["unitCost"]) == (False, None, None)
    summary = admin.get(f"/spend/summary?portalId={licenses.portal_id}")
    assert (summary["currencies"], summary["unpriced"]) == ([], 2)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": None}, "amount"),
        ({"currency": None}, "currency"),
        ({"frequency": None}, "frequency"),
        ({"effectiveDate": None}, "effectiveDate"),
        ({"amount": 1200}, "amount"),
        ({"amount": "-1"}, "amount"),
        ({"amount": "1e3"}, "amount"),
        ({"amount": "1,5"}, "amount"),
        ({"amount": "NaN"}, "amount"),
        ({"amount": "1234567890123"}, "amount"),
        ({"currency": "EURO"}, "currency"),
        ({"currency": "XXX"}, "currency"),
        ({"frequency": "daily"}, "frequency"),
        ({"frequency": "once"}, "endDate"),
        ({"endDate": "2026-01-01"}, "endDate"),
        ({"effectiveDate": "9999-12-31"}, "effectiveDate"),
        ({"effectiveDate": "2026-02-30"}, "effectiveDate"),
        ({"price": "1"}, "price"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(
    admin: Admin, licenses_once: Licenses, change: dict[str, Any], field: str
):
    problem = admin.call("PUT", licenses_once.path(), {**PRICE, **change}, status=400)
    assert problem["field"] == field
    assert problem["remedy"]
    admin.call("GET", licenses_once.path(), status=404)


@pytest.fixture(scope="module")
def licenses_once(admin: Admin, cloud: Control) -> Licenses:
    """Licenses that no test of the module changes."""
    return Licenses(admin, cloud)


def test_a_contract_needs_a_license(admin: Admin, licenses_once: Licenses):
    unknown = f"/licenses/{licenses_once.portal_id}/{uuid.uuid4()}/contract"
    for method, body in (("PUT", PRICE), ("DELETE", None), ("GET", None)):
        admin.call(method, unknown, body, status=404)
    assert admin.call("GET", "/spend/by?dimension=city", status=400)["field"] == "dimension"


@contextmanager
def importing(stack: Stack, portal_id: str) -> Iterator[None]:
    """The portal as if it were being imported; recalculations wait meanwhile."""

    async def with_lease(do: Callable[[SyncStateStore], Awaitable[Any]]) -> Any:
        tables = opened(stack)
        try:
            return await do(SyncStateStore(tables))
        finally:
            await tables.close()

    now = datetime.now(UTC)
    lease = asyncio.run(
        with_lease(
            lambda store: store.acquire_lease(
                PortalId(portal_id), owner="test", run_id=new_run_id(now), now=now, seconds=600
            )
        )
    )
    yield
    asyncio.run(with_lease(lambda store: store.release_lease(lease)))


def test_changes_share_the_run_that_still_waits(admin: Admin, licenses: Licenses, stack: Stack):
    with importing(stack, licenses.portal_id):
        runs = {
            admin.call("PUT", licenses.path(part), {**PRICE, "amount": str(number)}, status=200)[
                "recalculationRunId"
            ]
            for number in range(4)
            for part in ("SPE_E3", "FLOW_FREE")
        }
        assert len(runs) == 1
        assert all(row["stale"] for row in admin.all(f"/spend?portalId={licenses.portal_id}"))
    assert admin.wait_for(runs.pop())["state"] == "Succeeded"
    rows = admin.all(f"/spend?portalId={licenses.portal_id}")
    assert [(row["annualSpend"], row["stale"]) for row in rows] == [("3.00", False)] * 2


def test_a_clean_import_leaves_neither_price_nor_spend_of_what_is_gone(
    admin: Admin, cloud: Control
):
    skus = [{"part_number": part, "enabled": 5} for part in ("SPE_E3", "STANDARDPACK")]
    portal = connected(admin, cloud, users=2, skus=skus)
    assert admin.recalculate(portal["portalId"])["state"] == "Succeeded"
    sku_id = admin.positions(portal["portalId"])["STANDARDPACK"]["skuId"]
    path = f"/licenses/{portal['portalId']}/{sku_id}/contract"
    put(admin, path, PRICE)
    cloud.call("remove-sku", tenant_id=portal["tenantId"], part_number="STANDARDPACK")
    assert admin.import_portal(portal["portalId"], clean=True)["state"] == "Succeeded"
    spends = admin.all(f"/spend?portalId={portal['portalId']}")
    assert [row["skuPartNumber"] for row in spends] == ["SPE_E3"]
    cloud.call("sku", tenant_id=portal["tenantId"], part_number="STANDARDPACK", enabled=5)
    assert admin.import_portal(portal["portalId"])["state"] == "Succeeded"
    admin.call("GET", path, status=404)


def test_figures_counted_by_a_contract_that_was_deleted_are_stale(
    admin: Admin, licenses: Licenses, stack: Stack
):
    put(admin, licenses.path(), {"managed": False})
    spend = f"/spend?portalId={licenses.portal_id}"
    with importing(stack, licenses.portal_id):
        admin.call("DELETE", licenses.path(), status=204)
        waiting = {row["skuPartNumber"]: row for row in admin.all(spend)}
        assert (waiting["SPE_E3"]["waste"], waiting["SPE_E3"]["stale"]) == (None, True)
    run = admin.all(f"/runs?portalId={licenses.portal_id}&task=recalculation")[0]
    assert admin.wait_for(run["runId"])["state"] == "Succeeded"
    assert not any(row["stale"] for row in admin.all(spend))


def opened(stack: Stack) -> Tables:
    """The tables of the app that is running."""
    return open_tables(
        read_settings({"AzureWebJobsStorage": stack.storage_connection}), _no_identity
    )


def test_an_unmanaged_license_leaves_every_figure(admin: Admin, licenses: Licenses):
    before = admin.get("/compliance/summary")
    put(admin, licenses.path("FLOW_FREE"), {"managed": False})
    after = admin.get("/compliance/summary")
    assert before["spare"] - after["spare"] == 10_000
    assert before["entitled"] - after["entitled"] == 10_000
    assert before["licenses"] - after["licenses"] == 1
    assert after["unmanaged"] - before["unmanaged"] == 1
    (row,) = admin.all(f"/spend?portalId={licenses.portal_id}")
    assert row["skuPartNumber"] == "SPE_E3"
    put(admin, licenses.path("FLOW_FREE"), {"managed": True})
    assert admin.get("/compliance/summary") | {"calculatedAt": None} == before | {
        "calculatedAt": None
    }


def test_without_usage_reports_nobody_is_inactive(admin: Admin, licenses: Licenses):
    put(admin, licenses.path(), PRICE)
    rows = {r["skuPartNumber"]: r for r in admin.all(f"/spend?portalId={licenses.portal_id}")}
    e3 = rows["SPE_E3"]
    assert e3["unknownActivity"] == e3["consumed"] == 10
    assert e3["waste"]["inactive"]["seats"] == 0
    assert e3["waste"]["neverAssigned"] == {"seats": 2, "annual": "200.00"}
    assert admin.all(f"/spend/waste?portalId={licenses.portal_id}") == []
    assert admin.all(f"/spend/right-sizing?portalId={licenses.portal_id}") == []


def test_a_usage_run_tells_who_is_inactive_without_being_asked(admin: Admin, cloud: Control):
    skus = [{"part_number": "SPE_E3", "enabled": 2}]
    tenant_id, client_id = new_tenant(cloud, users=2, skus=skus)
    permissions = (*IMPORT_PERMISSIONS, "Reports.Read.All", "ReportSettings.Read.All")
    cloud.register(tenant_id, client_id, secret=SECRET, permissions=permissions)
    body = portal_body(tenant_id, client_id, tasks=["access"])
    portal_id = admin.call("POST", "/portals", body, status=201)["portalId"]
    gone, here = cloud.truth(tenant_id, users=True)["users"]
    for user_id, days in ((gone, 120), (here, 4)):
        used = {"services": {"exchange": days}}
        cloud.call("usage", tenant_id=tenant_id, user_id=user_id, values=used)
    assert admin.recalculate(portal_id)["state"] == "Succeeded"
    (row,) = admin.all(f"/spend?portalId={portal_id}")
    assert (row["unknownActivity"], row["waste"]["inactive"]["seats"]) == (2, 0)
    assert admin.run("POST", f"/portals/{portal_id}/usage")["state"] == "Succeeded"
    deadline = time.monotonic() + 60
    while not (seats := admin.all(f"/spend/waste?portalId={portal_id}")):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert [(seat["userId"], seat["cause"]) for seat in seats] == [(gone, "inactive")]
    # whoever changes what counts as inactive need not wait for the next recalculation
    admin.call("PATCH", f"/portals/{portal_id}", {"inactiveDays": 150}, status=200)
    while admin.all(f"/spend/waste?portalId={portal_id}"):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_renewals_are_ends_of_contracts_and_of_subscriptions(admin: Admin, licenses: Licenses):
    ends = TODAY + timedelta(days=7)
    put(admin, licenses.path("FLOW_FREE"), {**PRICE, "endDate": ends.isoformat()})
    rows = admin.all(f"/spend/renewals?portalId={licenses.portal_id}&days=30&top=1")
    assert [(row["kind"], row["skuId"]) for row in rows] == [
        ("contract_end", licenses.skus["FLOW_FREE"]),
        ("lifecycle", licenses.skus["SPE_E3"]),
    ]
    assert (rows[0]["on"], rows[0]["daysUntil"]) == (ends.isoformat(), 7)
    assert rows[0]["annualSpend"] == "1200.00"
    assert rows[1]["daysUntil"] in (19, 20)
    nearer = admin.all(f"/spend/renewals?portalId={licenses.portal_id}&days=7")
    assert [row["kind"] for row in nearer] == ["contract_end"]


def test_each_subscription_renews_by_itself_and_none_hides_another(admin: Admin, cloud: Control):
    further = [
        {"units": 3, "next_lifecycle_days": -2},
        {"units": 4, "next_lifecycle_days": 45},
        {"units": 2, "next_lifecycle_days": 45},
        {"units": 1, "next_lifecycle_days": 10, "status": "Suspended"},
    ]
    sku = {"part_number": "SPE_E3", "enabled": 20, "next_lifecycle_days": 30}
    portal = connected(admin, cloud, users=2, skus=[{**sku, "more_subscriptions": further}])
    assert admin.recalculate(portal["portalId"])["state"] == "Succeeded"
    rows = admin.all(f"/spend/renewals?portalId={portal['portalId']}&days=60")
    found = [(row["kind"], row["on"], row["units"], row["entitled"]) for row in rows]
    assert found == [
        ("lifecycle", (TODAY + timedelta(days=30)).isoformat(), 10, 20),
        ("lifecycle", (TODAY + timedelta(days=45)).isoformat(), 6, 20),
    ]


async def write_history(
    stack: Stack, portal_id: str, sku_id: str, days: int, consumed: Callable[[int], int]
) -> None:
    """Positions as they would have been recorded, the last one yesterday."""
    tables = opened(stack)
    store = PositionStore(tables)
    license_ = make_license(portal_id=PortalId(portal_id), sku_id=SkuId(sku_id), enabled_units=12)
    current = await store.get(PortalId(portal_id), SkuId(sku_id))
    for ago in range(days, 0, -1):
        counts = make_counts(consumed(ago))
        past = position(license_, counts, make_circumstances(), None)
        await store.upsert([past], day=TODAY - timedelta(days=ago))
    await store.upsert([current], day=TODAY)
    await tables.close()


def _no_identity() -> Any:
    raise AssertionError("a connection string needs no identity")


def test_a_license_is_forecast_to_run_out_from_14_recorded_days_on(
    admin: Admin, licenses: Licenses, stack: Stack
):
    sku_id = licenses.skus["SPE_E3"]
    path = f"/spend/forecast/{licenses.portal_id}/{sku_id}"
    young = admin.get(path)
    assert (young["state"], young["historyDays"]) == ("insufficient_history", 1)
    assert (young["projection"], young["runOutOn"]) == ([], None)
    # 10 today, one more every other day: the 12th in four days
    asyncio.run(
        write_history(stack, licenses.portal_id, sku_id, 20, lambda ago: 10 - (ago + 1) // 2)
    )
    found = admin.get(f"{path}?days=10")
    assert (found["state"], found["historyDays"], found["entitled"]) == ("running_out", 21, 12)
    assert found["perDay"] == pytest.approx(0.5, abs=0.01)
    run_out = datetime.fromisoformat(found["runOutOn"]).date()
    assert 3 <= (run_out - TODAY).days <= 5
    assert found["earliestOn"] < found["runOutOn"] < found["latestOn"]
    assert len(found["history"]) == 21
    assert next(day["day"] for day in found["projection"]) == TODAY.isoformat()
    assert all(day["low"] < day["expected"] < day["high"] for day in found["projection"])
    assert len(found["projection"]) == 11
    # renewals tell it too, from the next recalculation on
    put(admin, licenses.path(), PRICE)
    (renewal,) = admin.all(f"/spend/renewals?portalId={licenses.portal_id}")
    assert renewal["runOutOn"] == found["runOutOn"]
    admin.call("GET", f"/spend/forecast/{licenses.portal_id}/{uuid.uuid4()}", status=404)


def test_deleting_a_license_takes_its_contract_and_figures_along(admin: Admin, licenses: Licenses):
    put(admin, licenses.path("FLOW_FREE"), PRICE)
    sku_id = licenses.skus["FLOW_FREE"]
    admin.call(
        "PUT", f"/portals/{licenses.portal_id}/exclusions", {"exclusions": [sku_id]}, status=200
    )
    admin.call("DELETE", f"/licenses/{licenses.portal_id}/{sku_id}", status=204)
    assert [r["skuPartNumber"] for r in admin.all(f"/spend?portalId={licenses.portal_id}")] == [
        "SPE_E3"
    ]
    admin.call("GET", licenses.path("FLOW_FREE"), status=404)
