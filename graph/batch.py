"""Sends several requests as one: each succeeds, fails and is throttled by itself."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from graph.client import GraphClient

MAX_REQUESTS = 20
# An answer that is missing is treated as one that timed out.
_NO_ANSWER = 504


class BatchRequest(msgspec.Struct, frozen=True):
    """One request of a batch; `url` is relative to the version, e.g. `/users/…`."""

    method: str
    url: str
    body: dict[str, object] | None = None


class BatchAnswer(msgspec.Struct, frozen=True):
    """What came of one request; `body` is JSON.

    `uncertain` says that some try of the request, this one or an earlier one,
    was answered in a way that leaves open whether it was carried out.
    `retry_after_seconds` is the wait that the last try was told.
    """

    status: int
    body: bytes
    request_id: str | None = None
    uncertain: bool = False
    retry_after_seconds: float | None = None


class _Part(msgspec.Struct, frozen=True):
    id: str
    status: int
    headers: dict[str, object] | None = None
    body: msgspec.Raw = msgspec.Raw(b"null")

    def header(self, name: str) -> str | None:
        """A header in whatever case Graph wrote it."""
        for key, value in (self.headers or {}).items():
            if key.casefold() == name:
                return str(value)
        return None


class _Answers(msgspec.Struct, frozen=True):
    responses: tuple[_Part, ...]


class _Waiting(msgspec.Struct):
    """A request that is still to be sent, `ready_at` seconds into the waits."""

    request: BatchRequest
    ready_at: float = 0.0
    tries: int = 0
    uncertain: bool = False


_decoder = msgspec.json.Decoder(_Answers)


async def batch(
    graph: GraphClient,
    requests: Mapping[str, BatchRequest],
    *,
    permission: str,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    jitter: Callable[[], float] = random.random,
) -> dict[str, BatchAnswer]:
    """The answer to each of up to 20 requests, by its key.

    What is throttled or unavailable is sent again, each request after its own
    Retry-After; so all of them must be ones that may be repeated. One that is
    told to wait for more than three minutes is not waited for. Raises
    GraphError if the batch itself is refused or not answered; what was asked
    may have been done by then.
    Source: https://learn.microsoft.com/graph/json-batching
    """
    from graph.retry import (
        MAX_DELAY_SECONDS,
        RETRY_STATUSES,
        backoff_seconds,
        retry_after_seconds,
    )

    if len(requests) > MAX_REQUESTS:
        raise ValueError(f"a batch takes {MAX_REQUESTS} requests, not {len(requests)}")
    answers: dict[str, BatchAnswer] = {}
    waiting = {key: _Waiting(request) for key, request in requests.items()}
    waited = 0.0
    while waiting:
        first = min(entry.ready_at for entry in waiting.values())
        if first > waited:
            await sleep(first - waited)
            waited = first
        due = {key: entry for key, entry in waiting.items() if entry.ready_at <= waited}
        parts = await _send(graph, due, permission)
        for key, entry in due.items():
            part = parts.get(key) or _Part(key, _NO_ANSWER)
            entry.uncertain = entry.uncertain or part.status >= 500
            told = retry_after_seconds(part.header("retry-after"), datetime.now(UTC))
            graph.counts.throttled += part.status == 429
            if (
                part.status not in RETRY_STATUSES
                or entry.tries >= graph.max_retries
                or (told is not None and told > MAX_DELAY_SECONDS)
            ):
                answers[key] = BatchAnswer(
                    part.status,
                    bytes(part.body),
                    part.header("request-id"),
                    entry.uncertain,
                    told,
                )
                del waiting[key]
                continue
            graph.counts.retries += 1
            wait = told if told is not None else backoff_seconds(entry.tries, jitter())
            entry.ready_at = waited + wait
            entry.tries += 1
    return answers


async def _send(
    graph: GraphClient, due: Mapping[str, _Waiting], permission: str
) -> dict[str, _Part]:
    from kiota_abstractions.method import Method
    from kiota_abstractions.request_information import RequestInformation

    items = [_item(key, entry.request) for key, entry in due.items()]
    request = RequestInformation(Method.POST)
    request.url = f"{graph.adapter.base_url}/$batch"
    request.headers.try_add("Accept", "application/json")
    request.set_stream_content(msgspec.json.encode({"requests": items}), "application/json")
    answered = await graph.read(request, _decoder, permission=permission)
    return {part.id: part for part in answered.responses}


def _item(key: str, request: BatchRequest) -> dict[str, object]:
    item: dict[str, object] = {"id": key, "method": request.method, "url": request.url}
    if request.body is not None:
        # a body without its type is refused
        item |= {"headers": {"Content-Type": "application/json"}, "body": request.body}
    return item
