"""Usage runs that are handed over or killed in between end as undisturbed ones do."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import composition
import usage.journal
import usage.service
from composition import Ledger
from devhost.stack import Stack
from identifiers import PortalId, UserId
from ledger.erasure import erase_person
from monitor.run import FINISHED, Run
from portals.model import Portal
from settings import Settings
from simulator.control import Control
from storage.usage import CHECKPOINT_KIND
from storage.usage_staging import TABLE
from tests.builders import make_run
from tests.contract.test_usage_collection import collected, connected
from usage.messages import UsageMessage

ROOT = Path(__file__).parents[2]
USERS = 4000
APPS = "Microsoft 365 Apps for enterprise - en-us"


@pytest.fixture
async def ledger(settings: Settings) -> AsyncIterator[Ledger]:
    """A ledger on the running parts."""
    opened = composition.build(settings)
    yield opened
    await opened.close()


@pytest.fixture
async def hurried(settings: Settings) -> AsyncIterator[Ledger]:
    """A ledger whose time budget is spent whenever it is looked at."""
    opened = composition.build(msgspec.structs.replace(settings, import_time_budget_seconds=1e-9))
    yield opened
    await opened.close()


async def tenant_with_devices(ledger: Ledger, cloud: Control, users: int) -> Portal:
    """A portal whose tenant has sign-ins, reports and devices."""
    portal = await connected(ledger, cloud, users=users)
    ids = list(cloud.truth(portal.tenant_id, users=True)["users"])
    for number in range(30):
        cloud.call(
            "device",
            tenant_id=portal.tenant_id,
            name=f"PC {number}",
            user_id=ids[number % 20],
            apps=[[APPS, "16"]] if number % 3 == 0 else [],
        )
    return portal


async def all_rows(ledger: Ledger, portal_id: PortalId) -> dict[str, Any]:
    """What the tables hold of a portal's usage, without what tells runs and times apart."""
    status = await ledger.usage.status(portal_id)
    summary = await ledger.usage.summary(portal_id)
    assert status is not None
    assert summary is not None
    return {
        "usage": [found async for block in ledger.usage.blocks(portal_id) for found in block],
        "devices": [d async for block in ledger.usage.devices.blocks(portal_id) for d in block],
        "known": (sorted(status.tasks), status.refreshed_on, status.unavailable),
        "summary": (summary.families, summary.licenses),
        "left": await left_over(ledger, portal_id),
    }


async def left_over(ledger: Ledger, portal_id: PortalId) -> tuple[bool, int]:
    """Whether there is a checkpoint, and how many rows are staged."""
    tables = ledger.usage.staging._tables
    table = await tables.table(TABLE)
    rows = [
        row async for row in tables.query(table, "PartitionKey eq @portal", {"portal": portal_id})
    ]
    return await ledger.sync_state.read(portal_id, CHECKPOINT_KIND) is not None, len(rows)


async def new_run(ledger: Ledger, portal: Portal) -> Run:
    """A queued usage run of the portal."""
    run = make_run(ledger.clock(), portal_id=portal.portal_id, task="usage")
    await ledger.runs.create(run)
    return run


async def handed_over(ledger: Ledger, portal: Portal, run: Run) -> int:
    """Executes the run from message to message; returns how often it was handed over."""
    for attempt in range(1, 100):
        message = UsageMessage(portal.portal_id, run.run_id, attempt)
        await usage.service.collect_usage(ledger, message, worker="test")
        if (await ledger.runs.get(run.run_id)).state in FINISHED:
            return attempt - 1
    raise AssertionError("the run did not end")


async def test_a_run_out_of_time_goes_on_where_it_stopped(
    ledger: Ledger, hurried: Ledger, cloud: Control
):
    portal = await tenant_with_devices(ledger, cloud, 1200)
    whole = await collected(ledger, portal)
    expected = await all_rows(ledger, portal.portal_id)
    assert expected["left"] == (False, 0)
    run = await new_run(ledger, portal)
    # three pages of sign-ins, seven reports and more: at least the pages are handed over
    assert await handed_over(hurried, portal, run) >= 3
    ended = await ledger.runs.get(run.run_id)
    assert ended.state == whole.state == "Succeeded"
    assert await all_rows(ledger, portal.portal_id) == expected
    told = set(whole.counts) - {"graph_requests", "graph_retries", "graph_throttled"}
    assert {name: ended.counts[name] for name in told} == {
        name: whole.counts[name] for name in told
    }


