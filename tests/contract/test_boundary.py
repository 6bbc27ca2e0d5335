"""What failed messages do to their runs, on real tables and queues."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from catalogue.service import CatalogueCache, refresh, titles
from errors import GraphUnreachable, StorageUnavailable
from imports.messages import ImportMessage
from monitor.boundary import MAX_ATTEMPTS, settle
from monitor.service import review_poison_queues
from storage.catalogue import CatalogueStore
from storage.queues import WorkQueue
from storage.runs import RunStore
from storage.tables import Tables
from tests.builders import NOW, SKU, make_run, new_portal_id


def ledger_of(**parts: Any) -> Any:
    """The few parts of a ledger that a test needs."""
    return SimpleNamespace(clock=lambda: NOW, **parts)


async def deliver(ledger: Any, run_id: Any, error: Exception, times: int) -> list[str]:
    """Delivers a message that fails so many times; returns what was called on giving up."""
    given_up: list[str] = []

    async def give_up() -> None:
        given_up.append("given up")

    async def failing(attempt: int) -> None:
        message: Any = SimpleNamespace(dequeue_count=attempt)
        async with settle(ledger, run_id, message, give_up):
            raise error

    for attempt in range(1, times + 1):
        with pytest.raises(type(error)):
            await failing(attempt)
    return given_up


async def test_a_message_is_given_up_at_the_fifth_attempt_and_its_run_says_why(tables: Tables):
    ledger = ledger_of(runs=RunStore(tables))
    run = make_run()
    await ledger.runs.create(run)
    error = StorageUnavailable("Storage did not answer.", remedy="Check it.")
    assert await deliver(ledger, run.run_id, error, MAX_ATTEMPTS - 1) == []
    waiting = await ledger.runs.get(run.run_id)
    assert waiting.state == "Queued"
    assert len(waiting.log) == MAX_ATTEMPTS - 1
    await ledger.runs.create(run)
    assert await deliver(ledger, run.run_id, error, MAX_ATTEMPTS) == ["given up"]
    failed = await ledger.runs.get(run.run_id)
    assert failed.state == "Failed"
    assert failed.error is not None
    assert failed.error.code == "storage_unavailable"
    assert "5 attempts" in failed.error.message


async def test_a_defect_is_told_by_its_kind_and_not_by_its_text(tables: Tables):
    ledger = ledger_of(runs=RunStore(tables))
    run = make_run()
    await ledger.runs.create(run)
    await deliver(ledger, run.run_id, RuntimeError("secret text"), MAX_ATTEMPTS)
    failed = await ledger.runs.get(run.run_id)
    assert failed.error is not None
    assert failed.error.code == "gave_up"
    assert "RuntimeError" in failed.error.message
    assert "secret text" not in str(failed)


async def test_runs_of_poisoned_messages_end_and_the_messages_stay(
    tables: Tables, queue: WorkQueue
):
    ledger = ledger_of(runs=RunStore(tables), queue=queue)
    run = make_run(state="Running")
    await ledger.runs.create(run)
    message = ImportMessage(new_portal_id(), run.run_id)
    await queue.send("imports-poison", msgspec.json.encode(message))
    await queue.send("imports-poison", b"rubbish")
    assert await review_poison_queues(ledger) == 1
    assert (await ledger.runs.get(run.run_id)).state == "Failed"
    assert await review_poison_queues(ledger) == 0
    assert await queue.length("imports-poison") == 2


async def test_without_a_network_the_built_in_titles_serve(tables: Tables):
    tried: list[str] = []

    async def unreachable(url: str, *, etag: str | None) -> None:
        tried.append(url)
        raise GraphUnreachable("No network.", remedy="Connect.")

    ledger = ledger_of(
        catalogue=CatalogueStore(tables),
        catalogue_cache=CatalogueCache(),
        download=unreachable,
        settings=SimpleNamespace(catalogue_url="https://nowhere.example/list.csv"),
    )
    assert (await titles(ledger)).title_of(SKU, "SPE_E3") == "Microsoft 365 E3"
    await titles(ledger)
    assert tried == ["https://nowhere.example/list.csv"]
    with pytest.raises(GraphUnreachable):
        await refresh(ledger)
