"""What another license would mean, seen in the console with rows worked out by hand."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from simulator.control import Control
from tests.browser.console_tab import Console
from tests.e2e.admin import Admin
from tests.e2e.test_rightsizing_keeps import E1, E3, F3, Scene, sku_id

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def scene(admin: Admin, cloud: Control) -> Scene:
    """Five who use E3 in ways that a cheaper license allows or not, and somebody blocked."""
    return Scene(admin, cloud)


async def cells(page: Page, part: str) -> list[str]:
    """The texts of the row of another license."""
    link = page.locator(f'a[href$="{sku_id(part)}"]')
    row = page.get_by_role("table", name="What if").get_by_role("row").filter(has=link)
    await expect(row).to_have_count(1)
    return await row.locator("td").all_inner_texts()


async def test_a_license_leads_to_what_each_other_one_would_mean(
    console: Console, page: Page, scene: Scene
):
    await console.open(f"/licenses/{scene.portal_id}/{sku_id(E3)}")
    await console.button("What if").click()
    await console.settled()
    rows = page.get_by_role("table", name="What if").locator("tbody tr")
    await expect(rows).to_have_count(2)
    _, fits, loses, lost, unknown, to_buy, saving = await cells(page, E1)
    assert (fits, loses, unknown, to_buy, saving) == ("2", "3", "0", "1", "€1,000.00")
    assert "Microsoft 365 Apps: 2 seats" in lost
    assert "Room to store: 1 seat" in lost
    _, fits, loses, lost, unknown, to_buy, saving = await cells(page, F3)
    assert (fits, loses, unknown, to_buy, saving) == ("1", "4", "0", "0", "€550.00")
    assert "Room to store: 2 seats" in lost
    # those that fit most seats come first, until the reader sorts
    await expect(rows.first.get_by_role("link")).to_have_attribute("href", re.compile(sku_id(E1)))
    await console.button("Fits").click()
    await expect(rows.first.get_by_role("link")).to_have_attribute("href", re.compile(sku_id(F3)))
    plan = page.get_by_text("OFFICESUBSCRIPTION", exact=True).first
    await expect(plan).to_be_hidden()
    await page.locator("summary").first.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("details[open]")).to_have_count(1)
    await expect(page.locator("details[open] code").first).to_be_visible()


async def test_portal_and_license_are_chosen_among_savings(
    console: Console, page: Page, scene: Scene
):
    await console.open("/savings/right-sizing")
    await page.get_by_role("link", name="What if").click()
    await expect(page.get_by_text("Choose a portal, then the license")).to_be_visible()
    await console.settled()
    await page.get_by_label("Portal").select_option(scene.portal_id)
    await expect(page.get_by_text("Choose the license of this portal")).to_be_visible()
    await page.get_by_label("License").select_option(sku_id(E3))
    await expect(page.get_by_role("table", name="What if")).to_be_visible()
    await page.go_back()
    await expect(page.get_by_text("Choose the license of this portal")).to_be_visible()


async def test_what_another_license_would_mean_is_downloaded(
    console: Console, page: Page, scene: Scene
):
    await console.open(f"/savings/what-if?portal={scene.portal_id}&sku={sku_id(E3)}")
    async with page.expect_download() as downloading:
        await console.button("Download as CSV").click()
    path = await (await downloading.value).path()
    lines = path.read_text("utf-8-sig").splitlines()
    assert len(lines) == 3
    assert sku_id(E1) in lines[1]
