"""Parents and children among runs, poison queues of any length, and counts over several legs."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

import composition
from compliance.service import start_recalculation
from composition import Ledger
from errors import StorageUnavailable
from identifiers import ClientId, PortalId, TenantId
from imports.messages import ImportMessage
from imports.model import ImportSummary
from imports.service import import_portal, start_imports
from monitor.run import Run, new_parent, new_run_id
from monitor.service import list_runs, review_poison_queues, with_children
from portals.certificates import ClientSecretMaterial
from portals.model import Portal
from settings import Settings
from simulator.control import Control
from storage.portals import PortalStore
from storage.queues import WorkQueue
from storage.runs import RunStore
from storage.sync_state import SyncStateStore
from storage.tables import Tables
from tests.builders import NOW, make_portal, make_run, new_portal_id
from usage.service import start_all_usage

SECRET = "a-client-secret-of-some-length"


class FullQueue:
    """A queue that takes so many messages, and then no more."""

    def __init__(self, takes: int) -> None:
        self.takes = takes
        self.sent: list[bytes] = []

    async def send(self, queue: str, message: bytes, *, delay_seconds: int = 0) -> None:
        if len(self.sent) == self.takes:
            raise StorageUnavailable("Storage did not answer.", remedy="Try again.")
        self.sent.append(message)


@pytest.fixture
async def ledger(settings: Settings, tables: Tables) -> AsyncIterator[Ledger]:
    """A ledger on the running parts, with runs and portals of its own."""
    opened = composition.build(settings)
    yield dataclasses.replace(
        opened,
        runs=RunStore(tables),
        portals=PortalStore(tables),
        sync_state=SyncStateStore(tables),
    )
    await opened.close()


async def portals(ledger: Ledger, number: int) -> list[PortalId]:
    """So many stored portals, imported and with a usage task."""
    made = [
        await ledger.portals.create(make_portal(tasks=frozenset({"roster"}))) for _ in range(number)
    ]
    for portal in made:
        summary = ImportSummary(portal.portal_id, NOW, new_run_id(NOW), contact_count=1)
        await ledger.sync_state.save_summary(summary)
    return [portal.portal_id for portal in made]


async def listed(ledger: Ledger, **filters: Any) -> list[Run]:
    """The runs of this test that match."""
    page = await list_runs(ledger, top=100, continuation=None, **filters)
    return list(page.items)


STARTS: dict[str, Callable[[Ledger, list[PortalId]], Awaitable[object]]] = {
    "import": lambda ledger, chosen: start_imports(ledger, chosen, "timer"),
    "recalculation": lambda ledger, chosen: start_recalculation(ledger, chosen, "timer"),
    "usage": lambda ledger, chosen: start_all_usage(ledger),
}


@pytest.mark.parametrize("task", STARTS)
@pytest.mark.parametrize("takes", [0, 2])
async def test_a_parent_waits_for_no_child_that_was_never_queued(
    ledger: Ledger, task: str, takes: int
):
    chosen = await portals(ledger, 3)
    queue: Any = FullQueue(takes)
    failing = dataclasses.replace(ledger, queue=queue)
    with pytest.raises(StorageUnavailable):
        await STARTS[task](failing, chosen)
    runs = await listed(ledger)
    (parent,) = [run for run in runs if run.parent_run_id is None]
    children = [run for run in runs if run.parent_run_id is not None]
    assert parent.child_count == takes
    assert parent.error is not None
    assert parent.error.code == "children_missing"
    assert f"{takes} of 3" in parent.error.message
    # the one that could not be sent has ended, the others are on their way
    assert sorted(run.state for run in children) == ["Failed", *["Queued"] * takes]
    for run in children:
        await ledger.runs.save(msgspec.structs.replace(run, state="Succeeded"))
    ended, _ = await with_children(ledger, await ledger.runs.get(parent.run_id))
    assert ended.state == ("PartiallySucceeded" if takes else "Failed")


async def test_a_parent_whose_worker_died_over_queueing_ends(ledger: Ledger):
    now = ledger.clock()
    for age, children, state in (
        (timedelta(minutes=1), 1, "Running"),
        (timedelta(minutes=20), 1, "PartiallySucceeded"),
        (timedelta(minutes=20), 0, "Failed"),
    ):
        parent = new_parent("import", "timer", 3, now - age)
        await ledger.runs.create(parent)
        for _ in range(children):
            child = make_run(now - age, parent_run_id=parent.run_id, state="Succeeded")
            await ledger.runs.create(child)
        derived, _ = await with_children(ledger, parent)
        assert derived.state == state
        assert (derived.finished_at is None) == (state == "Running")


async def test_a_parent_all_of_whose_children_failed_says_so(ledger: Ledger):
    now = ledger.clock()
    parent = new_parent("import", "timer", 2, now)
    await ledger.runs.create(parent)
    for _ in range(2):
        child = make_run(now, parent_run_id=parent.run_id, state="Failed")
        await ledger.runs.create(child)
    await listed(ledger)
    stored = await ledger.runs.get(parent.run_id)
    assert stored.state == "Failed"
    assert stored.error is not None
    assert stored.error.code == "children_failed"
    assert "All 2 runs" in stored.error.message


async def test_runs_are_filtered_by_the_state_that_follows_from_their_children(ledger: Ledger):
    now = ledger.clock()
    parent = new_parent("import", "timer", 1, now)
    await ledger.runs.create(parent)
    child = make_run(now, parent_run_id=parent.run_id, state="Failed")
    await ledger.runs.create(child)
    assert {run.run_id for run in await listed(ledger, state="Failed")} == {
        parent.run_id,
        child.run_id,
    }
    assert await listed(ledger, state="Queued") == []
    waiting = make_run(now)
    await ledger.runs.create(waiting)
    assert [run.run_id for run in await listed(ledger, state="Queued")] == [waiting.run_id]


async def test_every_message_of_a_long_poison_queue_ends_its_run(ledger: Ledger, queue: WorkQueue):
    poisoned = dataclasses.replace(ledger, queue=queue)
    runs = [make_run(ledger.clock(), state="Running") for _ in range(70)]
    for run in runs:
        await ledger.runs.create(run)
        message = ImportMessage(new_portal_id(), run.run_id)
        await queue.send("imports-poison", msgspec.json.encode(message))
    assert await review_poison_queues(poisoned) == 70
    assert {run.state for run in await listed(ledger)} == {"Failed"}
    assert await queue.length("imports-poison") == 70


async def connected(ledger: Ledger, cloud: Control, users: int) -> Portal:
    """A portal that connects a tenant of so many users."""
    tenant_id, client_id = cloud.create_tenant(users=users), str(uuid.uuid4())
    cloud.register(tenant_id, client_id, secret=SECRET)
    portal = make_portal(
        tenant_id=TenantId(tenant_id), client_id=ClientId(client_id), cloud="Simulated"
    )
    credential = await ledger.credentials.store(portal.portal_id, ClientSecretMaterial(SECRET))
    return await ledger.portals.create(msgspec.structs.replace(portal, credential=credential))


async def test_an_import_handed_over_counts_the_requests_of_all_its_legs(
    ledger: Ledger, cloud: Control, queue: WorkQueue
):
    portal = await connected(ledger, cloud, users=3000)
    run = make_run(ledger.clock(), portal_id=portal.portal_id)
    await ledger.runs.create(run)
    legs = []
    for budget in (0, 600):
        settings = msgspec.structs.replace(ledger.settings, import_time_budget_seconds=budget)
        leg = dataclasses.replace(ledger, settings=settings, queue=queue)
        await import_portal(leg, ImportMessage(portal.portal_id, run.run_id), worker="test")
        stored = await ledger.runs.get(run.run_id)
        legs.append((stored.state, stored.counts["graph_requests"]))
    (first, some), (second, all_) = legs
    assert (first, second) == ("Running", "Succeeded")
    # the small collections are read in each leg, and of the users' pages one or more in each
    assert all_ >= some + 6
    assert some >= 6
