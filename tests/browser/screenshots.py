"""Takes the screenshots of docs/: `python -m tests.browser.screenshots`, on the demo's tenants."""

from __future__ import annotations

import asyncio
import io
import tempfile
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Browser, async_playwright
from rich.console import Console as Terminal

from devhost.api import LedgerApi
from devhost.demo import Demo
from devhost.demo_cast import Member
from devhost.node import ROOT
from devhost.stack import Stack
from simulator.control import IMPORT_PERMISSIONS, Control
from tests.browser.chromium import FLAGS, find_chromium
from tests.browser.console_tab import Console

FOLDER = ROOT / "docs" / "screenshots"
SIZES = {1440: 900, 390: 844}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
# what the demo's Contoso needs beyond an import
PERMISSIONS = (
    *IMPORT_PERMISSIONS,
    "AuditLog.Read.All",
    "LicenseAssignment.ReadWrite.All",
    "Reports.Read.All",
    "ReportSettings.Read.All",
)
RUN_SECONDS = 120


class Preparation:
    """Brings the ledger to where every page has something to show."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._api = LedgerApi(stack.api_url, stack.function_key)
        self._control = Control(stack.simulator_url, stack.control_key, stack.ca_bundle)

    def addresses(self) -> dict[str, str]:
        """The address of each view, by the name of its picture."""
        demo = Demo(self._stack, Terminal(file=io.StringIO()))
        wrong = demo.play()
        if wrong:
            raise RuntimeError(wrong)
        portals = {row["name"]: row["portalId"] for row in self._api.every("portals")}
        contoso = portals["Contoso"]
        self._price(contoso)
        reclamation_id = self._use_and_reclaim(contoso, demo.members[0])
        positions = {
            row["skuPartNumber"]: row for row in self._api.every("compliance", portalId=contoso)
        }
        sku_id = positions["POWER_BI_PRO"]["skuId"]
        consumers = f"licenses/{contoso}/{sku_id}/consumers"
        contact = next(iter(self._api.every(consumers)))
        failed = next(iter(self._api.every("runs", state="Failed")))
        return {
            "overview": "/",
            "portals": f"/portals/{contoso}/general",
            "portal-connection": f"/portals/{portals['Litware']}/connection",
            "portal-exclusions": f"/portals/{contoso}/exclusions",
            "add-portal": "/portals/new",
            "licenses": "/licenses",
            "license": f"/licenses/{contoso}/{sku_id}",
            "compliance": "/compliance",
            "people": "/people",
            "people-usage": f"/people/usage?portal={contoso}",
            "people-services": f"/people/services?portal={contoso}",
            "people-premium": f"/people/premium?portal={contoso}",
            "person": f"/people/{contoso}/{contact['userId']}",
            "savings": "/savings",
            "wasted-seats": "/savings/waste",
            "overlap": "/savings/overlap",
            "what-if": f"/savings/what-if?portal={contoso}&sku={sku_id}",
            "installations": "/savings/installations",
            "reclamation": f"/savings/reclamations/{reclamation_id}",
            "reclamation-preview": "/savings/reclamations/new",
            "monitor": "/monitor",
            "run": f"/monitor/{failed['runId']}",
        }

    def _price(self, portal_id: str) -> None:
        for license_ in self._api.every("licenses", portalId=portal_id):
            price = {
                "amount": f"{license_['entitled'] * 31}.50",
                "currency": "EUR",
                "frequency": "monthly",
                "effectiveDate": "2026-01-01",
                "endDate": "2027-01-15",
            }
            path = f"licenses/{portal_id}/{license_['skuId']}/contract"
            self._api.call("PUT", path, price)

    def _use_and_reclaim(self, portal_id: str, member: Member) -> str:
        self._control.register(
            member.tenant_id,
            member.request["clientId"],
            secret=member.request["credential"]["value"],
            permissions=PERMISSIONS,
        )
        changes = {"tasks": ["roster", "access", "sign_ins"], "reclamationAllowed": True}
        self._api.call("PATCH", f"portals/{portal_id}", changes)
        self._wait(self._api.call("POST", f"portals/{portal_id}/usage"))
        preview = {
            "portalId": portal_id,
            "allLicenses": True,
            "rule": {"blocked": True, "inactiveDays": 90},
        }
        started = self._api.call("POST", "reclamations/preview", preview)
        self._wait(started)
        self._wait(self._api.call("POST", "compliance/recalculate", {"portalIds": [portal_id]}))
        return str(started["previewId"])

    def _wait(self, started: Any) -> None:
        self._api.wait_for_run(started["runId"], seconds=RUN_SECONDS)


async def take(browser: Browser, stack: Stack, views: dict[str, str]) -> None:
    """One picture of each view, in light and dark, wide and narrow."""
    for scheme in SCHEMES:
        for width, height in SIZES.items():
            context = await browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme=scheme,
                locale="en-GB",
                timezone_id="Europe/Berlin",
            )
            console = Console(await context.new_page(), stack)
            await console.sign_in()
            for name, address in views.items():
                await console.open(address)
                await console.page.reload()
                await console.settled()
                await console.page.screenshot(path=FOLDER / f"{name}-{width}-{scheme}.png")
            await context.close()


async def main() -> None:
    """Starts everything, and takes the pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder)) as stack:
        views = Preparation(stack).addresses()
        async with async_playwright() as playwright:
            executable = find_chromium(playwright)
            if executable is None:
                raise SystemExit("There is no Chromium: install Debian's package chromium.")
            browser = await playwright.chromium.launch(executable_path=executable, args=FLAGS)
            await take(browser, stack, views)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
