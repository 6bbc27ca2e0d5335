"""What Entra and Graph answer becomes the error catalogue."""

import json
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import (
    DeltaExpired,
    GraphError,
    GraphFailureUnreadable,
    GraphThrottled,
    PermissionMissing,
    TokenRejected,
)
from graph.errors import failure, token_rejected, unreachable
from graph.permissions import needs_of
from graph.retry import GraphCounts, RetryMiddleware, backoff_seconds, retry_after_seconds
from portals.model import CLOUDS

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def body(code: str, message: str = "Text.", inner: str = "innerError") -> bytes:
    """Graph's error body."""
    return json.dumps(
        {"error": {"code": code, "message": message, inner: {"request-id": "rq"}}}
    ).encode()


def told(status: int, content: bytes) -> GraphError:
    """The error for an answer."""
    return failure(status, content, permission="User.Read.All", request_id="header")


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "Request_BadRequest", GraphError),
        (400, "syncStateNotFound", DeltaExpired),
        (400, "resyncRequired", DeltaExpired),
        (410, "anything", DeltaExpired),
        (401, "InvalidAuthenticationToken", TokenRejected),
        (403, "Authorization_RequestDenied", PermissionMissing),
        (403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", GraphError),
        (429, "TooManyRequests", GraphThrottled),
        (500, "", GraphError),
    ],
)
def test_status_and_code_decide_the_class(status, code, expected):
    error = told(status, body(code))
    assert type(error) is expected
    assert error.microsoft_code == code
    assert error.request_id == "rq"
    assert error.remedy


@pytest.mark.parametrize("inner", ["innerError", "innererror"])
def test_the_request_id_is_found_in_either_spelling(inner):
    assert told(400, body("x", inner=inner)).request_id == "rq"


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"error": "text"}', b'{"x": 1}'])
def test_a_failure_without_a_readable_error_says_so(content):
    error = told(502, content)
    assert isinstance(error, GraphFailureUnreadable)
    assert error.request_id == "header"


@given(st.binary(max_size=200), st.integers(400, 599))
def test_any_body_becomes_an_error(content, status):
    assert isinstance(told(status, content), GraphError)


def test_unreachable_lists_the_clouds_addresses():
    for cloud in CLOUDS.values():
        error = unreachable(cloud, "ConnectError")
        assert cloud.login_url.removeprefix("https://") in error.remedy
        assert cloud.graph_url.removeprefix("https://") in error.remedy


def test_a_refused_sign_in_names_the_code_and_no_secret():
    text = (
        "Authentication failed: AADSTS7000215: Invalid client secret hunter2hunter2 provided. "
        "Trace ID: 1 Correlation ID: 2 Timestamp: now"
    )
    error = token_rejected(text, ["hunter2hunter2"])
    assert error.message == "Entra ID refused the sign-in: AADSTS7000215"
    assert error.microsoft_message is not None
    assert "hunter2" not in error.microsoft_message
    assert "Trace ID" not in error.microsoft_message
    assert "value" in error.remedy


def test_codes_have_remedies_of_their_own():
    codes = ("7000215", "7000222", "700027", "700024", "700016", "90002", "65001", "53003", "1")
    remedies = {token_rejected(f"AADSTS{code}: x", ()).remedy for code in codes}
    assert len(remedies) == len(codes)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("10", 10.0),
        ("2.128", 2.128),
        ("-3", 0.0),
        ("Mon, 01 Jun 2026 12:00:07 GMT", 7.0),
        ("Mon, 01 Jun 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_with_fractions_or_a_date(header, seconds):
    assert retry_after_seconds(header, NOW) == seconds


@given(st.integers(0, 30), st.floats(0, 1))
def test_backoff_is_bounded(attempt, jitter):
    assert 0 < backoff_seconds(attempt, jitter) <= 45


class Exchange:
    """A transport that plays answers, and a sleep that notes its seconds."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.slept: list[float] = []
        self.counts = GraphCounts()

    async def sleep(self, seconds: float) -> None:
        """Notes the wait."""
        self.slept.append(seconds)

    async def send(self, method: str = "GET", max_retries: int = 3) -> httpx.Response:
        """The answer that the middleware gives back."""

        def answer(request: httpx.Request) -> httpx.Response:
            found = self.answers.pop(0)
            if isinstance(found, Exception):
                raise found
            return found

        middleware = RetryMiddleware(
            self.counts, max_retries=max_retries, sleep=self.sleep, jitter=lambda: 0.5
        )
        request = httpx.Request(method, "https://graph.example/v1.0/users")
        return await middleware.send(request, httpx.MockTransport(answer))


def answered(status: int, **headers: str) -> httpx.Response:
    """An answer of that status."""
    return httpx.Response(status, headers={k.replace("_", "-"): v for k, v in headers.items()})


async def test_a_throttled_read_waits_as_told_and_is_counted():
    exchange = Exchange(answered(429, retry_after="2.128"), answered(200))
    assert (await exchange.send()).status_code == 200
    assert exchange.slept == [2.128]
    assert exchange.counts == GraphCounts(requests=2, retries=1, throttled=1)


async def test_unavailable_answers_and_broken_connections_are_repeated():
    exchange = Exchange(answered(502), httpx.ReadError("reset"), answered(503), answered(200))
    assert (await exchange.send()).status_code == 200
    assert exchange.counts.retries == 3


async def test_a_write_is_repeated_only_when_it_was_throttled():
    exchange = Exchange(answered(429, retry_after="0"), answered(503))
    assert (await exchange.send("POST")).status_code == 503
    assert exchange.counts.requests == 2
    with pytest.raises(httpx.ConnectError):
        await Exchange(httpx.ConnectError("no")).send("POST")


async def test_retries_end():
    exchange = Exchange(*(answered(503) for _ in range(9)))
    assert (await exchange.send(max_retries=2)).status_code == 503
    assert exchange.counts.requests == 3
    with pytest.raises(httpx.ReadTimeout):
        await Exchange(*(httpx.ReadTimeout("slow") for _ in range(9))).send(max_retries=1)


async def test_a_wait_too_long_is_left_to_the_next_run():
    exchange = Exchange(answered(429, retry_after="3600"))
    assert (await exchange.send()).status_code == 429
    assert exchange.slept == []


async def test_near_the_limit_the_next_call_comes_later():
    exchange = Exchange(answered(200, **{"x-ms-throttle-limit-percentage": "0.9"}))
    await exchange.send()
    assert exchange.slept == [0.9]


def test_a_higher_permission_serves_as_well():
    needs = {need.permission: need for need in needs_of(["import"])}
    assert needs["User.Read.All"].granted_by({"Directory.Read.All"}) == "Directory.Read.All"
    assert needs["User.Read.All"].granted_by({"Organization.Read.All"}) is None
    assert needs["Place.Read.All"].optional
