"""Lists of savings with rows in them, and graphs over days that really went by in the ledger."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Page, expect

from devhost.node import ROOT
from devhost.stack import Stack
from simulator.control import Control
from tests.browser.barriers import barriers
from tests.browser.console_tab import Console
from tests.e2e.admin import Admin, connected
from tests.e2e.test_spend_scenario import Scenario

pytestmark = pytest.mark.timeout(400)

DAYS = 5
DAY_SECONDS = 86_400
ENTITLED = 5
# two more hold the license each day
CONSUMED = [2 * day for day in range(1, DAYS + 1)]

# the page and its tables, as far as they would have to be scrolled sideways
_TOO_WIDE = """
[document.documentElement, ...document.querySelectorAll(".table-place")]
  .filter((each) => each.scrollWidth > each.clientWidth)
  .map((each) => `${each.getAttribute("aria-label")}: ${each.scrollWidth} of ${each.clientWidth}`)
"""


@dataclass(frozen=True)
class Past:
    """A license with a history of days, and what was recorded on each, newest first."""

    portal_id: str
    sku_id: str
    days: list[Any]

    @property
    def address(self) -> str:
        """The view of the license."""
        return f"/licenses/{self.portal_id}/{self.sku_id}"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A ledger whose clock is some days behind, until `let_days_pass` has moved it."""
    run_dir = tmp_path_factory.mktemp("days")
    clock = run_dir / "clock"
    set_clock(clock, DAYS - 1)
    running = Stack(
        run_dir,
        script_root=ROOT / "torture" / "app",
        timers=False,
        environment={"TORTURE_SKEW_FILE": str(clock), "TORTURE_VISIBILITY_SECONDS": "1"},
    )
    with running:
        yield running


@pytest.fixture(scope="module")
def cloud(stack: Stack) -> Control:
    """The simulated cloud's control."""
    return Control(stack.simulator_url, stack.control_key, stack.ca_bundle)


@pytest.fixture(scope="module")
def past(stack: Stack, cloud: Control) -> Past:
    """A license of which two more users hold one each day, recalculated each day."""
    portal_id = ""
    portal: Any = None
    for ago in range(DAYS - 1, -1, -1):
        if portal is not None:
            stack.stop_host()
            set_clock(stack.run_dir / "clock", ago)
            stack.start_host()
        with Admin(stack.api_url, stack.function_key, stack.master_key) as admin:
            if portal is None:
                skus = [{"part_number": "POWER_BI_PRO", "enabled": ENTITLED}]
                portal = connected(admin, cloud, name="Days", users=0, skus=skus)
                portal_id = portal["portalId"]
            for _ in range(2):
                cloud.call("user", tenant_id=portal["tenantId"], skus=["POWER_BI_PRO"], values={})
            assert admin.recalculate(portal_id)["state"] == "Succeeded"
            sku_id = admin.positions(portal_id)["POWER_BI_PRO"]["skuId"]
            days = admin.all(f"/compliance/history?portalId={portal_id}&skuId={sku_id}")
    return Past(portal_id, sku_id, days)


def set_clock(file: Any, days_ago: int) -> None:
    file.write_text(f"={-days_ago * DAY_SECONDS}")


@pytest.fixture(scope="module")
def admin(stack: Stack, past: Past) -> Iterator[Admin]:
    """An admin who calls the API, today."""
    with Admin(stack.api_url, stack.function_key, stack.master_key) as calling:
        yield calling


@pytest.fixture(scope="module")
def scenario(admin: Admin, cloud: Control) -> Scenario:
    """The tenant whose waste was worked out by hand."""
    return Scenario(admin, cloud)


async def points(page: Page, line: str) -> list[tuple[float, float]]:
    """The points of a line of the graph, left to right."""
    text = await page.locator(f"polyline.chart-{line}").get_attribute("points")
    assert text is not None
    pairs = [point.split(",") for point in text.split()]
    return [(float(x), float(y)) for x, y in pairs]


async def test_the_history_of_a_license_is_drawn_day_by_day(
    console: Console, page: Page, past: Past
):
    assert [day["consumed"] for day in past.days] == CONSUMED[::-1]
    await console.open(past.address)
    graph = page.get_by_role("img", name="Entitled and consumed licenses")
    await expect(graph).to_have_attribute("aria-label", lately(CONSUMED[-1]))
    consumed, entitled = await points(page, "consumed"), await points(page, "entitled")
    assert len(consumed) == len(entitled) == DAYS
    across = [x for x, _ in consumed]
    steps = [round(right - left) for left, right in itertools.pairwise(across)]
    assert len(set(steps)) == 1
    # a day more is two licenses more: the line rises evenly, and the other one lies flat
    falls = [round(one - other, 1) for (_, one), (_, other) in itertools.pairwise(consumed)]
    assert len(set(falls)) == 1
    assert falls[0] > 0
    assert len({y for _, y in entitled}) == 1
    await page.get_by_text("As a table").click()
    rows = page.locator("details", has_text="As a table").locator("tbody tr")
    await expect(rows).to_have_count(DAYS)
    shown = [await rows.nth(at).locator("td").nth(3).text_content() for at in range(DAYS)]
    assert shown == [str(units) for units in CONSUMED[::-1]]


def lately(consumed: int) -> Any:
    return re.compile(rf"lately {consumed} of {ENTITLED} consumed$")


