"""Pages of collections: $top, opaque skip tokens, and links that keep the query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import quote

from simulator.http import Request, Response
from simulator.odata import bad_request, collection, opaque, unopaque

DEFAULT_PAGE = 100
MAX_PAGE = 999
Item = TypeVar("Item")


def page_bounds(
    request: Request, *, default: int = DEFAULT_PAGE, largest: int = MAX_PAGE
) -> tuple[int, int] | Response:
    """Where the page begins and how many items it may have; 400 for what is no page.

    A page larger than `largest` is cut to it, unless it is beyond what any
    collection allows.
    """
    top = request.query.get("$top", str(default))
    if not (top.isascii() and top.isdecimal()) or not 1 <= int(top) <= MAX_PAGE:
        return bad_request(request, f"Invalid page size specified: '{top}'.")
    token = request.query.get("$skiptoken")
    start = 0
    if token is not None:
        position = unopaque(token)
        at = position.get("at") if position is not None else None
        if not isinstance(at, int) or at < 0:
            return bad_request(request, "The page token is invalid.", "Directory_ExpiredPageToken")
        start = at
    return start, min(int(top), largest)


def next_link(request: Request, following: int) -> str:
    """The link to the page that begins at `following`; the query stays as it is."""
    kept = {name: text for name, text in request.query.items() if name != "$skiptoken"}
    query = "&".join(
        f"{name}={quote(text, safe='$,/()')}"
        for name, text in {**kept, "$skiptoken": opaque(at=following)}.items()
    )
    return f"{request.base}{quote(request.path)}?{query}"


def paged(
    request: Request,
    version: str,
    context: str,
    items: Sequence[Item],
    encode: Callable[[Item], bytes],
    *,
    count: int | None = None,
) -> Response:
    """The page of the collection that the request asks for; `count` comes on the first one."""
    bounds = page_bounds(request)
    if isinstance(bounds, Response):
        return bounds
    start, size = bounds
    links = {}
    if start + size < len(items):
        links["nextLink"] = next_link(request, start + size)
    return collection(
        request,
        context,
        [encode(item) for item in items[start : start + size]],
        version=version,
        links=links,
        count=count if start == 0 else None,
    )
