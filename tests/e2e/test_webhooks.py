"""Webhooks: what begins is told once, signed, and again until it arrives."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from devhost.stack import Stack
from simulator.control import Control
from tests.e2e.admin import SECRET, Admin, connected
from tests.receiver import Receiver, receiving

SKUS = [{"part_number": "SPE_E3", "enabled": 30}, {"part_number": "VISIOCLIENT", "enabled": 60}]
WAIT_SECONDS = 60


@pytest.fixture
def receiver(stack: Stack) -> Iterator[Receiver]:
    """A receiver over TLS whose certificate the app trusts."""
    with receiving(stack.simulator_dir) as listening:
        yield listening


@pytest.fixture
def webhook(admin: Admin, cloud: Control, receiver: Receiver) -> Iterator[Any]:
    """A webhook for everything, once what the other tests left has been told."""
    review_until(admin, lambda: True)
    created = subscribed(admin, receiver)
    yield created
    admin.call("DELETE", f"/webhooks/{created['webhookId']}", status=204)


def subscribed(admin: Admin, receiver: Receiver, **values: Any) -> Any:
    body = {"name": "Operations", "kind": "generic", "url": receiver.url, **values}
    return admin.call("POST", "/webhooks", body, status=201)


def until(condition: Callable[[], Any]) -> Any:
    """What the condition gives once it gives something."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come about")


def review_until(admin: Admin, condition: Callable[[], Any]) -> Any:
    """Lets alerts be reviewed, and waits."""
    admin.fire("ReviewAlerts")
    time.sleep(0.5)
    return until(condition)


def told(receiver: Receiver, kind: str, portal_id: str) -> list[Any]:
    """The events of a kind that arrived for a portal."""
    events = [body["data"] for body in receiver.bodies() if body["type"] == kind]
    return [event for event in events if event["portalId"] == portal_id]


def alert_kinds(admin: Admin, portal_id: str) -> set[str]:
    """What alerts hold for a portal."""
    return {alert["kind"] for alert in admin.all("/alerts") if alert["portalId"] == portal_id}


def digests(receiver: Receiver) -> list[Any]:
    """The digests that arrived."""
    return [body for body in receiver.bodies() if body["type"] == "digest"]


def recalculated(admin: Admin, cloud: Control, **spec: Any) -> Any:
    portal = connected(admin, cloud, users=20, skus=SKUS, licenses_per_user=1, **spec)
    assert admin.recalculate(portal["portalId"])["state"] == "Succeeded"
    return portal


def shrink(cloud: Control, portal: Any, part_number: str, enabled: int) -> None:
    cloud.call("sku", tenant_id=portal["tenantId"], part_number=part_number, enabled=enabled)


def test_a_change_is_told_once_signed_and_again_only_when_it_happens_again(
    admin: Admin, cloud: Control, receiver: Receiver, webhook: Any
):
    portal = recalculated(admin, cloud)
    portal_id = portal["portalId"]
    admin.fire("ReviewAlerts")
    shrink(cloud, portal, "SPE_E3", 5)
    admin.recalculate(portal_id)
    events = review_until(admin, lambda: told(receiver, "under_licensed", portal_id))
    assert events[0]["facts"] == {"Consumed": 20, "Entitled": 5}
    assert portal["name"] in events[0]["title"]
    assert any(alert["portalId"] == portal_id for alert in admin.all("/alerts"))

    headers, body = next(
        (headers, body)
        for headers, body in receiver.received
        if json.loads(body)["data"]["eventId"] == events[0]["eventId"]
    )
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(webhook["signingKey"].removeprefix("whsec_"))
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{signature}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60

    # nothing changed, so nothing more is told, however often the ledger is looked at
    admin.recalculate(portal_id)
    admin.fire("ReviewAlerts")
    admin.fire("ReviewAlerts")
    cloud.call("remove-sku", tenant_id=portal["tenantId"], part_number="VISIOCLIENT")
    admin.recalculate(portal_id)
    orphaned = review_until(admin, lambda: told(receiver, "cannot_be_synchronized", portal_id))
    assert "removed from tenant" in orphaned[0]["text"]
    assert len(told(receiver, "under_licensed", portal_id)) == 1

    shrink(cloud, portal, "SPE_E3", 50)
    admin.recalculate(portal_id)
    review_until(admin, lambda: "under_licensed" not in alert_kinds(admin, portal_id))
    shrink(cloud, portal, "SPE_E3", 5)
    admin.recalculate(portal_id)
    again = review_until(
        admin, lambda: len(told(receiver, "under_licensed", portal_id)) == 2 or None
    )
    assert again
    ids = {event["eventId"] for event in told(receiver, "under_licensed", portal_id)}
    assert len(ids) == 2


