"""What an administrator does on the simulated sign-in page."""

from __future__ import annotations

import html
import re
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import httpx

USER = "ada.admin@contoso.example"
NAME = "Ada Administrator"
PASSWORD = "Correct-Horse-Battery-Staple"


class Browser:
    """Signs in on Microsoft's page; follows no redirect by itself."""

    def __init__(self, ca_bundle: Path) -> None:
        self.http = httpx.Client(
            verify=ssl.create_default_context(cafile=str(ca_bundle)), timeout=30
        )

    def page(self, url: str) -> httpx.Response:
        """What is at an address."""
        return self.http.get(url)

    def submit(
        self, url: str, *, password: str = PASSWORD, decision: str = "accept"
    ) -> httpx.Response:
        """Fills the page's form in; the answer leads back to the app."""
        page = self.page(url)
        assert page.status_code == 200, page.text
        action = re.search(r'action="([^"]+)"', page.text)
        assert action is not None
        parts = urlsplit(url)
        target = f"{parts.scheme}://{parts.netloc}{html.unescape(action.group(1))}"
        form = {"username": USER, "password": password, "decision": decision}
        return self.http.post(target, data=form)

    def sign_in(self, url: str, **choice: str) -> httpx.Response:
        """Signs in, and follows the way back to the app's callback."""
        back = self.submit(url, **choice)
        assert back.status_code == 302, back.text
        return self.http.get(back.headers["location"])