async def test_the_overview_shows_where_a_shortage_comes_from(
    console: Console, page: Page, past: Past
):
    await console.open("/")
    item = page.locator(".todo-item", has_text="Days: ")
    trend = item.get_by_role("img", name=f"Available over {DAYS} days")
    await expect(trend).to_be_visible()
    text = await trend.locator("polyline").get_attribute("points")
    assert text is not None
    heights = [float(point.split(",")[1]) for point in text.split()]
    assert heights == sorted(heights)
    assert len(set(heights)) == DAYS


async def test_the_history_of_a_position_opens_beside_the_others_and_has_an_address(
    console: Console, page: Page, past: Past
):
    await console.open(f"/compliance?portal={past.portal_id}")
    await console.button("History of Power BI Pro").click()
    graph = page.get_by_role("img", name="Entitled and consumed licenses")
    await expect(graph).to_have_attribute("aria-label", lately(CONSUMED[-1]))
    await expect(page.get_by_role("table", name="Positions")).to_be_visible()
    await page.reload()
    await expect(graph).to_be_visible()
    await console.button("Close").click()
    await expect(graph).to_have_count(0)
    await expect(console.button("History of Power BI Pro")).to_be_focused()
    assert "history=" not in page.url


async def test_a_graph_can_be_read_on_a_narrow_screen(console: Console, page: Page, past: Past):
    await page.set_viewport_size({"width": 390, "height": 844})
    await console.open(past.address)
    texts = page.locator(".chart-text")
    await expect(texts.first).to_be_visible()
    boxes = [await texts.nth(at).bounding_box() for at in range(await texts.count())]
    found = [box for box in boxes if box is not None]
    assert len(found) == len(boxes)
    assert min(box["height"] for box in found) > 10
    assert min(box["x"] for box in found) >= 0
    days = sorted((box for box in found[3:]), key=lambda box: box["x"])
    for left, right in itertools.pairwise(days):
        assert left["x"] + left["width"] <= right["x"]


async def test_the_current_tab_is_in_sight_on_a_narrow_screen(
    console: Console, page: Page, past: Past
):
    await page.set_viewport_size({"width": 390, "height": 844})
    await console.open("/savings/installations")
    tab = page.get_by_role("link", name="Installations")
    await expect(tab).to_have_attribute("aria-current", "page")
    await expect(tab).to_be_in_viewport(ratio=1)


async def table_rows(page: Page, label: str) -> list[list[str]]:
    """The cells of each row of a table."""
    rows = page.get_by_role("table", name=label).locator("tbody tr")
    await expect(rows.first).to_be_visible()
    return [await rows.nth(at).locator("td").all_inner_texts() for at in range(await rows.count())]


async def test_overlap_names_holder_license_and_what_covers_it(
    console: Console, page: Page, scenario: Scenario
):
    await console.open(f"/savings/overlap?portal={scenario.portal_id}")
    rows = await table_rows(page, "Overlap")
    told = {(r[0].split("\n")[0], r[2], r[4], r[5], r[6]) for r in rows}
    assert told == {
        ("Person 2", "Power BI Pro", "Duplicate", "Office 365 E5", "US$120.00"),
        ("Person 3", "Power BI Pro", "Duplicate", "Office 365 E5", "–"),
        ("Person 15", "Office 365 E1", "Duplicate", "Office 365 E3", "€120.00"),
        ("Person 21", "Exchange Online (Plan 1)", "Duplicate", "Office 365 E1", "€52.00"),
        ("Person 17", "Office 365 E3", "Tidy up", "–", "–"),
    }
    await page.get_by_label("Kind").select_option("Tidy up")
    await console.settled()
    (only,) = await table_rows(page, "Overlap")
    assert only[0].startswith("Person 17")
    assert only[3] == "Direct and group"
    await page.go_back()
    await console.settled()
    assert len(await table_rows(page, "Overlap")) == len(rows)


async def test_right_sizing_names_the_cheaper_license_and_what_would_be_lost(
    console: Console, page: Page, scenario: Scenario, admin: Admin
):
    await console.open(f"/savings/right-sizing?portal={scenario.portal_id}")
    rows = await table_rows(page, "Right-sizing")
    listed = admin.all(f"/spend/right-sizing?portalId={scenario.portal_id}")
    assert {(r[0].split("\n")[0], r[4]) for r in rows} == {
        (row["displayName"], row["cheaperTitle"]) for row in listed
    }
    by_person = {r[0].split("\n")[0]: r for r in rows}
    assert by_person["Person 7"][4] == "Exchange Online (Plan 1)"
    assert by_person["Person 7"][6] == "€248.00"
    assert "Teams" in by_person["Person 7"][5]
    await page.get_by_role("link", name="Person 7").click()
    await expect(console.heading("Person 7")).to_be_visible()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
async def test_lists_and_graphs_with_data_have_no_serious_barrier_and_fit(
    console: Console,
    page: Page,
    past: Past,
    scenario: Scenario,
    axe: str,
    scheme: Any,
    width: int,
):
    await page.emulate_media(color_scheme=scheme)
    await page.set_viewport_size({"width": width, "height": 900})
    found: dict[str, Any] = {}
    history = f"{past.portal_id}/{past.sku_id}"
    views = [
        past.address,
        "/",
        f"/compliance?history={history}",
        "/savings",
        "/savings/overlap",
        "/savings/right-sizing",
        f"/savings/what-if?portal={scenario.portal_id}&sku={scenario.skus['ENTERPRISEPACK']}",
        "/savings/waste",
        "/licenses",
    ]
    for address in views:
        await console.open(address)
        too_wide = await page.evaluate(_TOO_WIDE)
        found[address] = [*await barriers(page, axe), *too_wide]
    assert {view: trouble for view, trouble in found.items() if trouble} == {}
