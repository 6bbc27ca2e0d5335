"""What a reclamation saves a year, and licenses that another one makes superfluous."""

from __future__ import annotations

from typing import Any

from simulator.control import Control
from tests.e2e.admin import Admin
from tests.e2e.reclaiming import Reclaiming

E5, BI = "ENTERPRISEPREMIUM", "POWER_BI_PRO"


def priced_tenant(admin: Admin, cloud: Control) -> Reclaiming:
    """Four users with Office 365 E5, of whom the first two hold Power BI Pro besides."""
    ours = Reclaiming(
        admin,
        cloud,
        users=4,
        skus=[{"part_number": E5, "enabled": 5}, {"part_number": BI, "enabled": 3}],
    )
    for user_id in ours.users[:2]:
        ours.assign(user_id, BI)
    ours.imported()
    return ours


def price(ours: Reclaiming, part_number: str, **contract: Any) -> None:
    """Enters the contract of a license."""
    path = f"/licenses/{ours.portal_id}/{ours.skus[part_number]}/contract"
    answered = ours.admin.call("PUT", path, contract, status=200)
    ours.admin.wait_for(answered["recalculationRunId"])


def yearly(amount: str, currency: str) -> dict[str, str]:
    """A contract paid once a year."""
    return {
        "amount": amount,
        "currency": currency,
        "frequency": "yearly",
        "effectiveDate": "2024-01-01",
    }


def test_the_yearly_saving_is_that_of_the_planned_items_by_currency(admin: Admin, cloud: Control):
    ours = priced_tenant(admin, cloud)
    price(ours, E5, **yearly("3000", "EUR"))
    price(ours, BI, **yearly("1000", "USD"))
    ours.block(*ours.users[:3])
    preview_id = ours.preview(skuIds=None, allLicenses=True)
    shown = ours.shown(preview_id)
    # three units of 600 EUR, and two of 333.33… USD
    assert shown["yearlySavings"] == [
        {"currency": "EUR", "amount": "1800.00"},
        {"currency": "USD", "amount": "666.67"},
    ]
    assert (shown["account"], shown["unpriced"]) == ({"planned": 5}, 0)
    assert shown["reclaimedSavings"] == []
    rows = admin.all(f"/reclamations/{preview_id}")
    assert {(r["skuPartNumber"], r["yearlySaving"], r["currency"]) for r in rows} == {
        (E5, "600.00", "EUR"),
        (BI, "333.33", "USD"),
    }
    # one of the three comes back before anything is taken
    ours.change(ours.users[0], enabled=True)
    ours.execute(preview_id)
    executed = ours.shown(preview_id)
    assert executed["yearlySavings"] == shown["yearlySavings"]
    assert executed["reclaimedSavings"] == [
        {"currency": "EUR", "amount": "1200.00"},
        {"currency": "USD", "amount": "333.33"},
    ]
    ours.undo(preview_id)
    assert ours.shown(preview_id)["reclaimedSavings"] == []


def test_licenses_without_a_price_save_an_unknown_amount(admin: Admin, cloud: Control):
    ours = priced_tenant(admin, cloud)
    price(ours, E5, **yearly("3000", "EUR"))
    ours.block(ours.users[0])
    preview_id = ours.preview(BI)
    shown = ours.shown(preview_id)
    assert (shown["yearlySavings"], shown["unpriced"]) == ([], 1)
    assert ours.items(preview_id)[ours.users[0]]["yearlySaving"] is None


def test_duplicates_are_taken_while_the_license_that_covers_them_is_there(
    admin: Admin, cloud: Control
):
    ours = priced_tenant(admin, cloud)
    first, second = ours.users[:2]
    preview_id = ours.preview(skuIds=None, allLicenses=True, rule={"duplicate": True})
    items = ours.items(preview_id)
    assert set(items) == {first, second}
    assert {(i["skuPartNumber"], i["coveredBy"]) for i in items.values()} == {(BI, ours.skus[E5])}
    cloud.call("assign", tenant_id=ours.tenant_id, user_id=second, part_number=E5, assigned=False)
    run = ours.execute(preview_id)
    assert run["state"] == "Succeeded", run
    assert ours.items(preview_id)[second]["outcome"] == "no_longer_due"
    assert ours.states(preview_id) == {first: "reclaimed", second: "skipped"}
    assert ours.holders(BI) == {second}
    assert ours.holders(E5) == set(ours.users) - {second}


def test_a_license_that_is_not_managed_makes_no_duplicates(admin: Admin, cloud: Control):
    ours = priced_tenant(admin, cloud)
    price(ours, E5, managed=False)
    preview_id = ours.preview(BI, rule={"duplicate": True})
    assert ours.items(preview_id) == {}
