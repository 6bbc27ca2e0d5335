"""Persons in the browser: erased on demand, and back by name once an erasure is lifted."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.console_tab import Console
from tests.browser.tenants import Shown
from tests.e2e.admin import Admin

pytestmark = pytest.mark.timeout(400)


async def test_a_person_is_erased_on_demand(
    console: Console, page: Page, shown: Shown, admin: Admin
):
    holders = f"/licenses/{shown.portal_id}/{shown.sku_id}/consumers"
    consumers = admin.all(holders)
    user_id = consumers[-1]["userId"]
    await console.open(f"/people/{shown.portal_id}/{user_id}")
    await console.button("Erase person").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text(user_id)
    await dialog.get_by_role("button", name="Erase").click()
    await expect(page.get_by_text("The person was erased.")).to_be_visible()
    await expect(page.get_by_role("table", name="People")).to_be_visible()
    left = admin.all(holders)
    assert len(left) == len(consumers)
    assert user_id not in {consumer["userId"] for consumer in left}


async def test_an_erasure_is_lifted_by_the_id_that_the_tenant_knows(
    console: Console, page: Page, shown: Shown, admin: Admin
):
    holders = f"/licenses/{shown.portal_id}/{shown.sku_id}/consumers"
    consumers = admin.all(holders)
    before = {consumer["userId"] for consumer in consumers}
    user_id = next(row["userId"] for row in consumers if row["userPrincipalName"])
    admin.call("DELETE", f"/contacts/{shown.portal_id}/{user_id}", status=204)
    (stand_in,) = {consumer["userId"] for consumer in admin.all(holders)} - before
    await console.open(f"/people/{shown.portal_id}/{stand_in}")
    await expect(page.get_by_text("The person was erased on demand")).to_be_visible()
    await expect(console.heading("Nameless contact")).to_be_visible()
    await console.button("Lift erasure").click()
    dialog = page.get_by_role("dialog")
    lift = dialog.get_by_role("button", name="Lift erasure")
    await expect(dialog.get_by_label("Portal")).to_have_value(shown.portal_id)
    # the ID that stands for nobody is not the person's
    await dialog.get_by_label("User ID").fill(stand_in)
    await lift.click()
    await expect(dialog).to_contain_text("Give the ID by which Entra knows the person.")
    await dialog.get_by_label("User ID").fill(user_id)
    await lift.click()
    await expect(page.get_by_text("The erasure was lifted.")).to_be_visible()
    assert admin.import_portal(shown.portal_id)["state"] == "Succeeded"
    contact = admin.get(f"/contacts/{shown.portal_id}/{user_id}")
    assert contact["displayName"] is not None
    assert contact["erased"] is False
    await console.open("/people")
    await expect(console.button("Lift erasure")).to_be_visible()
