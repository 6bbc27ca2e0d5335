"""Consolidations that are handed over or killed in between end as undisturbed ones do."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

import composition
from compliance.service import recalculate_portal
from composition import Ledger
from consolidation.messages import QUEUE, ConsolidationMessage
from consolidation.service import consolidate
from devhost.stack import Stack
from identifiers import PortalId, TenantId, UserId
from imports.lease import held_lease
from imports.model import Contact, ImportSummary
from monitor.run import FINISHED, Run
from settings import Settings
from storage.blocks import encode_contact, layout_for
from storage.consolidation import STAGING
from tests.builders import (
    SKU,
    make_assignment,
    make_contact,
    make_license,
    make_path,
    make_portal,
    make_run,
)

ROOT = Path(__file__).parents[2]
USERS = 2000


@pytest.fixture
async def ledger(settings: Settings) -> AsyncIterator[Ledger]:
    """A ledger on the running parts."""
    opened = composition.build(settings)
    yield opened
    await opened.close()


@pytest.fixture
async def hurried(settings: Settings) -> AsyncIterator[Ledger]:
    """A ledger whose time budget is enough for a few buckets."""
    opened = composition.build(msgspec.structs.replace(settings, import_time_budget_seconds=0.05))
    yield opened
    await opened.close()


async def repository_of(ledger: Ledger, users: int) -> str:
    """A repository of two tenants; every third user is in both."""
    repository = f"r{uuid.uuid4().hex[:12]}"
    for tenant in range(2):
        portal = await ledger.portals.create(
            make_portal(repository=repository, tenant_id=TenantId(str(uuid.uuid4())))
        )
        portal_id = portal.portal_id
        await ledger.licenses.upsert_licenses(
            [make_license(portal_id=portal_id, enabled_units=users)]
        )
        layout = layout_for(users, None)
        partitions: dict[int, list[Contact]] = {}
        for number in range(users):
            name = number if number % 3 == 0 else tenant * users + number
            user_id = UserId(str(uuid.uuid5(uuid.UUID(portal_id), str(number))))
            contact = make_contact(
                make_assignment(make_path(), sku_id=SKU),
                user_id=user_id,
                mail=f"user{name}@example.com",
            )
            partition = layout.partition_of_block(layout.block_of(user_id))
            partitions.setdefault(partition, []).append(contact)
        for partition, contacts in partitions.items():
            encoded = {c.user_id: encode_contact(c) for c in contacts}
            await ledger.contacts.replace_partition(
                portal_id, layout, partition, encoded, keep_unseen=False
            )
        await ledger.contacts.save_layout(portal_id, layout)
        imported = ImportSummary(portal_id, ledger.clock(), make_run().run_id, users)
        await ledger.sync_state.save_summary(imported)
        await recalculate_portal(ledger, portal_id)
    return repository


async def new_run(ledger: Ledger) -> Run:
    """A queued consolidation."""
    run = make_run(ledger.clock(), task="consolidation")
    await ledger.runs.create(run)
    return run


async def all_rows(ledger: Ledger, repository: str) -> dict[str, Any]:
    """What the tables hold of a repository, without what tells runs and times apart."""
    store = ledger.consolidation
    state = await store.state(repository)
    assert state is not None
    persons: list[Any] = []
    continuation: str | None = None
    while True:
        page = await store.persons(repository, top=333, continuation=continuation)
        persons += page.items
        continuation = page.continuation
        if continuation is None:
            break
    licenses = await store.licenses(repository, top=100, continuation=None)
    products = await store.products(repository, top=100, continuation=None)
    return {
        "counts": (state.contacts, state.persons, state.matched, state.shared_addresses),
        "persons": persons,
        "licenses": licenses.items,
        "products": products.items,
        "staged": await staged(ledger, repository),
    }


async def staged(ledger: Ledger, repository: str) -> int:
    """How many rows are staged of a repository."""
    tables = ledger.consolidation._tables
    rows = tables.query(
        await tables.table(STAGING),
        "PartitionKey ge @low and PartitionKey lt @high",
        {"low": f"{repository}|", "high": f"{repository}}}"},
        select=["PartitionKey"],
    )
    return len([row async for row in rows])


async def progress(ledger: Ledger, repository: str, run: Run) -> bytes | None:
    """What is saved of a run's progress."""
    began = (await ledger.runs.get(run.run_id)).started_at
    if began is None:
        return None
    return await ledger.consolidation.draft(repository, run.run_id, began).progress()


