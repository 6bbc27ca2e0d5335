"""The console behind App Service Authentication: no key is asked for, and roles decide."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, expect

from devhost.stack import Stack
from tests.browser.console_tab import Console
from tests.principal import principal

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An app that App Service signs callers in for; it has no portals."""
    running = Stack(
        tmp_path_factory.mktemp("guarded"),
        simulator=False,
        timers=False,
        environment={"APP_SERVICE_AUTHENTICATION": "true", "WEBSITE_AUTH_ENABLED": "True"},
    )
    with running:
        yield running


@asynccontextmanager
async def signed_in(browser: Browser, stack: Stack, *roles: str) -> AsyncIterator[Page]:
    """A page whose requests carry what App Service adds for somebody with these roles."""
    context = await browser.new_context(extra_http_headers=principal(*roles))
    page = await context.new_page()
    await page.goto(f"{stack.api_url}/console")
    yield page
    await context.close()


async def test_whoever_is_signed_in_needs_no_key(browser: Browser, guarded: Stack):
    async with signed_in(browser, guarded, "Ledger.Read") as page:
        await expect(page.get_by_text("No tenant is connected yet")).to_be_visible()
        assert await page.evaluate("sessionStorage.length") == 0


async def test_who_is_not_signed_in_is_led_to_microsoft_where_app_service_keeps_no_tokens(
    browser: Browser, guarded: Stack
):
    page = await browser.new_page()
    # App Service without a token store, as infra/ deploys it
    await page.route("**/.auth/me", lambda route: route.fulfill(status=404))
    await page.route(
        "**/.auth/login/aad*",
        lambda route: route.fulfill(
            status=302, headers={"Location": "https://login.microsoftonline.com/"}
        ),
    )
    await page.goto(f"{guarded.api_url}/console")
    link = page.get_by_role("link", name="Sign in with Microsoft")
    await expect(link).to_have_attribute(
        "href", "/.auth/login/aad?post_login_redirect_uri=/api/console"
    )
    await page.close()


async def test_who_may_only_look_is_told_so_when_changing_something(
    browser: Browser, guarded: Stack
):
    async with signed_in(browser, guarded, "Ledger.Read") as page:
        await page.get_by_role("link", name="Compliance").click()
        await page.get_by_role("button", name="Recalculate").click()
        await expect(page.get_by_role("alert")).to_contain_text("Ledger.Manage")


async def test_who_has_no_role_sees_why_nothing_is_shown(browser: Browser, guarded: Stack):
    async with signed_in(browser, guarded) as page:
        await page.get_by_role("link", name="Monitor").click()
        await expect(page.get_by_text("You do not have access")).to_be_visible()
        await expect(page.get_by_text("Ledger.Read").first).to_be_visible()


async def test_another_sites_page_can_neither_frame_the_console_nor_read_the_api(
    browser: Browser, guarded: Stack
):
    async with signed_in(browser, guarded, "Ledger.Manage") as page:
        # another origin: the same host under another name
        other = guarded.host_url.replace("127.0.0.1", "localhost")
        await page.goto(f"{other}/api/openapi.json")
        outcome = await page.evaluate(
            """async (api) => {
              const body = JSON.stringify({});
              const headers = { "content-type": "application/json" };
              const ask = (options) => fetch(api + "/imports", options).then(
                (answer) => answer.type === "opaque" ? "opaque" : answer.status, () => "refused");
              return [
                await ask({ method: "POST", body, headers }),
                await ask({ method: "POST", body, mode: "no-cors" }),
              ];
            }""",
            guarded.api_url,
        )
        assert outcome == ["refused", "opaque"]
        await page.goto(f"{guarded.api_url}/console#/monitor")
        await expect(page.get_by_text("No runs")).to_be_visible()


async def test_an_empty_ledger_says_on_every_page_what_comes_next(browser: Browser, guarded: Stack):
    async with signed_in(browser, guarded, "Ledger.Manage") as page:
        console = Console(page, guarded)
        for address, words in (
            ("/portals", "No portals yet"),
            ("/licenses", "Import a portal to see its licenses."),
            ("/compliance", "Recalculate to see where each license stands."),
            ("/people", "contacts appear with the first import"),
            ("/people/usage", "Switch usage tasks on"),
            ("/savings", "Recalculate compliance first."),
            ("/savings/reclamations", "No reclamations yet"),
            ("/monitor", "No runs"),
        ):
            await console.open(address)
            await expect(page.get_by_text(words).first).to_be_visible()
        assert console.troubles == []
