"""The console's modules, called in the browser that they run in."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Error

from tests.browser.console_tab import Console

pytestmark = pytest.mark.timeout(400)


async def called(console: Console, module: str, expression: str) -> Any:
    """The value of an expression over a module's exports, which are in `m`."""
    program = f"""async () => {{
      const base = document.querySelector("script[src]").src.replace(/main\\.js$/, "");
      const m = await import(base + "{module}");
      return {expression};
    }}"""
    return await console.evaluate(program)


async def test_text_never_becomes_markup(console: Console):
    made = await called(console, "dom.js", "m.h('p', {}, '<b>x</b>', ['y', null, 0]).outerHTML")
    assert made == "<p>&lt;b&gt;x&lt;/b&gt;y0</p>"


async def test_the_browser_itself_refuses_markup_from_text(console: Console):
    with pytest.raises(Error, match="TrustedHTML"):
        await console.evaluate("document.body.innerHTML = '<b>x</b>'")
    console.troubles.clear()


@pytest.mark.parametrize("address", ["javascript:alert(1)", "https://example.com", "//example.com"])
async def test_links_stay_inside_the_console(console: Console, address: str):
    with pytest.raises(Error, match="Links stay inside"):
        await called(console, "dom.js", f"m.h('a', {{ href: '{address}' }})")


async def test_only_https_leads_to_microsofts_sign_in(console: Console):
    with pytest.raises(Error, match="Only https"):
        await called(console, "controls.js", "m.externalLink('javascript:alert(1)', 'x')")


async def test_an_address_carries_any_name_there_and_back(console: Console):
    name = "a/b?c#d&e=f ü%"
    await console.evaluate("(hash) => history.replaceState(null, '', hash)", "#/")
    address = await called(
        console, "router.js", f"m.address(['x', '{name}'], {{ q: '{name}', none: '' }})"
    )
    await console.evaluate("(hash) => history.replaceState(null, '', hash)", address)
    here = await called(console, "router.js", "({ s: m.here().segments, q: [...m.here().query] })")
    assert here == {"s": ["x", name], "q": [["q", name]]}


async def test_rows_are_sorted_by_value_and_what_is_missing_comes_last(console: Console):
    program = """[false, true].map((down) => m.sortRows(
      [{ v: 2 }, { v: null }, { v: 10 }, { v: 1 }],
      [{ key: "v", value: (row) => row.v }],
      { key: "v", down },
    ).map((row) => row.v))"""
    assert await called(console, "table.js", program) == [[1, 2, 10, None], [10, 2, 1, None]]


async def test_the_history_chart_draws_every_day_and_tells_the_last(console: Console):
    program = """(() => {
      const days = Array.from({ length: 40 }, (_, at) => ({
        day: new Date(Date.UTC(2026, 0, 1 + at)).toISOString().slice(0, 10),
        entitled: 100, consumed: 60 + at,
      }));
      const chart = m.historyChart(days, "Position");
      const lines = [...chart.querySelectorAll("polyline")];
      return {
        label: chart.querySelector("svg").getAttribute("aria-label"),
        points: lines.map((line) => line.getAttribute("points").split(" ").length),
        lowest: Math.min(...lines.flatMap((l) => l.getAttribute("points").split(/[ ,]/))),
      };
    })()"""
    chart = await called(console, "charts.js", program)
    assert chart["label"].endswith("lately 99 of 100 consumed")
    assert chart["points"] == [40, 40]
    assert chart["lowest"] >= 0


@pytest.mark.parametrize(
    ("used", "total", "tone", "text"),
    [(5, 10, "good", "50%"), (9, 10, "warn", "90%"), (12, 10, "bad", "120%"), (0, 0, "good", "–")],
)
async def test_a_utilization_bar_tells_how_full_it_is(
    console: Console, used: int, total: int, tone: str, text: str
):
    program = f"""(() => {{
      const made = m.utilization({used}, {total}, "E3");
      const bar = made.querySelector("svg");
      const label = bar.getAttribute("aria-label");
      return [bar.classList.contains("bar-{tone}"), made.textContent, label];
    }})()"""
    assert await called(console, "charts.js", program) == [
        True,
        text,
        f"E3: {used} of {total} used",
    ]


async def test_times_are_told_here_and_in_utc_on_hover(console: Console):
    program = (
        "(({ textContent, title }) => [textContent, title])(m.moment('2026-07-01T22:30:00.000Z'))"
    )
    shown = await called(console, "format.js", program)
    assert shown == ["2 Jul 2026, 00:30", "2026-07-01 22:30:00 UTC"]