async def test_a_consolidation_out_of_time_goes_on_where_it_stopped(
    ledger: Ledger, hurried: Ledger
):
    repository = await repository_of(ledger, 700)
    run = await new_run(ledger)
    await consolidate(ledger, ConsolidationMessage(repository, run.run_id), worker="test")
    expected = await all_rows(ledger, repository)
    assert expected["counts"] == (1400, 1400 - 234, 234, 0)
    assert len(expected["persons"]) == 234
    assert [item.persons for item in expected["licenses"]] == [1400 - 234]
    assert expected["staged"] == 0
    handed_over = await new_run(ledger)
    attempts = 0
    while (await ledger.runs.get(handed_over.run_id)).state not in FINISHED:
        attempts += 1
        assert attempts < 600
        message = ConsolidationMessage(repository, handed_over.run_id, attempt=attempts)
        await consolidate(hurried, message, worker="test")
    assert attempts > 3
    ended = await ledger.runs.get(handed_over.run_id)
    assert ended.state == "Succeeded"
    assert ended.counts == (await ledger.runs.get(run.run_id)).counts
    assert await all_rows(ledger, repository) == expected


async def test_a_worker_killed_in_between_is_followed_by_one_that_ends_the_same(
    parts: Stack, ledger: Ledger
):
    repository = await repository_of(ledger, USERS)
    whole = await new_run(ledger)
    await consolidate(ledger, ConsolidationMessage(repository, whole.run_id), worker="test")
    expected = await all_rows(ledger, repository)
    run = await new_run(ledger)
    environment = {**os.environ, **parts.environment(), "LEASE_SECONDS": "2"}

    def worker() -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "tests.contract.consolidation_process", repository, run.run_id],
            cwd=ROOT,
            env=environment,
        )

    for kill in range(4):
        before = await progress(ledger, repository, run)
        process = worker()
        deadline = time.monotonic() + 60
        while await progress(ledger, repository, run) == before:
            assert process.poll() is None, f"it ended before kill {kill}"
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05 * kill)
        process.kill()
        process.wait()
        if (await ledger.runs.get(run.run_id)).state in FINISHED:
            break
    # some of the kills came while work went on
    assert kill >= 2
    last = worker()
    assert await asyncio.to_thread(last.wait, 120) == 0
    assert (await ledger.runs.get(run.run_id)).state == "Succeeded"
    assert await all_rows(ledger, repository) == expected


async def test_a_message_delivered_twice_is_worked_on_once(ledger: Ledger):
    repository = await repository_of(ledger, 50)
    run = await new_run(ledger)
    before = await ledger.queue.length(QUEUE)
    async with held_lease(
        ledger.sync_state,
        PortalId(f"consolidation:{repository}"),
        worker="another",
        run_id=run.run_id,
        clock=ledger.clock,
        seconds=60,
    ):
        await consolidate(ledger, ConsolidationMessage(repository, run.run_id), worker="test")
    assert await ledger.consolidation.state(repository) is None
    assert await ledger.queue.length(QUEUE) == before + 1


async def test_a_run_that_waited_shares_the_consolidation_that_began_after_it_was_asked_for(
    ledger: Ledger,
):
    repository = await repository_of(ledger, 50)
    waiting = make_run(ledger.clock() - timedelta(seconds=10), task="consolidation")
    await ledger.runs.create(waiting)
    first, later = await new_run(ledger), await new_run(ledger)
    generations = []
    for run in (first, waiting, later):
        await consolidate(ledger, ConsolidationMessage(repository, run.run_id), worker="test")
        state = await ledger.consolidation.state(repository)
        assert state is not None
        generations.append(state.generation)
        assert await staged(ledger, repository) == 0
    assert generations[0] == generations[1] != generations[2]
    ended = await ledger.runs.get(waiting.run_id)
    assert ended.state == "Succeeded"
    assert ended.counts == (await ledger.runs.get(first.run_id)).counts
    assert "Another run" in ended.log[-1].text


async def test_an_import_is_not_covered_by_a_consolidation_begun_before_its_recalculation(
    ledger: Ledger,
):
    repository = await repository_of(ledger, 50)
    portal = next(p for p in await ledger.portals.list() if p.repository == repository)
    imported = make_run(ledger.clock() - timedelta(seconds=10), task="consolidation")
    await ledger.runs.create(imported)
    before = await new_run(ledger)
    await consolidate(ledger, ConsolidationMessage(repository, before.run_id), worker="test")
    message = ConsolidationMessage(repository, imported.run_id, portal.portal_id)
    await consolidate(ledger, message, worker="test")
    state = await ledger.consolidation.state(repository)
    assert state is not None
    assert state.generation.endswith(imported.run_id[-8:])
