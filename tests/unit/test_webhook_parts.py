"""What webhooks decide without any network: addresses, signatures, changes, payloads."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.model import ConsumerCounts, Position
from errors import InvalidInput
from identifiers import PortalId, RunId, SkuId
from monitor.run import Run
from webhooks.address import checked_host, is_public
from webhooks.changes import ended, event_of, grouped, outcomes, position_alert, position_kind
from webhooks.model import ALERT_KINDS, TOLD_SINGLY, Alert, Event, Fact, WebhookSecret, wait_seconds
from webhooks.payload import body_of
from webhooks.signature import checked_key, new_key, signed_headers

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "168.63.129.16.",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - to be refused
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2001:0:1:2::1",
        "ff02::1",
        "not-an-address",
    ],
)
def test_an_address_inside_some_network_is_not_public(address: str):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "64:ff9b::5db8:d822"])
def test_an_address_of_the_internet_is_public(address: str):
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "https://",
        "https:///path",
        "example.com",
        "https://user:pass@example.com/",
        "https://user@example.com/",
        "https://example.com/#part",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://exa mple.com/",
        "https://example.com/\r\nHost: x",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://example.com/" + "x" * 2048,
        "https://[oops/",
    ],
)
def test_an_address_that_may_not_be_called_is_refused_without_being_repeated(url: str):
    with pytest.raises(InvalidInput) as refused:
        checked_host(url, ())
    assert refused.value.field == "url"
    assert "x" * 100 not in refused.value.message + refused.value.remedy
    assert "user" not in refused.value.message.replace("user name", "")


def test_a_private_address_may_be_called_where_the_deployment_says_so():
    assert checked_host("https://127.0.0.1:8443/x", {"127.0.0.1"}) == "127.0.0.1"
    assert checked_host("https://Example.COM/x", ()) == "example.com"


@given(st.binary(max_size=200), st.text(min_size=1, max_size=40))
def test_a_receiver_can_check_the_signature_as_standard_webhooks_says(body: bytes, event_id: str):
    key = new_key()
    headers = signed_headers(key, event_id, body, NOW)
    signed = f"{event_id}.{int(NOW.timestamp())}.".encode() + body
    raw_key = base64.b64decode(key.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(raw_key, signed, hashlib.sha256).digest()).decode()
    assert headers == {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(NOW.timestamp())),
        "webhook-signature": f"v1,{expected}",
    }


@pytest.mark.parametrize(
    "key", ["", "secret", "whsec_", "whsec_abc", "whsec_" + "A" * 120, "whsec_***"]
)
def test_a_weak_or_broken_key_is_refused(key: str):
    with pytest.raises(InvalidInput) as refused:
        checked_key(key)
    assert refused.value.field == "signingKey"


def test_a_key_that_was_made_is_a_good_one_and_shows_in_no_representation():
    key = new_key()
    assert checked_key(key) == key
    assert len({new_key() for _ in range(10)}) == 10
    assert "A" not in repr(WebhookSecret("https://A", "A"))


def test_waits_grow_to_six_hours():
    waits = [wait_seconds(attempts, 30) for attempts in range(1, 9)]
    assert waits == [30, 120, 480, 1920, 7680, 21600, 21600, 21600]


def alert(number: int, kind: Any = "under_licensed") -> Alert:
    return Alert(f"{kind}:{number}", kind, NOW, f"Title: L{number:02}", "text", "remedy")


EVENT_IDS = {kind: f"{kind}:many" for kind in ALERT_KINDS}


def test_few_changes_are_told_one_by_one_and_many_of_a_kind_at_once():
    few = grouped([alert(n) for n in range(TOLD_SINGLY)], EVENT_IDS)
    assert len({found.event_id for found in few}) == TOLD_SINGLY
    many = grouped([alert(n) for n in range(TOLD_SINGLY + 1)], EVENT_IDS)
    assert {found.event_id for found in many} == {"under_licensed:many"}
    mixed = grouped([*(alert(n) for n in range(20)), alert(1, "import_failing")], EVENT_IDS)
    assert mixed[-1].event_id.startswith("import_failing:1:")


def test_the_same_state_beginning_anew_is_another_event():
    later = msgspec.structs.replace(alert(1), since=NOW + timedelta(days=1))
    first, second = (grouped([a], EVENT_IDS)[0].event_id for a in (alert(1), later))
    assert first != second


def test_an_event_for_many_counts_them_and_names_ten():
    event = event_of(grouped([alert(n) for n in range(37)], EVENT_IDS))
    assert event.title == "37 licenses are under-licensed"
    assert "L09" in event.text
    assert "L10" not in event.text
    assert "27 more" in event.text
    assert event.facts == (Fact("Number", 37),)


@given(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)))
def test_alerts_end_when_their_state_does_and_not_when_nothing_is_known(
    known: set[int], held: set[int], unknown: set[int]
):
    keys = lambda numbers: {f"under_licensed:{n}" for n in numbers}  # noqa: E731
    gone = {a.key for a in ended([alert(n) for n in known], keys(held), keys(unknown))}
    assert gone == keys(known - held - unknown)


def run(portal: str | None, state: Any, minutes: int) -> Run:
    created = NOW - timedelta(minutes=minutes)
    portal_id = PortalId(portal) if portal else None
    return Run(RunId(f"{portal}{minutes}"), "import", "timer", state, created, portal_id=portal_id)


def test_the_last_finished_import_counts_and_unfinished_ones_are_looked_at_again():
    runs = [
        run("a", "Running", 1),
        run("a", "Failed", 5),
        run(None, "Failed", 6),
        run("b", "Succeeded", 7),
        run("c", "Queued", 8),
        run("a", "Succeeded", 9),
        run("b", "Failed", 10),
    ]
    found = outcomes(runs, NOW)
    assert {portal: last.state for portal, last in found.last.items()} == {
        "a": "Failed",
        "b": "Succeeded",
    }
    assert found.since == NOW - timedelta(minutes=8)
    assert outcomes([], NOW).since == NOW


def position(status: Any, reason: Any = None) -> Position:
    return Position(
        PortalId("p"),
        SkuId("s"),
        "Contoso",
        "Visio",
        "VISIO",
        status,
        reason,
        *(10, 13, -3, 0, 0, 0, 13),
        ConsumerCounts(),
        (),
        None,
        False,
        NOW,
        NOW,
    )


def test_a_position_raises_an_alert_only_where_somebody_must_act():
    found = position_alert(position("under_licensed"), NOW)
    assert found is not None
    assert (found.key, found.title) == ("under_licensed:p:s", "Under-licensed: Visio of Contoso")
    assert "3 are missing" in found.text
    orphaned = position_alert(position("cannot_be_synchronized", "removed_from_tenant"), NOW)
    assert orphaned is not None
    assert orphaned.key == "cannot_be_synchronized:p:s:removed_from_tenant"
    assert orphaned.remedy
    ending = msgspec.structs.replace(position("expiring"), next_lifecycle_at=NOW)
    found = position_alert(ending, NOW)
    assert found is not None
    assert (found.key, found.title) == ("expiring:p:s", "Expiring: Visio of Contoso")
    assert "2026-05-04" in found.text
    for status in ("compliant", "over_licensed", "suspended", "not_calculable"):
        assert position_alert(position(status), NOW) is None


@pytest.mark.parametrize(
    ("status", "entitled", "available", "raised"),
    [
        ("over_licensed", 20, 10, "unused"),
        ("over_licensed", 20, 9, None),
        ("over_licensed", 110, 11, "unused"),
        ("over_licensed", 111, 11, None),
        ("over_licensed", 9_999, 9_999, "unused"),
        ("over_licensed", 10_000, 9_990, None),
        ("over_licensed", 1_010_000, 1_000_000, None),
        ("compliant", 20, 10, None),
        ("suspended", 20, 20, None),
    ],
)
def test_spare_seats_raise_an_alert_where_they_are_many_and_not_free(
    status: Any, entitled: int, available: int, raised: str | None
):
    found = msgspec.structs.replace(
        position(status), entitled=entitled, consumed=entitled - available, available=available
    )
    assert position_kind(found) == raised
    alert = position_alert(found, NOW)
    assert (alert.key if alert else None) == (f"{raised}:p:s" if raised else None)
    assert alert is None or f"nobody holds {available}." in alert.text


EVIL = Event(
    "e1",
    "under_licensed",
    NOW,
    "<!channel> *[click](https://evil.example)* & co",
    "<https://evil.example|Salary>",
    "Buy more.",
    (Fact("Missing", 3),),
    PortalId("p"),
    "s",
)


def test_the_generic_body_has_type_time_and_data():
    body = json.loads(body_of(EVIL, "generic"))
    assert body["type"] == "under_licensed"
    assert body["timestamp"] == "2026-05-04T12:00:00.000+00:00"
    assert body["data"]["eventId"] == "e1"
    assert body["data"]["facts"] == {"Missing": 3}


def test_slack_gets_plain_text_that_mentions_nobody():
    body = json.loads(body_of(EVIL, "slack"))
    assert "<!channel>" not in body["text"]
    assert body["mrkdwn"] is False
    assert {block["text"]["type"] for block in body["blocks"]} == {"plain_text"}
    long = json.loads(body_of(msgspec.structs.replace(EVIL, title="x" * 500), "slack"))
    assert len(long["blocks"][0]["text"]["text"]) == 150


def test_teams_gets_a_card_of_elements_that_know_no_markdown():
    body = json.loads(body_of(EVIL, "teams"))
    attachment = body["attachments"][0]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    blocks = attachment["content"]["body"]
    assert {block["type"] for block in blocks} == {"RichTextBlock"}
    texts = [block["inlines"][0]["text"] for block in blocks]
    assert texts == [EVIL.title, EVIL.text, "Missing: 3", EVIL.remedy]
