"""A whole local ledger, and Chromium to look at its console."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from devhost.node import TOOLS
from devhost.stack import Stack
from simulator.control import Control
from tests.browser.chromium import FLAGS, find_chromium, skipping_is_a_failure
from tests.browser.console_tab import Console
from tests.browser.tenants import Shown, fill
from tests.e2e.admin import Admin

# machines of CI are slow now and then
expect.set_options(timeout=20_000)
AXE = TOOLS / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="package")
async def browser() -> AsyncIterator[Browser]:
    """Chromium; without one the tests are skipped, in CI they fail."""
    async with async_playwright() as playwright:
        executable = find_chromium(playwright)
        if executable is None:
            reason = "There is no Chromium: install Debian's package chromium."
            if skipping_is_a_failure():
                pytest.fail(reason)
            pytest.skip(reason)
        started = await playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield started
        await started.close()


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything running, with no portal yet."""
    running = Stack(
        tmp_path_factory.mktemp("browser"),
        environment={"LEASE_SECONDS": "3", "GRAPH_TIMEOUT_SECONDS": "2", "GRAPH_MAX_RETRIES": "2"},
    )
    with running:
        yield running


@pytest.fixture(scope="package")
def cloud(stack: Stack) -> Control:
    """The simulated cloud's control."""
    return Control(stack.simulator_url, stack.control_key, stack.ca_bundle)


@pytest.fixture(scope="package")
def admin(stack: Stack) -> Iterator[Admin]:
    """An admin who prepares by the API what the browser shall show."""
    with Admin(stack.api_url, stack.function_key, stack.master_key) as calling:
        yield calling


@pytest.fixture(scope="package")
def shown(admin: Admin, cloud: Control) -> Shown:
    """A ledger full of hostile names."""
    return fill(admin, cloud)


@pytest.fixture(scope="package")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """One person's browser, which keeps the console's files; what a tab knows goes with it."""
    opened = await browser.new_context(
        viewport={"width": 1280, "height": 1200}, locale="en-GB", timezone_id="Europe/Berlin"
    )
    yield opened
    await opened.close()


@pytest.fixture
async def page(context: BrowserContext) -> AsyncIterator[Page]:
    """A tab that knows nothing."""
    opened = await context.new_page()
    yield opened
    await opened.close()


@pytest.fixture
async def console(page: Page, stack: Stack) -> AsyncIterator[Console]:
    """The console, signed in with the function key; errors it logs fail the test."""
    opened = Console(page, stack)
    await opened.sign_in()
    yield opened
    assert opened.troubles == []


@pytest.fixture(scope="package")
def axe() -> str:
    """axe-core's program, as package-lock.json pins it."""
    assert Path(AXE).exists(), "axe-core is not installed: run `make setup`."
    return AXE.read_text()
