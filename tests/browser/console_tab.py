"""What a person does with the console, in words of the page."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

from playwright.async_api import ConsoleMessage, Locator, Page, Request, Response, expect

from devhost.stack import Stack

RUN_MILLISECONDS = 60_000
SETTLE_SECONDS = 30
# turns of 50 ms
QUIET_TURNS = 4


class Console:
    """The console in one tab. `troubles` are errors of scripts, policies and foreign requests."""

    def __init__(self, page: Page, stack: Stack) -> None:
        self.page = page
        self.url = f"{stack.api_url}/console"
        self.troubles: list[str] = []
        self._key = stack.function_key
        self._origin = stack.host_url
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("console", self._logged)
        page.on("response", self._answered)
        self._pending: set[Request] = set()
        page.on("request", lambda request: self._pending.add(request))
        page.on("requestfinished", lambda request: self._pending.discard(request))
        page.on("requestfailed", lambda request: self._pending.discard(request))

    def _logged(self, message: ConsoleMessage) -> None:
        # Chromium logs every answer of 400 and above; the tests look at the page instead
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.troubles.append(message.text)

    def _answered(self, response: Response) -> None:
        if not response.url.startswith((self._origin, "data:", "blob:")):
            self.troubles.append(f"a request went to {response.url}")

    async def sign_in(self) -> None:
        """Enters the function key."""
        await self.page.goto(self.url)
        await self.page.get_by_label("Function key").fill(self._key)
        await self.page.get_by_role("button", name="Sign in", exact=True).click()
        await expect(self.heading("Overview")).to_be_visible()

    async def open(self, address: str) -> None:
        """Goes to a view by its address, as a bookmark does."""
        await self.page.goto(f"{self.url}#{address}")
        await self.settled()

    async def settled(self) -> None:
        """Waits until nothing has been asked for a while, and nothing is loading."""
        deadline = time.monotonic() + SETTLE_SECONDS
        quiet = 0
        while quiet < QUIET_TURNS:
            assert time.monotonic() < deadline, [request.url for request in self._pending]
            await asyncio.sleep(0.05)
            quiet = 0 if self._pending else quiet + 1
        await expect(self.page.locator(".state-loading")).to_have_count(0)

    async def section(self, name: str) -> None:
        """Goes to a section by the navigation."""
        await (
            self.page.get_by_role("navigation", name="Sections")
            .get_by_role("link", name=name)
            .click()
        )
        await self.settled()

    def heading(self, name: str) -> Locator:
        """The page's heading."""
        return self.page.get_by_role("heading", level=1, name=name, exact=True)

    def button(self, name: str) -> Locator:
        """A button by its exact name."""
        return self.page.get_by_role("button", name=name, exact=True)

    def row(self, text: str) -> Locator:
        """The table row with a text."""
        return self.page.get_by_role("row").filter(has_text=re.compile(re.escape(text)))

    async def evaluate(self, program: str, argument: Any = None) -> Any:
        """The value of a program run in the page."""
        return await self.page.evaluate(program, argument)
