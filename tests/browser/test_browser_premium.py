"""Premium features used beyond their licenses, and what to do, seen in the console."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from simulator.control import Control
from tests.browser.barriers import barriers
from tests.browser.console_tab import Console
from tests.e2e.admin import Admin
from tests.e2e.test_premium import Scene

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def scene(admin: Admin, cloud: Control) -> Scene:
    """A tenant of 30 licenses for P1, P2 among them, and 35 users of it."""
    using = Scene(admin, cloud)
    using.collect(p1=35, p1_guests=4, p2=8)
    return using


async def test_use_beyond_the_licenses_is_listed_with_what_helps(
    console: Console, page: Page, scene: Scene
):
    await console.open("/people")
    await page.get_by_role("link", name="Premium features").click()
    await page.get_by_label("Portal").select_option(scene.portal_id)
    await console.settled()
    rows = page.get_by_role("table", name="Premium features").locator("tbody tr")
    await expect(rows).to_have_count(2)
    p1, p2 = [await rows.nth(at).locator("td").all_inner_texts() for at in range(2)]
    assert p1[0].startswith("Microsoft Entra ID P1")
    assert p1[1:6] == ["Used beyond", "30", "35", "5", "4"]
    assert p1[6].startswith("Buy 5 licenses that include Entra ID P1 or P2, or leave 5 users out")
    assert p2[0].startswith("Microsoft Entra ID P2")
    assert p2[1:7] == ["Licensed", "10", "8", "0", "0", "Nothing is needed."]
    async with page.expect_download() as download:
        await console.button("Download as CSV").click()
    saved = await (await download.value).path()
    assert len(saved.read_text("utf-8-sig").splitlines()) == 3


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
async def test_the_list_has_no_serious_barrier(
    console: Console, page: Page, scene: Scene, axe: str, scheme: Any, width: int
):
    await page.emulate_media(color_scheme=scheme)
    await page.set_viewport_size({"width": width, "height": 900})
    await console.open(f"/people/premium?portal={scene.portal_id}")
    await expect(page.get_by_role("table", name="Premium features")).to_be_visible()
    assert await barriers(page, axe) == []
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
