"""Readiness says what is missing, names it, and does not wait for it long."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest

import composition
from composition import Ledger
from errors import CredentialMissing
from imports.model import ImportSummary
from monitor.health import Check, readiness
from monitor.run import new_run_id
from settings import Settings, read_settings
from simulator.control import Control
from storage.portals import PortalStore
from storage.queues import WorkQueue
from storage.sync_state import SyncStateStore
from storage.tables import Tables
from tests.builders import NOW, make_portal


@pytest.fixture
async def ledger(settings: Settings, tables: Tables, queue: WorkQueue) -> AsyncIterator[Ledger]:
    """A ledger whose portals and queues are this test's own; it is noon."""
    opened = composition.build(settings)
    yield dataclasses.replace(
        opened,
        clock=lambda: NOW,
        portals=PortalStore(tables),
        sync_state=SyncStateStore(tables),
        queue=queue,
    )
    await opened.close()


async def checked(ledger: Ledger, *, seconds: float = 5) -> dict[str, Check]:
    """The checks by name."""
    return {check.name: check for check in await readiness(ledger, seconds=seconds)}


async def imported(ledger: Ledger, *, hours_ago: int, enabled: bool = True) -> str:
    """A portal that was imported so long ago."""
    portal = await ledger.portals.create(msgspec.structs.replace(make_portal(), enabled=enabled))
    moment = NOW - timedelta(hours=hours_ago)
    summary = ImportSummary(portal.portal_id, moment, new_run_id(moment), 1, {})
    await ledger.sync_state.save_summary(summary)
    return portal.portal_id


async def test_everything_passes_when_everything_is_there(ledger: Ledger):
    oldest = await imported(ledger, hours_ago=11)
    await imported(ledger, hours_ago=1)
    checks = await checked(ledger)
    assert checks.keys() == {"storage", "queues", "key_vault", "portals"}
    assert {check.state for check in checks.values()} == {"passed"}, checks
    assert f"Portal {oldest} was imported longest ago" in checks["portals"].detail


async def test_one_overdue_portal_warns_and_all_of_them_fail(ledger: Ledger):
    late = await imported(ledger, hours_ago=13)
    # what is switched off is not due
    await imported(ledger, hours_ago=500, enabled=False)
    assert (await checked(ledger))["portals"].state == "failed"
    await imported(ledger, hours_ago=1)
    portals = (await checked(ledger))["portals"]
    assert portals.state == "warning"
    assert late in portals.detail
    assert "1 of 2" in portals.detail


async def test_given_up_messages_warn_with_their_number(ledger: Ledger):
    await ledger.queue.send("imports", b"{}")
    for _ in range(2):
        await ledger.queue.send("recalculations-poison", b"{}")
    queues = (await checked(ledger))["queues"]
    assert queues.state == "warning"
    assert queues.detail == "2 messages were given up, 1 wait."


async def test_a_vault_that_refuses_the_app_fails(ledger: Ledger, cloud: Control):
    cloud.call("vault", refused=True)
    try:
        vault = (await checked(ledger))["key_vault"]
        with pytest.raises(CredentialMissing):
            await ledger.credentials.probe()
    finally:
        cloud.call("vault", refused=False)
    assert vault.state == "failed"
    assert vault.detail.startswith("Key Vault cannot be used: ")


async def test_what_does_not_answer_fails_in_time_and_hinders_no_other_check(
    ledger: Ledger, cloud: Control
):
    cloud.fault("latency", match="/secrets/", seconds=20)
    began = time.monotonic()
    checks = await checked(ledger, seconds=0.7)
    assert time.monotonic() - began < 3
    assert checks["key_vault"].state == "failed"
    assert checks["key_vault"].detail == "No answer within 0.7 seconds."
    assert checks["storage"].state == checks["queues"].state == "passed"


async def test_storage_that_is_away_fails_in_time(settings: Settings):
    away = read_settings(
        {
            "AzureWebJobsStorage": "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;"
            "TableEndpoint=http://127.0.0.1:9/a;QueueEndpoint=http://127.0.0.1:9/a"
        }
    )
    opened = composition.build(away)
    checks = await checked(opened, seconds=2)
    await opened.close()
    assert {name: check.state for name, check in checks.items()} == dict.fromkeys(
        ("storage", "queues", "key_vault", "portals"), "failed"
    )
    assert all(check.milliseconds < 4000 for check in checks.values())
    assert "KEY_VAULT_URL" not in checks["key_vault"].detail
    assert "no vault is configured" in checks["key_vault"].detail
