"""Usage runs in this process: joining, leases, bounded memory, and names that are not stored."""

from __future__ import annotations

import tracemalloc
import uuid
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

import composition
import imports.service
import usage.service
from composition import Ledger
from identifiers import ClientId, PortalId, TenantId, UserId
from imports.lease import held_lease
from imports.messages import ImportMessage
from ledger.erasure import erase_person
from monitor.run import Run
from portals.certificates import ClientSecretMaterial
from portals.model import Portal
from settings import Settings
from simulator.control import Control
from tests.builders import make_portal, make_run
from tests.contract.test_graph_reports import SECRET, USAGE_PERMISSIONS
from usage.joined import contacts_with_usage
from usage.messages import LEASE_KIND, QUEUE, UsageMessage
from usage.model import Usage


@pytest.fixture
async def ledger(settings: Settings) -> AsyncIterator[Ledger]:
    """A ledger on the running parts."""
    opened = composition.build(settings)
    yield opened
    await opened.close()


async def connected(ledger: Ledger, cloud: Control, **spec: Any) -> Portal:
    """A tenant whose users are active, with an imported portal that has every task."""
    tenant_id = cloud.create_tenant(**{"users": 60, "seed": 11, "active": 0.6, **spec})
    client_id = str(uuid.uuid4())
    cloud.register(tenant_id, client_id, secret=SECRET, permissions=USAGE_PERMISSIONS)
    portal = make_portal(
        tenant_id=TenantId(tenant_id),
        client_id=ClientId(client_id),
        cloud="Simulated",
        tasks=frozenset({"roster", "access", "sign_ins", "devices"}),
    )
    credential = await ledger.credentials.store(portal.portal_id, ClientSecretMaterial(SECRET))
    created = await ledger.portals.create(msgspec.structs.replace(portal, credential=credential))
    run = make_run(ledger.clock(), portal_id=created.portal_id)
    await ledger.runs.create(run)
    await imports.service.import_portal(
        ledger, ImportMessage(created.portal_id, run.run_id), worker="test"
    )
    return created


async def collected(ledger: Ledger, portal: Portal) -> Run:
    """A usage run of the portal, executed here."""
    run = make_run(ledger.clock(), portal_id=portal.portal_id, task="usage")
    await ledger.runs.create(run)
    message = UsageMessage(portal.portal_id, run.run_id)
    await usage.service.collect_usage(ledger, message, worker="test")
    return await ledger.runs.get(run.run_id)


async def everything(ledger: Ledger, portal_id: PortalId) -> dict[str, Usage]:
    """All that is known, by user ID."""
    blocks = ledger.usage.blocks(portal_id)
    return {found.user_id: found async for block in blocks for found in block}


async def test_every_contact_gets_its_own_usage(ledger: Ledger, cloud: Control):
    portal = await connected(ledger, cloud)
    run = await collected(ledger, portal)
    assert run.state == "Succeeded", run
    assert run.counts["contacts_with_usage"] == 60
    assert run.counts["report_rows_without_contact"] == 0
    async for block in contacts_with_usage(ledger, portal.portal_id):
        for contact, found in block:
            assert found is not None
            assert found.user_id == contact.user_id
            assert found.last_sign_in is not None
            assert "getOffice365ActiveUserDetail" in found.reported


async def test_users_of_whom_nobody_is_stored_by_name_get_theirs_too(
    settings: Settings, cloud: Control
):
    ledger = composition.build(msgspec.structs.replace(settings, pseudonymous=True))
    try:
        portal = await connected(ledger, cloud)
        cloud.call(
            "device",
            tenant_id=portal.tenant_id,
            name="PC of Ada",
            user_id=next(iter(cloud.truth(portal.tenant_id, users=True)["users"])),
            apps=[["Microsoft Visio - en-us", "16"]],
        )
        run = await collected(ledger, portal)
        assert run.state == "Succeeded", run
        assert run.counts["report_rows_without_contact"] == 0
        found = await everything(ledger, portal.portal_id)
        assert sum(bool(item.reported) for item in found.values()) == 60
        assert [d.name for item in found.values() for d in item.devices] == [None]
        devices = ledger.usage.devices.blocks(portal.portal_id)
        assert [d.name async for block in devices for d in block] == [None]
    finally:
        await ledger.close()


async def test_an_erased_person_has_no_usage_now_and_after_the_next_run(
    ledger: Ledger, cloud: Control
):
    portal = await connected(ledger, cloud)
    await collected(ledger, portal)
    person = next(iter(await everything(ledger, portal.portal_id)))
    await erase_person(ledger, portal.portal_id, UserId(person), requested_by="test")
    assert person not in await everything(ledger, portal.portal_id)
    await collected(ledger, portal)
    found = await everything(ledger, portal.portal_id)
    assert person not in found
    assert len(found) == 59


async def test_a_second_run_waits_for_the_first_and_changes_nothing(ledger: Ledger, cloud: Control):
    portal = await connected(ledger, cloud)
    before = await ledger.queue.length(QUEUE)
    async with held_lease(
        ledger.sync_state,
        portal.portal_id,
        worker="another",
        run_id=make_run().run_id,
        clock=ledger.clock,
        seconds=60,
        kind=LEASE_KIND,
    ):
        run = await collected(ledger, portal)
    assert run.state == "Queued"
    assert await ledger.usage.status(portal.portal_id) is None
    assert await ledger.queue.length(QUEUE) == before + 1


async def test_memory_does_not_grow_with_the_tenant(ledger: Ledger, cloud: Control):
    peaks = {}
    for users in (300, 3000):
        portal = await connected(ledger, cloud, users=users)
        tracemalloc.start()
        run = await collected(ledger, portal)
        peaks[users] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert run.state == "Succeeded", run
        assert run.counts["contacts_with_usage"] == users
    # ten times the users, all with activity; what grows are pages and buffers up to their bounds
    assert peaks[3000] < peaks[300] + 12_000_000, peaks
