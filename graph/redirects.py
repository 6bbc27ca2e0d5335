"""Follows redirects within Graph, and none that lead elsewhere."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import httpx
from kiota_http.middleware import RedirectHandler


class HeldRedirects(RedirectHandler):
    """The SDK's handler, held to one host: what another one answers is not Graph's answer."""

    def __init__(self, graph_url: str) -> None:
        super().__init__()
        self._graph_url = graph_url

    def get_redirect_location(self, response: httpx.Response) -> str | bool | None:
        """Where to go on, None if that is not Graph; the redirect is the answer then."""
        location = super().get_redirect_location(response)
        if not isinstance(location, str) or not same_service(
            urljoin(self._graph_url, location), self._graph_url
        ):
            return None
        return location


def same_service(address: str, graph_url: str) -> bool:
    """Whether the address is one of the Graph at `graph_url`."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme == "https" and (
        parts.netloc.casefold() == urlsplit(graph_url).netloc.casefold()
    )