async def test_a_worker_killed_after_a_checkpoint_is_followed_by_one_that_ends_the_same(
    parts: Stack, ledger: Ledger, cloud: Control
):
    portal = await tenant_with_devices(ledger, cloud, USERS)
    whole = await collected(ledger, portal)
    expected = await all_rows(ledger, portal.portal_id)
    environment = {**os.environ, **parts.environment(), "LEASE_SECONDS": "2"}
    run = await new_run(ledger, portal)

    def worker() -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "tests.contract.usage_process", portal.portal_id, run.run_id],
            cwd=ROOT,
            env=environment,
        )

    for kill in range(3):
        # pages of sign-ins come slowly, so that the kill comes before the last one
        cloud.fault(
            "latency", match="signInActivity", tenant=portal.tenant_id, values={"seconds": 0.5}
        )
        before = await ledger.sync_state.read(portal.portal_id, CHECKPOINT_KIND)
        process = worker()
        deadline = time.monotonic() + 60
        while await ledger.sync_state.read(portal.portal_id, CHECKPOINT_KIND) == before:
            assert process.poll() is None, f"it ended before kill {kill}"
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        process.kill()
        process.wait()
        cloud.clear_faults()
    last = worker()
    assert await asyncio.to_thread(last.wait, 120) == 0
    ended = await ledger.runs.get(run.run_id)
    assert ended.state == "Succeeded", ended
    assert any("Resumed with" in line.text for line in ended.log)
    # the last worker had less to ask for than an undisturbed one
    assert ended.counts["graph_requests"] < whole.counts["graph_requests"]
    assert await all_rows(ledger, portal.portal_id) == expected


async def test_what_another_run_has_left_is_not_taken_up(
    ledger: Ledger, hurried: Ledger, cloud: Control
):
    portal = await tenant_with_devices(ledger, cloud, 600)
    left = await new_run(ledger, portal)
    await usage.service.collect_usage(
        hurried, UsageMessage(portal.portal_id, left.run_id), worker="test"
    )
    assert (await left_over(ledger, portal.portal_id))[0]
    run = await collected(ledger, portal)
    assert not any("Resumed" in line.text for line in run.log)
    assert await left_over(ledger, portal.portal_id) == (False, 0)


async def test_nothing_staged_names_anybody_and_an_erasure_takes_it_along(
    ledger: Ledger, hurried: Ledger, cloud: Control
):
    portal = await tenant_with_devices(ledger, cloud, 600)
    run = await new_run(ledger, portal)
    for attempt in range(1, 4):
        message = UsageMessage(portal.portal_id, run.run_id, attempt)
        await usage.service.collect_usage(hurried, message, worker="test")
    stored = await ledger.sync_state.read(portal.portal_id, CHECKPOINT_KIND)
    assert stored is not None
    steps = msgspec.json.decode(stored, type=usage.journal.Progress).steps
    chunks = [chunk for step in steps.values() for chunk in step.chunks]
    staged = [
        bytes(record)
        for chunk in chunks
        async for records in ledger.usage.staging.read(portal.portal_id, chunk)
        for record in records
    ]
    names = [
        contact.user_principal_name.encode()
        async for block in ledger.contacts.blocks(portal.portal_id)
        for contact in block
    ]
    assert staged
    assert not any(name in record for name in names for record in staged)

    user_id = UserId(next(iter(cloud.truth(portal.tenant_id, users=True)["users"])))
    await erase_person(ledger, portal.portal_id, user_id, requested_by="test")
    assert await left_over(ledger, portal.portal_id) == (False, 0)
    await handed_over(hurried, portal, run)
    users = [found.user_id async for b in ledger.usage.blocks(portal.portal_id) for found in b]
    assert len(users) == 599
    assert user_id not in users
