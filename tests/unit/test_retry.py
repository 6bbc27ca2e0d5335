"""Retries of calls to Graph: what is repeated, how often, and after what wait."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.retry import (
    MAX_DELAY_SECONDS,
    GraphCounts,
    RetryMiddleware,
    backoff_seconds,
    retry_after_seconds,
)

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("10", 10.0),
        ("2.128", 2.128),
        ("-3", 0.0),
        ("Mon, 01 Jun 2026 12:00:07 GMT", 7.0),
        ("Mon, 01 Jun 2026 11:00:00 GMT", 0.0),
        ("Mon, 01 Jun 2026 12:00:07 -0000", 7.0),
        ("Mon, 01 Jun 2026 12:00:07", 7.0),
        ("Mon, 01 Jun 2026 14:00:07 +0200", 7.0),
        ("Mon, 01 Jun 2026 12:00:07 +99999999999999999999", None),
        ("inf", None),
        ("nan", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_with_fractions_or_a_date(header, seconds):
    assert retry_after_seconds(header, NOW) == seconds


@given(st.floats(0, 1e6))
def test_fractions_of_a_second_are_kept(seconds):
    assert retry_after_seconds(str(seconds), NOW) == seconds


@given(st.integers(-86_400, 86_400))
def test_a_date_is_as_good_as_the_seconds_until_it(seconds):
    header = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert retry_after_seconds(header, NOW) == max(0, seconds)


@given(st.text(max_size=40) | st.from_regex(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d+ [\d:]+ \S*"))
def test_any_header_is_a_bounded_wait_or_none(header):
    seconds = retry_after_seconds(header, NOW)
    assert seconds is None or 0 <= seconds < float("inf")


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


@pytest.mark.parametrize("percentage", ["0.79", "much", "nan", ""])
async def test_far_from_the_limit_nothing_waits(percentage):
    exchange = Exchange(answered(200, **{"x-ms-throttle-limit-percentage": percentage}))
    await exchange.send()
    assert exchange.slept == []


async def test_beyond_the_limit_the_wait_is_bounded():
    exchange = Exchange(answered(200, **{"x-ms-throttle-limit-percentage": "1000"}))
    await exchange.send()
    assert exchange.slept == [5.0]


async def test_the_longest_wait_is_still_waited():
    exchange = Exchange(answered(429, retry_after=str(MAX_DELAY_SECONDS)), answered(200))
    assert (await exchange.send()).status_code == 200
    assert exchange.slept == [MAX_DELAY_SECONDS]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 500, 501])
async def test_an_answer_that_stays_the_same_is_not_asked_for_again(status):
    exchange = Exchange(answered(status, retry_after="1"))
    assert (await exchange.send()).status_code == status
    assert exchange.counts == GraphCounts(requests=1)
    assert exchange.slept == []


async def test_without_a_wait_named_by_the_server_waits_grow():
    exchange = Exchange(*(answered(503) for _ in range(4)))
    await exchange.send(max_retries=3)
    assert exchange.slept == [0.5, 1.0, 2.0]


async def test_a_body_that_breaks_off_is_read_again():
    async def broken():
        yield b"{"
        raise httpx.ReadError("reset")

    exchange = Exchange(httpx.Response(200, content=broken()), httpx.Response(200, content=b"{}"))
    assert (await exchange.send()).content == b"{}"
    assert exchange.counts.retries == 1


async def test_with_no_retries_the_first_answer_is_the_last():
    exchange = Exchange(answered(429, retry_after="1"))
    assert (await exchange.send(max_retries=0)).status_code == 429
    assert exchange.counts == GraphCounts(requests=1, throttled=1)


@given(st.lists(st.sampled_from([200, 404, 429, 502, 503, 504]), min_size=5, max_size=5))
async def test_every_request_but_the_first_is_a_retry(statuses):
    exchange = Exchange(*(answered(status) for status in statuses))
    await exchange.send(max_retries=4)
    assert exchange.counts.requests == exchange.counts.retries + 1
    assert len(exchange.slept) == exchange.counts.retries
