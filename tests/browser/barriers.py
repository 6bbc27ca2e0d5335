"""What axe-core finds that keeps people out."""

from __future__ import annotations

from playwright.async_api import Page

SERIOUS = ("serious", "critical")


async def barriers(page: Page, axe: str) -> list[str]:
    """The serious violations that axe-core finds on the page."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(axe)
    result = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {node['html'][:160]} {node['failureSummary'][-160:]}"
        for violation in result["violations"]
        if violation["impact"] in SERIOUS
        for node in violation["nodes"][:3]
    ]
