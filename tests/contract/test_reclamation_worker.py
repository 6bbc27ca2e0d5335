"""Reclamations that are killed, cut off, throttled and raced: each license goes once."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

import composition
from composition import Ledger
from devhost.stack import Stack
from errors import Conflict, LedgerError
from identifiers import PortalId, ReclamationId, UserId
from imports.messages import ImportMessage
from imports.service import import_portal
from ledger.erasure import erase_person
from monitor.handover import OutOfTime
from monitor.recorder import RunRecorder
from monitor.service import review_poison_queues
from portals.certificates import ClientSecretMaterial
from reclamation.evidence import gather_evidence
from reclamation.execution import Execution
from reclamation.journal import Journal
from reclamation.messages import QUEUE, ReclamationMessage
from reclamation.model import Exclusions, Item, Reclamation, Rule
from reclamation.service import PreviewRequest, execute, start_preview, undo
from reclamation.worker import MAX_STALLS, work_off
from settings import read_settings
from simulator.control import IMPORT_PERMISSIONS, Control
from tests.builders import make_portal, make_run

ROOT = Path(__file__).parents[2]
SECRET = "a-client-secret-of-some-length"
PERMISSIONS = (*IMPORT_PERMISSIONS, "LicenseAssignment.ReadWrite.All", "AuditLog.Read.All")
ASSIGN = "POST /v1.0/users/{id}/assignLicense"


@pytest.fixture
async def ledger(parts: Stack) -> AsyncIterator[Ledger]:
    """A ledger on the running parts."""
    opened = composition.build(read_settings({**environment(parts), "LEASE_SECONDS": "60"}))
    yield opened
    await opened.close()


def environment(parts: Stack) -> dict[str, str]:
    """The settings of a worker that may die: its lease ends soon after."""
    return {
        **parts.environment(),
        "LEASE_SECONDS": "2",
        "GRAPH_TIMEOUT_SECONDS": "30",
        "GRAPH_MAX_RETRIES": "2",
    }


class Tenant:
    """A tenant whose users are all blocked and hold SPE_E3, imported and allowing reclamation."""

    def __init__(self, ledger: Ledger, cloud: Control, **spec: Any) -> None:
        self.ledger = ledger
        self.cloud = cloud
        self.tenant_id = cloud.create_tenant(**{"users": 50, "seed": 8, "blocked": 1, **spec})
        self._client_id = str(uuid.uuid4())
        cloud.register(self.tenant_id, self._client_id, secret=SECRET, permissions=PERMISSIONS)
        truth = self._truth()
        self.users = {UserId(user_id) for user_id in truth["users"]}
        self._e3 = truth["part_numbers"]["SPE_E3"]
        self.portal_id = PortalId("")

    def _truth(self) -> Any:
        return self.cloud.truth(self.tenant_id, users=True)

    async def import_it(self) -> None:
        """Creates the portal and imports the tenant."""
        ledger = self.ledger
        portal = make_portal(
            tenant_id=self.tenant_id,
            client_id=self._client_id,
            cloud="Simulated",
            reclamation_allowed=True,
        )
        self.portal_id = portal.portal_id
        credential = await ledger.credentials.store(portal.portal_id, ClientSecretMaterial(SECRET))
        await ledger.portals.create(msgspec.structs.replace(portal, credential=credential))
        run = make_run(ledger.clock(), portal_id=portal.portal_id)
        await ledger.runs.create(run)
        await import_portal(ledger, ImportMessage(portal.portal_id, run.run_id), worker="test")

    def holders(self) -> set[UserId]:
        """Who holds the license."""
        users = self._truth()["users"]
        return {UserId(u) for u, user in users.items() if self._e3 in user["seats"]}

    async def previewed(self) -> ReclamationId:
        """The ID of a preview of all blocked users, that is ready."""
        request = PreviewRequest(self.portal_id, None, Rule(blocked=True), Exclusions())
        reclamation, run = await start_preview(self.ledger, request, requested_by="Ada")
        message = ReclamationMessage(reclamation.reclamation_id, run.run_id, "preview")
        await work_off(self.ledger, message, worker="test")
        return reclamation.reclamation_id

    async def executing(self) -> ReclamationMessage:
        """The message of an execution that nobody has begun."""
        reclamation, run = await execute(self.ledger, await self.previewed(), requested_by="Bela")
        return ReclamationMessage(reclamation.reclamation_id, run.run_id, "execute")

    def fault(self, match: str, **values: Any) -> None:
        """Lets requests of the tenant fail."""
        self.cloud.fault(values.pop("kind", "status"), match=match, tenant=self.tenant_id, **values)

    def answered(self, status: int) -> int:
        """How many changes of licenses, of all tenants, were answered so."""
        return self.cloud.counters().get(f"{ASSIGN} {status}", 0)

    async def items(self, reclamation_id: ReclamationId) -> list[Item]:
        """All items."""
        page = await self.ledger.reclamations.items_page(
            reclamation_id, state=None, top=1000, continuation=None
        )
        return page.items

    async def unconfirmed(self, reclamation_id: ReclamationId) -> bool:
        """Whether a worker waits for an answer now."""
        account = await self.ledger.reclamations.account(reclamation_id)
        return account.get("unconfirmed", 0) > 0

    async def actions(self, reclamation_id: ReclamationId) -> Counter[str]:
        """How often the audit has which action; no action but asking comes twice for an item."""
        page = await self.ledger.reclamations.audit_page(
            reclamation_id, top=1000, continuation=None
        )
        ends = Counter(
            (e.user_id, e.sku_id, e.action) for e in page.items if e.action[-3:] != "ing"
        )
        assert set(ends.values()) <= {1}
        return Counter(entry.action for entry in page.items)


def new_worker(parts: Stack, message: ReclamationMessage) -> subprocess.Popen[bytes]:
    """A process that works off the message."""
    return subprocess.Popen(  # noqa: S603 - our own program
        [
            *(sys.executable, "-m", "tests.contract.reclaim_process"),
            msgspec.json.encode(message).decode(),
        ],
        cwd=ROOT,
        env={**os.environ, **environment(parts)},
    )


@pytest.fixture
async def tenant(ledger: Ledger, cloud: Control) -> Tenant:
    """A tenant of 50 blocked users, imported."""
    made = Tenant(ledger, cloud)
    await made.import_it()
    return made


async def deliver(ledger: Ledger, message: ReclamationMessage) -> Reclamation:
    """One delivery, and the reclamation after it."""
    await work_off(ledger, message, worker="test")
    return await ledger.reclamations.get(message.reclamation_id)


async def test_a_worker_killed_at_any_point_is_followed_by_one_that_takes_no_license_twice(
    ledger: Ledger, tenant: Tenant, parts: Stack
):
    message = await tenant.executing()
    # the answer comes a while after the deed, which leaves time to die in between
    tenant.fault("batch", kind="latency", seconds=0.4)
    done_before = tenant.answered(200)
    source = random.Random(4)  # noqa: S311 - reproducible, not secret
    kills = 0
    for _ in range(5):
        worker = new_worker(parts, message)
        while worker.poll() is None and not await tenant.unconfirmed(message.reclamation_id):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        if worker.poll() is not None:
            break
        await asyncio.sleep(source.uniform(0, 0.6))
        kills += worker.poll() is None
        worker.kill()
        worker.wait()
    tenant.cloud.clear_faults()
    deadline = time.monotonic() + 30
    reclamation = await ledger.reclamations.get(message.reclamation_id)
    while reclamation.state == "executing" and time.monotonic() < deadline:
        reclamation = await deliver(ledger, message)
        await asyncio.sleep(0.2)
    assert kills > 1
    assert (reclamation.state, reclamation.account) == ("executed", {"reclaimed": 50})
    assert tenant.holders() == set()
    assert tenant.answered(200) - done_before == 50
    assert (await tenant.actions(message.reclamation_id))["removed"] == 50


@pytest.mark.parametrize("lag", [0, 30])
async def test_a_removal_whose_answer_is_lost_is_counted_once(
    ledger: Ledger, cloud: Control, lag: float
):
    tenant = Tenant(ledger, cloud, users=5, visibility_lag_seconds=lag)
    await tenant.import_it()
    message = await tenant.executing()
    # the first batch reads, the second takes
    tenant.fault("batch", kind="truncated", after=1, times=1)
    done_before = tenant.answered(200)
    stalled = await deliver(ledger, message)
    assert stalled.state == "executing"
    assert {item.state for item in await tenant.items(message.reclamation_id)} == {"unconfirmed"}
    assert tenant.holders() == set()
    ended = await deliver(ledger, msgspec.structs.replace(message, attempt=2))
    assert (ended.state, ended.account) == ("executed", {"reclaimed": 5})
    assert tenant.answered(200) - done_before == 5
    items = await tenant.items(message.reclamation_id)
    assert {item.outcome for item in items} == {"confirmed_later"}
    assert (await tenant.actions(message.reclamation_id))["removed"] == 5


async def test_a_user_who_becomes_free_while_a_removal_is_open_is_judged_when_reads_can_tell(
    ledger: Ledger, cloud: Control
):
    tenant = Tenant(ledger, cloud, users=2)
    await tenant.import_it()
    message = await tenant.executing()
    one, other = sorted(tenant.users)
    # asked for, and no answer that tells
    tenant.fault("assignLicense", status=504, retry_after=0)
    assert (await deliver(ledger, message)).state == "executing"
    cloud.clear_faults()
    cloud.call("change-user", tenant_id=tenant.tenant_id, user_id=one, values={"enabled": True})
    again = await deliver(ledger, msgspec.structs.replace(message, attempt=2))
    assert again.state == "executing"
    items = {item.user_id: item for item in await tenant.items(message.reclamation_id)}
    assert (items[one].state, items[other].state) == ("unconfirmed", "reclaimed")
    assert tenant.holders() == {one}


async def test_two_deliveries_at_once_take_each_license_once(ledger: Ledger, tenant: Tenant):
    message = await tenant.executing()
    done_before, refused_before = tenant.answered(200), tenant.answered(400)
    await asyncio.gather(
        work_off(ledger, message, worker="one"), work_off(ledger, message, worker="two")
    )
    reclamation = await ledger.reclamations.get(message.reclamation_id)
    assert (reclamation.state, reclamation.account) == ("executed", {"reclaimed": 50})
    assert tenant.answered(200) - done_before == 50
    assert tenant.answered(400) == refused_before
    assert (await tenant.actions(message.reclamation_id)) == {"removing": 50, "removed": 50}


async def test_a_tenant_that_throttles_for_long_is_left_for_later(ledger: Ledger, tenant: Tenant):
    message = await tenant.executing()
    waiting = await ledger.queue.length(QUEUE)
    tenant.fault("assignLicense", status=429, retry_after=900, after=25)
    reclamation = await deliver(ledger, message)
    assert reclamation.state == "executing"
    states = Counter(item.state for item in await tenant.items(message.reclamation_id))
    assert states == {"reclaimed": 25, "planned": 25}
    assert await ledger.queue.length(QUEUE) == waiting + 1
    run = await ledger.runs.get(message.run_id)
    assert "900 seconds" in run.log[-1].text
    tenant.cloud.clear_faults()
    ended = await deliver(ledger, msgspec.structs.replace(message, attempt=2))
    assert ended.account == {"reclaimed": 50}


async def test_a_tenant_that_never_answers_is_given_up_with_an_exact_account(
    ledger: Ledger, cloud: Control
):
    tenant = Tenant(ledger, cloud, users=3)
    await tenant.import_it()
    message = await tenant.executing()
    tenant.fault("assignLicense", status=503, retry_after=0)
    last = msgspec.structs.replace(message, attempt=9, stalls=MAX_STALLS - 1)
    reclamation = await deliver(ledger, last)
    assert (reclamation.state, reclamation.account) == ("stopped", {"unconfirmed": 3})
    assert (await ledger.runs.get(message.run_id)).state == "Failed"
    assert len(tenant.holders()) == 3
    # an undo puts beyond doubt what may have been taken
    cloud.clear_faults()
    undone, run = await undo(ledger, message.reclamation_id, requested_by="Bela")
    back = ReclamationMessage(undone.reclamation_id, run.run_id, "undo")
    assert (await deliver(ledger, back)).account == {"restored": 3}
    assert len(tenant.holders()) == 3


async def test_an_execution_goes_on_where_its_time_budget_ended(ledger: Ledger, tenant: Tenant):
    message = await tenant.executing()
    reclamation = await ledger.reclamations.get(message.reclamation_id)
    portal = await ledger.portals.get(tenant.portal_id)
    material = await ledger.credentials.read(portal.credential)
    run = await ledger.runs.get(message.run_id)
    cloud = ledger.settings.cloud(portal.cloud)

    async def allowed() -> None:
        """Nothing forbids the next batch."""

    async with ledger.graph(cloud, portal.tenant_id, portal.client_id, material) as graph:
        for expected in (20, 40):
            journal = Journal(
                ledger,
                reclamation,
                run.run_id,
                "Bela",
                RunRecorder(ledger.runs, run, ledger.clock),
            )
            evidence = await gather_evidence(ledger, tenant.portal_id)
            execution = Execution(ledger, graph, portal, reclamation, evidence, (), journal)
            with pytest.raises(OutOfTime):
                await execution.run(allowed, lambda: True)
            account = await ledger.reclamations.account(message.reclamation_id)
            assert account == {"reclaimed": expected, "planned": 50 - expected}
    assert (await deliver(ledger, message)).account == {"reclaimed": 50}


async def test_a_reclamation_whose_workers_all_died_ends_with_an_exact_account(
    ledger: Ledger, tenant: Tenant
):
    message = await tenant.executing()
    tenant.fault("assignLicense", status=429, retry_after=900, after=10)
    await deliver(ledger, message)
    await ledger.queue.send(f"{QUEUE}-poison", msgspec.json.encode(message))
    await review_poison_queues(ledger)
    reclamation = await ledger.reclamations.get(message.reclamation_id)
    assert (reclamation.state, reclamation.account) == ("stopped", {"reclaimed": 10, "planned": 40})
    run = await ledger.runs.get(message.run_id)
    assert (run.state, run.error.code if run.error else "") == ("Failed", "gave_up")


async def test_a_reclamation_whose_run_was_given_up_unnoticed_can_be_undone(
    ledger: Ledger, cloud: Control
):
    tenant = Tenant(ledger, cloud, users=3)
    await tenant.import_it()
    message = await tenant.executing()
    tenant.fault("assignLicense", status=429, retry_after=900, after=2)
    await deliver(ledger, message)
    with pytest.raises(Conflict) as refused:
        await undo(ledger, message.reclamation_id, requested_by="Bela")
    assert refused.value.code == "reclamation_running"
    run = await ledger.runs.get(message.run_id)
    await ledger.runs.save(msgspec.structs.replace(run, state="Failed"))
    cloud.clear_faults()
    undone, again = await undo(ledger, message.reclamation_id, requested_by="Bela")
    back = ReclamationMessage(undone.reclamation_id, again.run_id, "undo")
    assert (await deliver(ledger, back)).account == {"restored": 2, "planned": 1}
    assert tenant.holders() == tenant.users


async def test_an_undo_right_after_does_not_believe_reads_that_are_behind(
    ledger: Ledger, cloud: Control
):
    tenant = Tenant(ledger, cloud, users=4, visibility_lag_seconds=60)
    await tenant.import_it()
    message = await tenant.executing()
    assert (await deliver(ledger, message)).account == {"reclaimed": 4}
    undone, run = await undo(ledger, message.reclamation_id, requested_by="Bela")
    back = ReclamationMessage(undone.reclamation_id, run.run_id, "undo")
    assert (await deliver(ledger, back)).account == {"restored": 4}
    assert tenant.holders() == tenant.users


async def test_a_preview_made_anew_after_a_crash_lists_what_it_would_have(
    ledger: Ledger, tenant: Tenant
):
    request = PreviewRequest(tenant.portal_id, None, Rule(blocked=True), Exclusions())
    reclamation, run = await start_preview(ledger, request, requested_by="Ada")
    leftover = make_item(uuid.uuid4())
    await ledger.reclamations.add_items(reclamation.reclamation_id, [leftover])
    message = ReclamationMessage(reclamation.reclamation_id, run.run_id, "preview")
    ready = await deliver(ledger, message)
    assert (ready.state, ready.account) == ("ready", {"planned": 50})
    listed = {item.user_id for item in await tenant.items(reclamation.reclamation_id)}
    assert listed == tenant.users


def make_item(user_id: uuid.UUID) -> Item:
    """An item that a killed preview left behind."""
    return msgspec.convert(
        {
            "user_id": str(user_id),
            "sku_id": str(uuid.uuid4()),
            "user_principal_name": "",
            "title": "",
            "sku_part_number": "",
            "reasons": [],
            "path": "direct",
            "state": "planned",
        },
        Item,
    )


async def test_an_erased_person_is_nameless_in_reclamations_and_their_audit(
    ledger: Ledger, cloud: Control
):
    tenant = Tenant(ledger, cloud, users=3)
    await tenant.import_it()
    message = await tenant.executing()
    person, *others = sorted(tenant.users)
    with pytest.raises(Conflict) as refused:
        await erase_person(ledger, tenant.portal_id, person, requested_by="Ada")
    assert refused.value.code == "reclamation_running"
    await deliver(ledger, message)
    await erase_person(ledger, tenant.portal_id, person, requested_by="Ada")
    items = await tenant.items(message.reclamation_id)
    named = {item.user_id for item in items if item.user_principal_name}
    assert (len(items), named) == (3, set(others))
    page = await ledger.reclamations.audit_page(message.reclamation_id, top=100, continuation=None)
    told = str([*items, *page.items])
    assert person not in told
    assert f"{cloud.truth(tenant.tenant_id, users=True)['users'][person]['upn']}" not in told
    assert Counter(entry.action for entry in page.items) == {"removing": 3, "removed": 3}
    undone, run = await undo(ledger, message.reclamation_id, requested_by="Bela")
    back = ReclamationMessage(undone.reclamation_id, run.run_id, "undo")
    assert (await deliver(ledger, back)).account == {"restored": 2, "not_restored": 1}


async def test_only_one_of_two_requests_executes_a_preview(ledger: Ledger, tenant: Tenant):
    preview_id = await tenant.previewed()
    outcomes: Sequence[Any] = await asyncio.gather(
        *(execute(ledger, preview_id, requested_by=name) for name in ("Ada", "Bela", "Chen")),
        return_exceptions=True,
    )
    refused = [error for error in outcomes if isinstance(error, LedgerError)]
    assert [error.code for error in refused] == ["already_executed"] * 2
    (started,) = [outcome for outcome in outcomes if isinstance(outcome, tuple)]
    assert (await ledger.reclamations.get(preview_id)).executed_by == started[0].executed_by
