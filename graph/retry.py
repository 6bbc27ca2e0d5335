"""The one retry layer for Graph, as middleware of its SDK.

It stands in for the SDK's own handler, which ignores a Retry-After with
fractions, 502, and connections that break.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import msgspec
from kiota_http.middleware import BaseMiddleware

from telemetry.signals import count, span

RETRY_STATUSES = frozenset({429, 502, 503, 504})
REPEATABLE = frozenset({"GET", "HEAD"})
# Waiting longer than this blocks a worker; the next scheduled run does better.
MAX_DELAY_SECONDS = 180.0
_BASE_SECONDS = 0.5
_NEAR_LIMIT = 0.8
_NEAR_LIMIT_DELAY_SECONDS = 1.0


class GraphCounts(msgspec.Struct):
    """Calls made for one portal; retries are among the requests."""

    requests: int = 0
    retries: int = 0
    throttled: int = 0


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """The seconds of a Retry-After header: a number, maybe with fractions, or a date.

    Source: https://learn.microsoft.com/graph/throttling
    """
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        pass
    else:
        return max(0.0, seconds) if math.isfinite(seconds) else None
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        # a date without a zone, or with -0000, is in UTC
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def backoff_seconds(attempt: int, jitter: float) -> float:
    """The wait before attempt `attempt` + 1 when the server names none; `jitter` is 0 to 1."""
    return float(min(30.0, _BASE_SECONDS * 2**attempt) * (0.5 + jitter))


class RetryMiddleware(BaseMiddleware):
    """Repeats what may be repeated: throttled and unavailable answers, and broken reads."""

    def __init__(
        self,
        counts: GraphCounts,
        *,
        max_retries: int,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        super().__init__()
        self._counts = counts
        self._max_retries = max_retries
        self._sleep = sleep
        self._jitter = jitter

    async def send(
        self, request: httpx.Request, transport: httpx.AsyncBaseTransport
    ) -> httpx.Response:
        """Sends the request until it is answered, or retries are used up."""
        repeatable = request.method in REPEATABLE
        for attempt in range(self._max_retries + 1):
            last = attempt == self._max_retries
            self._counts.requests += 1
            try:
                response = await self._once(request, transport, attempt)
            except httpx.TransportError:
                if last or not repeatable:
                    raise
                delay = backoff_seconds(attempt, self._jitter())
            else:
                self._counts.throttled += response.status_code == 429
                wanted = retry_after_seconds(response.headers.get("Retry-After"), datetime.now(UTC))
                if (
                    last
                    or response.status_code not in RETRY_STATUSES
                    or (not repeatable and response.status_code != 429)
                    or (wanted is not None and wanted > MAX_DELAY_SECONDS)
                ):
                    await self._slow_down(response)
                    return response
                delay = wanted if wanted is not None else backoff_seconds(attempt, self._jitter())
                await response.aclose()
            self._counts.retries += 1
            await self._sleep(delay)
        raise AssertionError("the loop returns or raises at its last attempt")

    async def _once(
        self, request: httpx.Request, transport: httpx.AsyncBaseTransport, attempt: int
    ) -> httpx.Response:
        count("ledger.graph_requests")
        with span("graph.request", resource=_resource(request.url), attempt=attempt + 1) as told:
            response = await super().send(request, transport)
            # a connection that breaks in the middle of a body is retried too
            await response.aread()
            told.note("status", response.status_code)
        if response.status_code == 429:
            count("ledger.graph_throttled")
        return response

    async def _slow_down(self, response: httpx.Response) -> None:
        """Waits a little when the tenant says that its limit is near."""
        try:
            used = float(response.headers.get("x-ms-throttle-limit-percentage", "0"))
        except ValueError:
            return
        if used >= _NEAR_LIMIT:
            await self._sleep(min(5.0, _NEAR_LIMIT_DELAY_SECONDS * used))


def _resource(url: httpx.URL) -> str:
    """The collection that an address asks for, e.g. `users`; what follows may name a person."""
    parts = url.path.replace("$", "").split("/")
    return parts[2] if len(parts) > 2 and parts[2].isalpha() else "other"
