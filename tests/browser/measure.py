"""How quick the console is: `python -m tests.browser.measure 100000` (users of a tenant)."""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from playwright.async_api import Locator, async_playwright, expect

from devhost.api import LedgerApi
from devhost.stack import Stack
from simulator.control import Control
from simulator.products import BY_PART_NUMBER
from tests.browser.chromium import FLAGS, find_chromium
from tests.browser.console_tab import Console
from tests.e2e.admin import SECRET, new_tenant, portal_body

RUN_SECONDS = 1800
# small portals with every SKU there is, so that there are hundreds of positions
MORE_PORTALS = 20
# collects the lengths of tasks over 50 ms, as the browser itself sees them
_OBSERVER = """
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) (window.longTasks ??= []).push(Math.round(entry.duration));
}).observe({ type: "longtask", buffered: true });
"""


class Measure:
    """Times actions in one tab until something is to be seen."""

    def __init__(self, console: Console) -> None:
        self._page = console.page

    async def take(self, name: str, act: Callable[[], Awaitable[object]], until: Locator) -> None:
        """Prints how long it took, and the long tasks meanwhile."""
        await self._page.evaluate("window.longTasks = []")
        began = time.perf_counter()
        await act()
        await expect(until).to_be_visible(timeout=60_000)
        took = (time.perf_counter() - began) * 1000
        await self._page.wait_for_timeout(300)
        tasks = await self._page.evaluate("window.longTasks ?? []")
        print(f"{name:32}{took:7.0f} ms   long tasks: {tasks or 'none'}")  # noqa: T201

    async def view(self, name: str, address: str, until: Locator) -> None:
        """Times going to a view."""
        await self.take(name, lambda: self._page.evaluate(f"location.hash = '{address}'"), until)


def prepare(stack: Stack, users: int) -> tuple[str, str]:
    """Imports a tenant of so many users; portal ID, and a SKU ID that all of them hold."""
    api = LedgerApi(stack.api_url, stack.function_key)
    cloud = Control(stack.simulator_url, stack.control_key, stack.ca_bundle)
    skus = [{"part_number": "SPE_E3", "enabled": users}, {"part_number": "VISIOCLIENT"}]
    tenant_id, client_id = new_tenant(cloud, users=users, skus=skus)
    cloud.register(tenant_id, client_id, secret=SECRET)
    portal_id = api.call("POST", "portals", portal_body(tenant_id, client_id))["portalId"]
    run = api.call("POST", "compliance/recalculate", {"portalIds": [portal_id]})
    api.wait_for_run(run["runId"], seconds=RUN_SECONDS)
    prepare_positions(api, cloud)
    return portal_id, cloud.truth(tenant_id)["part_numbers"]["SPE_E3"]


def prepare_positions(api: LedgerApi, cloud: Control) -> None:
    """Imports many small tenants, each with all SKUs."""
    skus = [{"part_number": part_number} for part_number in BY_PART_NUMBER]
    portal_ids = []
    for _ in range(MORE_PORTALS):
        body = portal_body(*new_tenant(cloud, users=2, skus=skus))
        portal_ids.append(api.call("POST", "portals", body)["portalId"])
    run = api.call("POST", "compliance/recalculate", {"portalIds": portal_ids})
    api.wait_for_run(run["runId"], seconds=RUN_SECONDS)


async def measure(console: Console, portal_id: str, sku_id: str) -> None:
    """Goes through the pages."""
    page, measured = console.page, Measure(console)
    await page.add_init_script(_OBSERVER)
    await console.sign_in()
    await measured.take("Overview, reloaded", page.reload, page.locator(".verdict"))
    table = page.get_by_role("table")
    await measured.view("People", "#/people", table)
    back = page.get_by_role("button", name="Previous page", disabled=False)
    await measured.take("People, next page", console.button("Next page").click, back)
    another = page.locator("tbody tr").filter(has_not_text=re.compile("zoë", re.IGNORECASE))
    await measured.take(
        "People, searched",
        lambda: page.get_by_label("Search people").fill("zoë"),
        table.filter(has_not=another),
    )
    consumers = page.get_by_role("table", name="Consumers")
    await measured.view("License with consumers", f"#/licenses/{portal_id}/{sku_id}", consumers)
    positions = page.get_by_role("table", name="Positions")
    await measured.view("Compliance", "#/compliance", positions)
    falling = page.get_by_role("columnheader", name="Entitled").and_(page.locator("[aria-sort]"))
    await measured.take("Compliance, sorted", console.button("Entitled").click, falling)
    products = page.get_by_role("table", name="Products")
    await measured.view("Licenses and products", "#/licenses", products)
    chosen = page.get_by_role("option").first
    await measured.view("Exclusions", f"#/portals/{portal_id}/exclusions", chosen)
    listed = page.get_by_role("option").nth(len(BY_PART_NUMBER) - 1)
    subscribed = page.get_by_label("Only subscribed")
    await measured.take("Exclusions, Microsoft's list", subscribed.uncheck, listed)


async def main() -> None:
    """Measures, on a tenant with as many users as the command says."""
    users = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder)) as stack:
        portal_id, sku_id = prepare(stack, users)
        async with async_playwright() as playwright:
            executable = find_chromium(playwright)
            if executable is None:
                raise SystemExit("There is no Chromium: install Debian's package chromium.")
            browser = await playwright.chromium.launch(executable_path=executable, args=FLAGS)
            await measure(Console(await browser.new_page(), stack), portal_id, sku_id)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
