"""The connection test in the browser: each check is shown as it passes, not at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.async_api import Locator, Page, expect

from simulator.control import Control
from tests.browser.console_tab import Console
from tests.e2e.admin import SECRET, Admin, connected, new_tenant

pytestmark = pytest.mark.timeout(400)

# the tenant's licenses take so long; the app waits for two
SLOW_SECONDS = 1.5
# notes how many checks are shown, each time that this changes
_OBSERVER = """
window.shownChecks = [0];
new MutationObserver(() => {
  const shown = document.querySelectorAll(".live .step").length;
  if (shown !== window.shownChecks.at(-1)) window.shownChecks.push(shown);
}).observe(document, { childList: true, subtree: true });
"""


@pytest.fixture(autouse=True)
def no_faults_left(cloud: Control) -> Iterator[None]:
    """Faults end with the test."""
    yield
    cloud.clear_faults()


def slow_licenses(cloud: Control, tenant_id: str) -> None:
    cloud.fault("latency", match="subscribedSkus", tenant=tenant_id, seconds=SLOW_SECONDS)


def step(page: Page, name: str) -> Locator:
    return page.locator(".live .step", has=page.get_by_text(name, exact=True))


async def test_each_check_of_a_saved_portal_is_shown_as_it_passes(
    console: Console, page: Page, admin: Admin, cloud: Control
):
    portal = connected(admin, cloud)
    slow_licenses(cloud, portal["tenantId"])
    await console.open(f"/portals/{portal['portalId']}")
    await console.button("Test connection").click()
    await expect(page.locator(".step-next")).to_have_text("Licenses …")
    await expect(step(page, "Organization")).to_contain_text("Passed")
    await expect(step(page, "Permission User.Read.All")).to_have_count(0)
    await expect(step(page, "Permission User.Read.All")).to_contain_text("Passed")
    await expect(page.locator(".step-next")).to_have_count(0)
    chosen = page.locator(".master-item[aria-current]")
    await expect(chosen).to_contain_text("Passed")
    await expect(page.locator(".essentials").first).to_contain_text("Passed")


async def test_each_check_of_settings_not_saved_is_shown_as_it_passes(
    console: Console, page: Page, cloud: Control
):
    tenant_id, client_id = new_tenant(cloud)
    slow_licenses(cloud, tenant_id)
    await enter(console, tenant_id, client_id, SECRET)
    await console.evaluate(_OBSERVER)
    await console.button("Test connection").click()
    await expect(page.locator(".live .test > p")).to_have_text("Passed")
    seen = await console.evaluate("window.shownChecks")
    assert seen[:5] == [0, 1, 2, 3, 4]
    assert len(seen) == 6
    names = await page.locator(".live .step strong").all_text_contents()
    assert names[:4] == ["Credential", "Token", "Organization", "Licenses"]


async def test_a_refused_sign_in_ends_the_test_and_what_follows_is_skipped(
    console: Console, page: Page, cloud: Control
):
    tenant_id, client_id = new_tenant(cloud)
    await enter(console, tenant_id, client_id, "not-the-secret-of-this-application")
    await console.button("Test connection").click()
    await expect(page.locator(".live .test > p")).to_have_text("Failed")
    await expect(step(page, "Credential")).to_contain_text("Passed")
    await expect(step(page, "Token")).to_contain_text("AADSTS7000215")
    await expect(step(page, "Licenses")).to_contain_text("Skipped")
    names = await page.locator(".live .step strong").all_text_contents()
    assert len(names) == len(set(names))


async def enter(console: Console, tenant_id: str, client_id: str, secret: str) -> None:
    """Fills in the wizard up to the connection."""
    page = console.page
    await console.open("/portals/new")
    await page.get_by_label("Name").fill("Not saved yet")
    await console.button("Next: Connection").click()
    await page.get_by_label("Tenant ID").fill(tenant_id)
    await page.get_by_label("Client ID").fill(client_id)
    await page.get_by_label("Cloud").fill("Simulated")
    await page.get_by_label("Secret value").fill(secret)
