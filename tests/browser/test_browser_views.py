"""Every view: accessible in light and dark, wide and narrow; and no name is ever run."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from simulator.control import Control
from tests.browser.barriers import barriers
from tests.browser.console_tab import RUN_MILLISECONDS, Console
from tests.browser.tenants import HOSTILE, Shown
from tests.e2e.admin import Admin, new_tenant

pytestmark = pytest.mark.timeout(400)

SHAPES: list[tuple[str, int]] = [("light", 1280), ("dark", 390)]


@pytest.mark.parametrize(("scheme", "width"), SHAPES)
async def test_no_view_has_a_serious_barrier(
    console: Console, page: Page, shown: Shown, axe: str, scheme: Any, width: int
):
    await page.emulate_media(color_scheme=scheme)
    await page.set_viewport_size({"width": width, "height": 900})
    found: dict[str, Any] = {}
    for view, address in shown.views.items():
        await console.open(address)
        found[view] = await barriers(page, axe)
    assert {view: barriers for view, barriers in found.items() if barriers} == {}


async def test_the_sign_in_and_dialogs_have_no_serious_barrier(
    console: Console, page: Page, shown: Shown, axe: str
):
    await console.open(f"/portals/{shown.portal_id}")
    await console.button("Delete").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    assert await barriers(page, axe) == []
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await console.button("Sign out").click()
    await expect(page.get_by_label("Function key")).to_be_focused()
    assert await barriers(page, axe) == []


async def test_a_hostile_name_is_shown_and_does_nothing(console: Console, page: Page, shown: Shown):
    for view, address in shown.views.items():
        await console.open(address)
        # these three have no name to show
        if view not in ("wizard", "run", "unknown"):
            await expect(page.get_by_text(HOSTILE).first).to_be_attached()
        assert await page.evaluate("typeof hacked") == "undefined", view
        assert await page.locator("#app img").count() == 0, view


async def test_the_overview_says_of_how_many_licenses_the_next_renewal_is(
    console: Console, page: Page, shown: Shown
):
    await console.open("/")
    renewals = page.get_by_role("region", name="Next renewals")
    line = renewals.get_by_role("listitem").filter(has_text="Power BI Pro").first
    await expect(line).to_contain_text("3 licenses by subscription")


async def test_every_view_fits_a_narrow_screen(console: Console, page: Page, shown: Shown):
    await page.set_viewport_size({"width": 360, "height": 740})
    overhang = {}
    for view, address in shown.views.items():
        await console.open(address)
        overhang[view] = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert {view: pixels for view, pixels in overhang.items() if pixels > 0} == {}


async def test_every_view_is_reached_again_by_its_address_and_says_its_name(
    console: Console, page: Page, shown: Shown
):
    titles = {}
    for view, address in shown.views.items():
        await console.open(address)
        await page.reload()
        await console.settled()
        titles[view] = await page.title()
    assert all(title.endswith(" · Ledger365") for title in titles.values()), titles
    assert titles["overview"] == "Overview · Ledger365"
    assert HOSTILE in titles["person"]


async def test_the_keyboard_alone_reaches_content_navigation_and_filters(
    console: Console, page: Page, shown: Shown
):
    await console.open("/compliance")
    await page.reload()
    await console.settled()
    await page.keyboard.press("Tab")
    await expect(console.button("Skip to content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()
    await page.reload()
    await console.settled()
    seen = []
    for _ in range(30):
        await page.keyboard.press("Tab")
        seen.append(await page.evaluate("document.activeElement.textContent.trim().slice(0, 40)"))
    assert "Licenses and products" in seen
    assert "Recalculate" in seen
    assert "Entitled" in seen
    sort = page.get_by_role("button", name="Entitled")
    await sort.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("columnheader", name="Entitled")).to_have_attribute(
        "aria-sort", "ascending"
    )
    await expect(sort).to_be_focused()


async def test_the_tree_is_walked_with_the_arrow_keys(console: Console, page: Page, shown: Shown):
    await console.open("/licenses")
    root = page.get_by_role("treeitem", name="All products")
    await root.focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowLeft")
    focused = page.locator("[role=treeitem]:focus")
    await expect(focused).to_have_attribute("aria-expanded", "false")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("table", name="Products").get_by_role("row")).to_have_count(2)
    assert "directory=" in page.url


async def test_typing_in_a_search_is_not_interrupted_by_its_results(
    console: Console, page: Page, shown: Shown
):
    await console.open("/people")
    search = page.get_by_label("Search people")
    await search.press_sequentially("nobody-of-this-name", delay=60)
    await expect(page.get_by_text("Nobody found")).to_be_visible()
    await expect(search).to_be_focused()
    await expect(search).to_have_value("nobody-of-this-name")
    await page.go_back()
    await expect(page.get_by_role("table", name="People")).to_be_visible()


async def test_licenses_are_taken_and_given_back_in_the_browser(
    console: Console, page: Page, shown: Shown
):
    await console.section("Savings")
    await page.get_by_role("link", name="Reclamation", exact=True).click()
    await console.button("New preview").click()
    await page.get_by_label("Microsoft 365 E3").check()
    await console.button("Preview").click()
    await expect(page.get_by_text("The rule means nobody.")).to_be_visible()
    await page.get_by_label("Blocked: may not sign in").check()
    await console.button("Preview").click()
    await expect(page.get_by_text("Nothing was done to the tenant.")).to_be_visible(
        timeout=RUN_MILLISECONDS
    )
    await page.get_by_label("State").select_option("Planned")
    planned = page.get_by_role("table", name="Licenses of the reclamation").get_by_role("row")
    await expect(planned.nth(1)).to_contain_text("Blocked")
    await console.button("Execute").click()
    await page.get_by_role("dialog").get_by_role("button", name="Execute").click()
    audit = page.get_by_role("list", name="Audit")
    await expect(audit).to_contain_text("Removed", timeout=RUN_MILLISECONDS)
    await console.button("Undo").click()
    await page.get_by_role("dialog").get_by_role("button", name="Undo").click()
    await expect(audit).to_contain_text("Restored", timeout=RUN_MILLISECONDS)


async def test_an_administrator_is_led_to_microsoft_to_sign_in_for_a_portal(
    console: Console, page: Page, shown: Shown, cloud: Control
):
    tenant_id, client_id = new_tenant(cloud)
    await console.open("/portals/new")
    await page.get_by_label("Name").fill("Delegated")
    await console.button("Next: Connection").click()
    await page.get_by_label("Tenant ID").fill(tenant_id)
    await page.get_by_label("Client ID").fill(client_id)
    await page.get_by_label("Cloud").fill("Simulated")
    await page.get_by_label("Delegated: an administrator signs in").check()
    await console.button("Next: Exclusions").click()
    await expect(page.get_by_role("option").first).to_be_visible()
    await console.button("Create").click()
    await expect(page.get_by_text("nobody has signed in yet")).to_be_visible()
    await console.button("Sign in").click()
    link = page.get_by_role("link", name="Go to Microsoft's sign-in")
    target = await link.get_attribute("href")
    assert target is not None
    assert target.startswith(f"{cloud.url}/{tenant_id}/oauth2/v2.0/authorize?")
    assert await link.get_attribute("rel") == "noopener noreferrer"


@pytest.mark.parametrize(("label", "ending"), [("CSV", ".csv"), ("Excel", ".xlsx")])
async def test_a_list_is_downloaded_as_it_is_filtered(
    console: Console, page: Page, shown: Shown, label: str, ending: str
):
    await console.open("/compliance?status=under_licensed")
    async with page.expect_download() as download:
        await console.button(f"Download as {label}").click()
    file = await download.value
    assert file.suggested_filename.startswith("compliance")
    assert file.suggested_filename.endswith(ending)
    content = (await file.path()).read_bytes()
    assert b"SPE_E3" not in content
    assert ending == ".xlsx" or b"POWER_BI_PRO" in content


async def test_a_failed_run_says_why_and_is_tried_again(
    console: Console, page: Page, shown: Shown, admin: Admin
):
    await console.open(f"/monitor/{shown.failed_run_id}")
    await expect(page.get_by_text("Entra ID refused the sign-in").first).to_be_visible()
    await expect(page.get_by_text("Store the value of a valid client secret")).to_be_visible()
    await console.button("Retry").click()
    children = page.locator("section", has_text="Runs it asked for")
    await expect(children).to_contain_text("Failed", timeout=RUN_MILLISECONDS)
    run_id = page.url.rpartition("/")[2]
    assert admin.get(f"/runs/{run_id}")["children"][0]["portalId"] == shown.broken_portal_id


async def test_of_two_admins_who_change_a_contract_the_later_is_told(
    console: Console, page: Page, admin: Admin, shown: Shown
):
    path = f"/licenses/{shown.portal_id}/{shown.sku_id}/contract"
    price = {"currency": "EUR", "frequency": "yearly", "effectiveDate": "2026-01-01"}
    admin.call("PUT", path, {**price, "amount": "1000"}, status=200)
    await console.open(f"/licenses/{shown.portal_id}/{shown.sku_id}")
    await console.button("Change contract").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Amount of a payment").fill("2000")
    admin.call("PUT", path, {**price, "amount": "3000"}, status=200)
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("repeat your change")
    assert admin.get(path)["amount"] == "3000"
    await dialog.get_by_role("button", name="Load again").click()
    await expect(dialog).to_have_count(0)
    await console.button("Change contract").click()
    await expect(dialog.get_by_label("Amount of a payment")).to_have_value("3000")
    await dialog.get_by_label("Amount of a payment").fill("2000")
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("The contract was saved.")).to_be_visible()
    assert admin.get(path)["amount"] == "2000"
    admin.call("DELETE", path, status=204)
