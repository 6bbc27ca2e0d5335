"""Downloads what Graph redirects to: a pre-authenticated address of another service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

from kiota_http.middleware.options import RedirectHandlerOption

from errors import GraphUnreachable
from graph.client import failed
from graph.errors import unreadable_success
from graph.retry import MAX_DELAY_SECONDS, RETRY_STATUSES, backoff_seconds, retry_after_seconds

if TYPE_CHECKING:
    from kiota_abstractions.request_information import RequestInformation

    from graph.client import GraphClient

# An address lives for minutes; a new one is asked for at each try.
_WORTH_ANOTHER_ADDRESS = frozenset({401, 403, 404, 410}) | RETRY_STATUSES


async def download_redirected(
    graph: GraphClient,
    make_request: Callable[[], RequestInformation],
    target: BinaryIO,
    *,
    permission: str,
) -> None:
    """Writes what a request leads to into `target`, from its start, in one piece.

    Graph answers with an address that is its own key; the access token is not
    sent there. A download that breaks off begins again. Raises GraphError.
    """
    for attempt in range(graph.max_retries + 1):
        last = attempt == graph.max_retries
        target.seek(0)
        target.truncate()
        address = await _address(graph, make_request(), permission)
        try:
            answer = await graph.download(address, target)
        except GraphUnreachable:
            if last:
                raise
            delay = backoff_seconds(attempt, 0.5)
        else:
            if answer.is_success:
                target.seek(0)
                return
            if last or answer.status_code not in _WORTH_ANOTHER_ADDRESS:
                raise unreadable_success(None)
            wanted = retry_after_seconds(answer.headers.get("Retry-After"), datetime.now(UTC))
            delay = wanted if wanted is not None else backoff_seconds(attempt, 0.5)
            if delay > MAX_DELAY_SECONDS:
                raise unreadable_success(None)
        graph.counts.retries += 1
        await asyncio.sleep(delay)


async def _address(graph: GraphClient, request: RequestInformation, permission: str) -> str:
    request.add_request_options([RedirectHandlerOption(should_redirect=False)])
    answer = await graph.answer(request)
    if not answer.is_redirect:
        raise unreadable_success(None) if answer.is_success else failed(answer, permission)
    address = str(answer.headers.get("Location", ""))
    try:
        parts = urlsplit(address)
        usable = parts.scheme == "https" and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise unreadable_success(answer.headers.get("request-id"))
    return address