def test_seats_that_nobody_holds_are_told_until_they_are_few(
    admin: Admin, cloud: Control, receiver: Receiver, webhook: Any
):
    portal = recalculated(admin, cloud)
    portal_id = portal["portalId"]
    shrink(cloud, portal, "SPE_E3", 20)
    admin.recalculate(portal_id)
    events = review_until(admin, lambda: told(receiver, "unused", portal_id))
    assert [event["facts"]["Entitled"] for event in events] == [60]
    assert events[0]["remedy"]
    shrink(cloud, portal, "VISIOCLIENT", 1)
    admin.recalculate(portal_id)
    review_until(admin, lambda: "unused" not in alert_kinds(admin, portal_id))


def test_a_license_that_ends_soon_is_told_and_one_that_ends_later_is_not(
    admin: Admin, cloud: Control, receiver: Receiver, webhook: Any
):
    skus = [
        {"part_number": "SPE_E3", "enabled": 20, "next_lifecycle_days": 29},
        {"part_number": "VISIOCLIENT", "enabled": 5, "next_lifecycle_days": 32},
    ]
    portal = connected(admin, cloud, users=20, skus=skus, licenses_per_user=1)
    admin.recalculate(portal["portalId"])
    events = review_until(admin, lambda: told(receiver, "expiring", portal["portalId"]))
    assert [event["facts"]["Entitled"] for event in events] == [20]


def test_an_import_that_fails_is_told_with_its_remedy_and_once(
    admin: Admin, cloud: Control, receiver: Receiver, webhook: Any
):
    portal = connected(admin, cloud)
    portal_id = portal["portalId"]
    cloud.register(portal["tenantId"], portal["clientId"], secret="another one, so ours is wrong")
    for _ in range(2):
        assert admin.import_portal(portal_id)["state"] == "Failed"
        events = review_until(admin, lambda: told(receiver, "import_failing", portal_id))
    assert len(events) == 1
    assert "AADSTS7000215" in events[0]["text"]
    assert events[0]["remedy"]
    assert SECRET not in json.dumps(events)

    cloud.register(portal["tenantId"], portal["clientId"], secret=SECRET)
    assert admin.import_portal(portal_id)["state"] == "Succeeded"
    review_until(admin, lambda: "import_failing" not in alert_kinds(admin, portal_id))


def test_a_credential_near_its_end_is_told(
    admin: Admin, cloud: Control, receiver: Receiver, webhook: Any
):
    portal = connected(admin, cloud)
    ends = (datetime.now(UTC) + timedelta(days=5)).isoformat()
    credential = {"kind": "clientSecret", "value": SECRET, "expiresAt": ends}
    admin.call("PATCH", f"/portals/{portal['portalId']}", {"credential": credential}, status=200)
    events = review_until(admin, lambda: told(receiver, "secret_expiring", portal["portalId"]))
    assert portal["name"] in events[0]["title"]
    assert events[0]["facts"] == {"Days left": 4}


def test_a_receiver_that_is_down_gets_the_same_event_when_it_is_back(
    admin: Admin, cloud: Control, receiver: Receiver, webhook: Any
):
    receiver.will_answer(500, 302)
    portal = recalculated(admin, cloud)
    shrink(cloud, portal, "SPE_E3", 5)
    admin.recalculate(portal["portalId"])
    admin.fire("ReviewAlerts")
    path = f"/webhooks/{webhook['webhookId']}/deliveries"
    done = until(
        lambda: [d for d in admin.all(path) if d["state"] == "delivered" and d["attempts"] > 1]
    )
    assert done[0]["error"] is None
    sent = [h["webhook-id"] for h, _ in receiver.received if h["webhook-id"] == done[0]["eventId"]]
    assert len(sent) == done[0]["attempts"]


