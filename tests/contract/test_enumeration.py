"""Large tenants: staged, resumed, killed; the contacts are always those of the tenant."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import composition
from composition import Ledger
from devhost.stack import Stack
from identifiers import ClientId, PortalId, RunId, TenantId
from imports.enumeration import CHECKPOINT_KIND, Enumeration
from imports.model import Contact
from monitor.handover import OutOfTime
from monitor.recorder import RunRecorder
from monitor.run import Run
from portals.certificates import ClientSecretMaterial
from portals.model import Portal
from settings import Settings
from simulator.control import Control
from tests.builders import make_portal, make_run

ROOT = Path(__file__).parents[2]
SECRET = "a-client-secret-of-some-length"
USERS = 16_000


@pytest.fixture
async def ledger(settings: Settings) -> AsyncIterator[Ledger]:
    """A ledger on the running parts."""
    opened = composition.build(settings)
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
def tenant(parts: Stack) -> tuple[Control, TenantId, ClientId]:
    """A tenant that does not fit into an import's memory."""
    cloud = Control(parts.simulator_url, parts.control_key, parts.ca_bundle)
    tenant_id = cloud.create_tenant(users=USERS, seed=5, errors=0.05, blocked=0.05)
    client_id = str(uuid.uuid4())
    cloud.register(tenant_id, client_id, secret=SECRET)
    return cloud, TenantId(tenant_id), ClientId(client_id)


async def new_portal(ledger: Ledger, tenant: tuple[Control, TenantId, ClientId]) -> Portal:
    """A portal that connects the tenant."""
    portal = make_portal(tenant_id=tenant[1], client_id=tenant[2], cloud="Simulated")
    credential = await ledger.credentials.store(portal.portal_id, ClientSecretMaterial(SECRET))
    return await ledger.portals.create(msgspec.structs.replace(portal, credential=credential))


async def new_run(ledger: Ledger, portal: Portal, **changes: Any) -> Run:
    """A queued import of the portal."""
    run = make_run(ledger.clock(), portal_id=portal.portal_id, **changes)
    await ledger.runs.create(run)
    return run


