"""Runs that nothing works on come to an end, and no others."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

import composition
from composition import Ledger
from monitor.orphans import SILENCE, end_orphans
from monitor.run import Run
from settings import Settings
from storage.queues import WorkQueue
from storage.runs import RunStore
from storage.tables import Tables
from tests.builders import NOW, make_run


@pytest.fixture
async def ledger(settings: Settings, tables: Tables, queue: WorkQueue) -> AsyncIterator[Ledger]:
    """A ledger whose runs and queues are this test's own; it is noon."""
    opened = composition.build(settings)
    yield dataclasses.replace(opened, clock=lambda: NOW, runs=RunStore(tables), queue=queue)
    await opened.close()


async def stored(ledger: Ledger, *, minutes_ago: float, **changes: object) -> Run:
    """A run of that age."""
    run = make_run(NOW - timedelta(minutes=minutes_ago), **changes)
    await ledger.runs.create(run)
    return run


async def test_a_run_that_nothing_works_on_ends_as_lost(ledger: Ledger):
    lost = [
        await stored(ledger, minutes_ago=16),
        await stored(ledger, minutes_ago=90, state="Running"),
        await stored(ledger, minutes_ago=600, state="Running", task="erasure"),
    ]
    left = [
        await stored(ledger, minutes_ago=14),
        await stored(ledger, minutes_ago=16, state="Succeeded"),
        await stored(ledger, minutes_ago=16, child_count=2),
        await stored(ledger, minutes_ago=60 * 13),
    ]
    assert await end_orphans(ledger) == 3
    for run in lost:
        ended = await ledger.runs.get(run.run_id)
        assert ended.state == "Failed"
        assert ended.error is not None
        assert ended.error.code == "run_lost"
    assert [await ledger.runs.get(run.run_id) for run in left] == left
    assert await end_orphans(ledger) == 0


async def test_while_messages_wait_or_are_worked_on_no_run_is_taken_for_lost(ledger: Ledger):
    run = await stored(ledger, minutes_ago=SILENCE.total_seconds() / 60 + 1)
    # one that is hidden is one that a worker has
    await ledger.queue.send("recalculations", b"{}", delay_seconds=600)
    assert await end_orphans(ledger) == 0
    assert await ledger.runs.get(run.run_id) == run