def test_a_receiver_that_is_gone_for_good_is_not_asked_again(
    admin: Admin, cloud: Control, receiver: Receiver, webhook: Any
):
    receiver.will_answer(410)
    portal = recalculated(admin, cloud)
    shrink(cloud, portal, "SPE_E3", 5)
    admin.recalculate(portal["portalId"])
    admin.fire("ReviewAlerts")
    path = f"/webhooks/{webhook['webhookId']}/deliveries"
    failed = until(lambda: [d for d in admin.all(path) if d["state"] == "failed"])
    assert (failed[0]["status"], failed[0]["attempts"]) == (410, 1)


def test_a_week_has_one_digest_of_seats_and_money(
    admin: Admin, cloud: Control, receiver: Receiver, webhook: Any
):
    portal = recalculated(admin, cloud)
    sku_id = admin.positions(portal["portalId"])["SPE_E3"]["skuId"]
    # a currency of its own keeps the sum apart from what other tests enter
    price = {"amount": "600", "currency": "ISK", "frequency": "yearly"}
    contract = admin.call(
        "PUT",
        f"/licenses/{portal['portalId']}/{sku_id}/contract",
        {**price, "effectiveDate": "2026-01-01"},
        status=200,
    )
    assert admin.wait_for(contract["recalculationRunId"])["state"] == "Succeeded"
    admin.fire("SendDigest")
    first = until(lambda: digests(receiver))
    facts = first[0]["data"]["facts"]
    assert facts["Licenses"] > 0
    # 10 of 30 seats are assigned to nobody
    assert (facts["Spend a year (ISK)"], facts["Wasted a year (ISK)"]) == ("600", "200")
    admin.fire("SendDigest")
    tested = admin.call("POST", f"/webhooks/{webhook['webhookId']}/test", status=200)
    assert tested == {"accepted": True, "status": 204, "error": None}
    time.sleep(1)
    assert len(digests(receiver)) == 1


@pytest.mark.parametrize(("kind", "part"), [("slack", '"plain_text"'), ("teams", '"AdaptiveCard"')])
def test_each_kind_of_receiver_gets_its_own_form(
    kind: str, part: str, admin: Admin, receiver: Receiver
):
    created = subscribed(admin, receiver, kind=kind, events=["digest"])
    path = f"/webhooks/{created['webhookId']}"
    assert admin.call("POST", f"{path}/test", status=200)["accepted"]
    assert part in receiver.received[0][1].decode()
    admin.call("DELETE", path, status=204)
    admin.call("GET", path, status=404)


def test_the_address_and_the_key_show_nowhere(
    admin: Admin, stack: Stack, receiver: Receiver, cloud: Control
):
    key = "whsec_" + base64.b64encode(b"k" * 32).decode()
    created = subscribed(admin, receiver, signingKey=key)
    path = f"/webhooks/{created['webhookId']}"
    assert created["signingKey"] is None
    assert created["host"] == "localhost"
    receiver.will_answer(500)
    told_ = admin.call("POST", f"{path}/test", status=200)
    answers = json.dumps([created, told_, admin.get(path), admin.all("/webhooks")])
    for secret in ("in-the-address", key):
        assert secret not in answers
        assert secret not in stack.log_tails()
    admin.call("DELETE", path, status=204)
    assert f"webhook-{created['webhookId']}" not in {
        name for name, secret in cloud.call("secrets").items() if not secret["deleted"]
    }


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://169.254.169.254/metadata",
        "https://2130706433/",
        "https://[::1]/",
        "https://ip6-localhost/",
        "https://no-such-host.invalid/",
    ],
)
def test_an_address_inside_the_network_is_refused(url: str, admin: Admin):
    body = {"name": "Inside", "url": url}
    problem = admin.call("POST", "/webhooks", body, status=400)
    assert problem["field"] == "url"