class Budget:
    """A time budget that is spent after so many looks at it."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def spent(self) -> bool:
        """Whether it is spent now."""
        self.looks -= 1
        return self.looks < 0


async def enumerate_users(ledger: Ledger, portal: Portal, run: Run, budget: Budget) -> Any:
    """One pass over the users, as an import makes it."""
    recorder = RunRecorder(ledger.runs, run, ledger.clock)
    enumeration = Enumeration(
        ledger, portal.portal_id, recorder, budget.spent, buffer_bytes=4_000_000
    )
    opened = ledger.graph(
        ledger.settings.cloud("Simulated"),
        portal.tenant_id,
        portal.client_id,
        ClientSecretMaterial(SECRET),
    )
    async with opened as graph:
        await enumeration.begin(graph, 0)
        result = await enumeration.run(graph, rooms=(), excluded=(), previous_count=0, clean=False)
        await enumeration.clean_up(result)
        return result


async def contacts_of(ledger: Ledger, portal_id: PortalId) -> list[Contact]:
    """All contacts of a portal."""
    found: list[Contact] = []
    continuation = None
    while True:
        page = await ledger.contacts.list_page([portal_id], top=5000, continuation=continuation)
        found += [contact for _, contact in page.items]
        continuation = page.continuation
        if continuation is None:
            return found


class Everything:
    """A collection that has every name in it."""

    def __contains__(self, name: object) -> bool:
        return True


async def staged_rows(ledger: Ledger, portal_id: PortalId) -> int:
    """How many staged rows are left of a portal."""
    everything: Any = Everything()
    rows = [c async for c in ledger.staging.read(portal_id, range(256), everything)]
    return len(rows)


async def test_a_tenant_larger_than_memory_is_staged_and_imported_whole(
    ledger: Ledger, tenant: tuple[Control, TenantId, ClientId]
):
    portal = await new_portal(ledger, tenant)
    run = await new_run(ledger, portal)
    result = await enumerate_users(ledger, portal, run, Budget(10**9))
    truth = tenant[0].truth(tenant[1], users=True)
    contacts = await contacts_of(ledger, portal.portal_id)
    assert result.contact_count == len(contacts) == truth["user_count"]
    assert {c.user_id for c in contacts} == truth["users"].keys()
    counts = await ledger.consumers.counts(portal.portal_id)
    assert {s: c.consumed for s, c in counts.items()} == {
        s: n for s, n in truth["consumed"].items() if n
    }
    assert await ledger.sync_state.read(portal.portal_id, CHECKPOINT_KIND) is None
    assert await staged_rows(ledger, portal.portal_id) == 0


@pytest.mark.parametrize("looks", [0, 1, 5, 14])
async def test_an_import_out_of_time_goes_on_where_it_stopped(
    ledger: Ledger, tenant: tuple[Control, TenantId, ClientId], looks: int
):
    portal = await new_portal(ledger, tenant)
    run = await new_run(ledger, portal)
    handed_over = 0
    while True:
        try:
            await enumerate_users(ledger, portal, run, Budget(looks))
            break
        except OutOfTime:
            handed_over += 1
            assert handed_over < 40
    assert handed_over > 0
    assert len(await contacts_of(ledger, portal.portal_id)) == USERS


async def test_another_runs_checkpoint_is_not_taken_up(
    ledger: Ledger, tenant: tuple[Control, TenantId, ClientId]
):
    portal = await new_portal(ledger, tenant)
    with pytest.raises(OutOfTime):
        await enumerate_users(ledger, portal, await new_run(ledger, portal), Budget(2))
    assert await contacts_of(ledger, portal.portal_id) == []
    await enumerate_users(ledger, portal, await new_run(ledger, portal), Budget(10**9))
    assert len(await contacts_of(ledger, portal.portal_id)) == USERS


async def all_rows(ledger: Ledger, portal_id: PortalId) -> dict[str, Any]:
    """What the tables hold of a portal, without what tells portals and times apart."""
    licenses = await ledger.licenses.list_licenses(portal_id)
    return {
        "contacts": await contacts_of(ledger, portal_id),
        "counts": await ledger.consumers.counts(portal_id),
        "layout": await ledger.contacts.layout(portal_id),
        "licenses": sorted((x.sku_id, x.entitled_units, x.consumed_units) for x in licenses),
        "products": sorted(p.sku_id for p in await ledger.licenses.list_products(portal_id)),
        "staged": await staged_rows(ledger, portal_id),
        "checkpoint": await ledger.sync_state.read(portal_id, CHECKPOINT_KIND),
    }


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_worker_killed_at_any_point_is_followed_by_one_that_ends_the_same(
    parts: Stack, ledger: Ledger, tenant: tuple[Control, TenantId, ClientId]
):
    environment = {**os.environ, **parts.environment(), "LEASE_SECONDS": "2"}
    source = random.Random(11)  # noqa: S311 - reproducible, not secret

    def worker(portal_id: PortalId, run_id: RunId) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "tests.contract.import_process", portal_id, run_id],
            cwd=ROOT,
            env=environment,
        )

    whole = await new_portal(ledger, tenant)
    began = time.monotonic()
    assert worker(whole.portal_id, (await new_run(ledger, whole)).run_id).wait() == 0
    seconds = time.monotonic() - began
    began = time.monotonic()
    unchanged = await new_run(ledger, whole, trigger="timer")
    assert worker(whole.portal_id, unchanged.run_id).wait() == 0
    starting = time.monotonic() - began
    expected = await all_rows(ledger, whole.portal_id)
    kills = 0
    while kills < 50:
        portal = await new_portal(ledger, tenant)
        run = await new_run(ledger, portal)
        for _ in range(5):
            process = worker(portal.portal_id, run.run_id)
            try:
                process.wait(source.uniform(0.3, 1) * seconds)
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
        assert worker(portal.portal_id, run.run_id).wait() == 0
        assert (await ledger.runs.get(run.run_id)).state == "Succeeded"
        assert await all_rows(ledger, portal.portal_id) == expected

    # and so it is with a worker that only follows what changed
    followed = 0
    for seed in range(10):
        tenant[0].call(
            "drift", tenant_id=tenant[1], changes=20, seed=seed, kinds=["name", "create", "delete"]
        )
        run = await new_run(ledger, whole, trigger="timer")
        process = worker(whole.portal_id, run.run_id)
        try:
            process.wait(source.uniform(0.7, 1.1) * starting)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert worker(whole.portal_id, run.run_id).wait() == 0
        ended = await ledger.runs.get(run.run_id)
        assert ended.state == "Succeeded"
        followed += ended.counts["graph_requests"] < 10
    assert followed == 10
    await enumerate_users(ledger, portal, await new_run(ledger, portal), Budget(10**9))
    assert await contacts_of(ledger, whole.portal_id) == await contacts_of(ledger, portal.portal_id)
    assert await ledger.consumers.counts(whole.portal_id) == await ledger.consumers.counts(
        portal.portal_id
    )
