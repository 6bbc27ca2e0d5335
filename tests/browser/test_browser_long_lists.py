"""Lists with more rows than a browser sorts: no order is pretended, and everything is found."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from compliance.position import position
from devhost.stack import Stack
from identifiers import PortalId, SkuId
from imports.model import Product
from settings import read_settings
from storage.compliance import PositionStore
from storage.factory import open_tables
from storage.licenses import LicenseStore
from tests.browser.console_tab import Console
from tests.builders import NOW, make_circumstances, make_counts, make_license

pytestmark = pytest.mark.timeout(400)

PORTALS, EACH = 12, 100
COUNT = PORTALS * EACH
LAST = f"Long {COUNT - 1:04}"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A ledger with many products, and nothing else."""
    with Stack(tmp_path_factory.mktemp("long"), simulator=False, timers=False) as running:
        asyncio.run(write_products(running))
        yield running


async def write_products(stack: Stack) -> None:
    """Products with positions, as imports of many portals leave them."""
    settings = read_settings({"AzureWebJobsStorage": stack.storage_connection})
    tables = open_tables(settings, _no_identity)
    licenses, positions = LicenseStore(tables), PositionStore(tables)
    numbers = iter(range(COUNT))
    for _ in range(PORTALS):
        portal_id = PortalId(str(uuid.uuid4()))
        rows = [(SkuId(str(uuid.uuid4())), next(numbers)) for _ in range(EACH)]
        products = [
            Product(portal_id, sku_id, f"Long {number:04}", "Long", moved=False, created_at=NOW)
            for sku_id, number in rows
        ]
        await licenses.upsert_products(products)
        found = [
            position(
                make_license(portal_id=portal_id, sku_id=sku_id, title=f"Long {number:04}"),
                make_counts(number),
                make_circumstances(),
                None,
            )
            for sku_id, number in rows
        ]
        await positions.upsert(found, day=NOW.date())
    await tables.close()


def _no_identity() -> Any:
    raise AssertionError("a connection string needs no identity")


def sort_buttons(page: Page) -> Locator:
    return page.locator("th button")


@pytest.mark.parametrize(
    ("address", "label"), [("/licenses", "Products"), ("/compliance", "Positions")]
)
async def test_a_list_too_long_to_sort_says_so_and_offers_no_order(
    console: Console, page: Page, address: str, label: str
):
    await console.open(address)
    rows = page.get_by_role("table", name=label).locator("tbody tr")
    await expect(rows).to_have_count(100)
    await expect(page.get_by_text("There are too many rows to sort them")).to_be_visible()
    await expect(sort_buttons(page)).to_have_count(0)
    # an order in the address changes nothing, and none is claimed
    await console.open(f"{address}?sort=consumed")
    await expect(rows).to_have_count(100)
    await expect(page.locator("th[aria-sort]")).to_have_count(0)


async def test_every_product_of_a_long_list_tells_its_own_numbers(console: Console, page: Page):
    await console.open("/licenses")
    rows = page.get_by_role("table", name="Products").locator("tbody tr")
    for at in (0, 50, 99):
        cells = await rows.nth(at).locator("td").all_inner_texts()
        number = int(cells[0].split("\n")[0].removeprefix("Long "))
        assert cells[2] == f"{number:,}"


async def test_a_search_finds_products_beyond_the_first_page(console: Console, page: Page):
    await console.open(f"/licenses?search={LAST}")
    rows = page.get_by_role("table", name="Products").locator("tbody tr")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text(f"{COUNT - 1:,}")
    await page.get_by_label("Search products").fill("Long 11")
    await expect(rows).to_have_count(100)
    await expect(rows.first).to_contain_text("Long 1100")
    await expect(rows.last).to_contain_text("Long 1199")
    await expect(sort_buttons(page)).not_to_have_count(0)
