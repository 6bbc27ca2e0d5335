"""The admin's day through the browser: from adding a portal to deleting it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from simulator.control import Control
from tests.browser.console_tab import RUN_MILLISECONDS, Console
from tests.certificates import new_certificate
from tests.e2e.admin import new_tenant

pytestmark = pytest.mark.timeout(400)

SKUS = [
    {"part_number": "SPE_E3", "enabled": 60},
    {"part_number": "POWER_BI_PRO", "enabled": 5},
    {"part_number": "VISIOCLIENT", "enabled": 40},
]
NAME = "Tailspin Toys"
# dropping is prepared while the pointer moves over the target
DRAG_STEPS = 5


async def test_an_admin_does_the_whole_day_in_the_browser(
    console: Console, cloud: Control, tmp_path: Path
):
    tenant_id, client_id = new_tenant(cloud, users=30, licenses_per_user=2, skus=SKUS)
    made = new_certificate()
    cloud.register(tenant_id, client_id, certificates=[made.certificate_pem])
    certificate = tmp_path / "app.crt"
    certificate.write_text(made.certificate_pem)

    await add_by_certificate(console, tenant_id, client_id, certificate, made.key_pem)
    await exclude_in_the_wizard(console, "Visio Plan 2")
    await import_and_see_licenses(console)
    await move_a_product(console)
    await recalculate_and_see_positions(console)
    await lose_and_regain_a_license(console)
    await read_the_monitor(console)
    await delete_the_portal(console)


async def add_by_certificate(
    console: Console, tenant_id: str, client_id: str, certificate: Path, private_key: str
) -> None:
    page = console.page
    await console.section("Portals")
    await console.button("Add portal").click()
    await console.button("Next: Connection").click()
    await expect(page.get_by_text("Give the portal a name.")).to_be_visible()
    await page.get_by_label("Name").fill(NAME)
    await console.button("Next: Connection").click()
    await page.get_by_label("Tenant ID").fill(tenant_id)
    await page.get_by_label("Client ID").fill(client_id)
    await page.get_by_label("Cloud").fill("Simulated")
    await page.get_by_label("Certificate (PEM)").check()
    await page.get_by_label("Certificate from a file").set_input_files(certificate)
    await console.button("Test connection").click()
    await expect(page.get_by_text("privateKey is missing")).to_be_visible()
    await page.get_by_role("textbox", name="Private key").fill(private_key)
    await console.button("Test connection").click()
    steps = page.locator(".step")
    await expect(steps.filter(has_text="Permission User.Read.All")).to_contain_text("Passed")
    await expect(steps.filter(has_text="Failed")).to_have_count(0)


async def exclude_in_the_wizard(console: Console, title: str) -> None:
    page = console.page
    await console.button("Next: Exclusions").click()
    await option(page, "Imported", title).click()
    await console.button("Exclude").click()
    await expect(option(page, "Excluded", title)).to_be_visible()
    await console.button("Create").click()
    await expect(page.get_by_role("heading", name=NAME)).to_be_visible()
    await expect(page.get_by_text("was added.")).to_be_visible()


def option(page: Page, listed: str, title: str) -> Locator:
    return page.get_by_role("listbox", name=listed).get_by_role("option", name=title)


async def import_and_see_licenses(console: Console) -> None:
    page = console.page
    await console.button("Import").first.click()
    await expect(page.get_by_text(f"The import of {NAME} has ended: succeeded.")).to_be_visible(
        timeout=RUN_MILLISECONDS
    )
    await console.section("Licenses and products")
    await expect(console.row(f"{NAME} Microsoft 365 E3")).to_be_visible()
    await expect(console.row(f"{NAME} Visio")).to_have_count(0)
    await page.get_by_role("link", name=f"{NAME} Microsoft 365 E3").click()
    consumers = page.get_by_role("table", name="Consumers")
    await expect(consumers.get_by_role("row")).to_have_count(31)
    await expect(consumers.get_by_role("row").nth(1)).to_contain_text("Direct")


async def move_a_product(console: Console) -> None:
    page = console.page
    await console.section("Licenses and products")
    await console.button(f"Move {NAME} Power BI Pro").click()
    await page.get_by_label("Directory").fill("Software/Reports")
    await page.get_by_role("dialog").get_by_role("button", name="Move").click()
    await expect(page.get_by_text("is filed in Software/Reports now.")).to_be_visible()
    target = page.get_by_role("treeitem", name="Reports 1 products")
    await expect(target).to_be_visible()
    await console.row(f"{NAME} Microsoft 365 E3").drag_to(target, steps=DRAG_STEPS)
    await expect(page.get_by_role("treeitem", name="Reports 2 products")).to_be_visible()


async def recalculate_and_see_positions(console: Console) -> None:
    page = console.page
    await positions(console)
    await console.button("Recalculate").click()
    await expect(page.get_by_text("The recalculation has ended: succeeded.")).to_be_visible(
        timeout=RUN_MILLISECONDS
    )
    await expect(console.row("Power BI Pro")).to_contain_text("Under-licensed")
    await page.get_by_label("Status").select_option("Under-licensed")
    await expect(page).to_have_url(re.compile(r"#/compliance\?portal=.*&status=under_licensed$"))
    await expect(console.row("Microsoft 365 E3")).to_have_count(0)
    await page.reload()
    await expect(console.row("Power BI Pro")).to_contain_text("Buy licenses")
    await page.go_back()
    await expect(console.row("Microsoft 365 E3")).to_be_visible()


async def positions(console: Console) -> None:
    """Goes to the positions of the portal alone."""
    await console.section("Compliance")
    await console.page.get_by_label("Portal").select_option(NAME)
    await expect(console.page).to_have_url(re.compile(r"#/compliance\?portal="))


async def lose_and_regain_a_license(console: Console) -> None:
    page = console.page
    await exclusions(console)
    # by keyboard alone
    await page.get_by_role("listbox", name="Imported").focus()
    await page.keyboard.press("End")
    await page.keyboard.press("Space")
    await page.keyboard.press("Enter")
    await expect(option(page, "Excluded", "Power BI Pro")).to_be_visible()
    await save_exclusions(console)
    await recalculated(console)
    await expect(console.row("Power BI Pro")).to_contain_text("Cannot be synchronized")
    await expect(console.row("Power BI Pro")).to_contain_text("Excluded from import")

    await exclusions(console)
    # and back by dragging
    source = option(page, "Excluded", "Power BI Pro")
    await source.drag_to(page.get_by_role("listbox", name="Imported"), steps=DRAG_STEPS)
    await expect(option(page, "Imported", "Power BI Pro")).to_be_visible()
    await save_exclusions(console)
    await recalculated(console)
    await expect(console.row("Power BI Pro")).to_contain_text("Under-licensed")


async def exclusions(console: Console) -> None:
    await console.section("Portals")
    await console.page.get_by_role("link", name=NAME).click()
    await console.page.get_by_role("link", name="Exclusions").click()
    await expect(option(console.page, "Imported", "Microsoft 365 E3")).to_be_visible()


async def save_exclusions(console: Console) -> None:
    await console.button("Save").click()
    notice = console.page.locator(".notice", has_text="The exclusions were saved")
    await notice.get_by_role("button", name="Dismiss").click()
    await expect(notice).to_have_count(0)


async def recalculated(console: Console) -> None:
    await positions(console)
    await console.button("Recalculate").click()
    await expect(
        console.page.locator(".live").get_by_text("Succeeded", exact=True).first
    ).to_be_visible(timeout=RUN_MILLISECONDS)
    await expect(console.button("Recalculate")).to_be_enabled(timeout=RUN_MILLISECONDS)
    await console.settled()


async def read_the_monitor(console: Console) -> None:
    page = console.page
    await console.section("Monitor")
    await page.get_by_label("Task").select_option("Import")
    await expect(page).to_have_url(f"{console.url}#/monitor?task=import")
    runs = page.get_by_role("table", name="Runs")
    await expect(runs.get_by_role("row").nth(1)).to_contain_text("Succeeded")
    await runs.get_by_role("link", name="Import").first.click()
    await expect(console.heading("Import")).to_be_visible()
    await expect(page.get_by_role("list", name="Log lines")).to_contain_text("subscribed SKUs")


async def delete_the_portal(console: Console) -> None:
    page = console.page
    await console.section("Portals")
    await page.get_by_role("link", name=NAME).click()
    await console.button("Delete").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("What was imported remains")
    await dialog.get_by_label("to confirm").fill("something else")
    await dialog.get_by_role("button", name="Delete").click()
    await expect(dialog).to_contain_text("This is not the portal's name.")
    await dialog.get_by_label("to confirm").fill(NAME)
    await dialog.get_by_role("button", name="Delete").click()
    await expect(page.get_by_text("was deleted").first).to_be_visible()
    await expect(page.get_by_role("link", name=NAME)).to_have_count(0)
    await console.open("/compliance?status=cannot_be_synchronized")
    row = console.row("Microsoft 365 E3").filter(has_text=NAME)
    await expect(row).to_contain_text("Portal deleted")


async def test_a_wrong_key_is_refused_with_words_and_a_good_one_is_gone_after_signing_out(
    page: Page, console: Console
):
    await console.button("Sign out").click()
    await page.get_by_label("Function key").fill("wrong")
    await console.button("Sign in").click()
    await expect(page.get_by_text("The key is not valid.")).to_be_visible()
    await page.reload()
    await expect(page.get_by_label("Function key")).to_be_visible()
    assert await console.evaluate("sessionStorage.length") == 0
