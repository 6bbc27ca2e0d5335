"""An erased person leaves no trace but their licenses, over imports of every kind, until lifted."""

from __future__ import annotations

import contextlib
import re
import uuid
import zlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest
from azure.data.tables.aio import TableServiceClient

import composition
import imports.service
from compliance.messages import RecalculationMessage
from compliance.queueing import recalculate_soon
from compliance.service import recalculate
from composition import Ledger
from consolidation.messages import ConsolidationMessage
from consolidation.queueing import queue_consolidation
from consolidation.service import consolidate
from errors import Conflict, NotFound
from identifiers import ClientId, PortalId, TenantId, UserId
from imports.erasure import Erasures
from imports.messages import ImportMessage
from ledger.erasure import erase_person, lift_erasure
from monitor.run import Run, Trigger
from portals.certificates import ClientSecretMaterial
from portals.model import Portal
from settings import Settings
from simulator.control import Control
from storage.blocks import join_properties
from tests.builders import make_contact, make_portal, make_run
from usage.model import Device, Usage, UsageStatus

SECRET = "Q~erasure-secret-0123456789"
USERS = 40


@pytest.fixture
async def ledger(settings: Settings) -> AsyncIterator[Ledger]:
    """A ledger on the running parts, which follows changes in tenants of any size."""
    opened = composition.build(msgspec.structs.replace(settings, delta_minimum_contacts=1))
    yield opened
    await opened.close()


@pytest.fixture
async def closing() -> AsyncIterator[contextlib.AsyncExitStack]:
    """Closes what a test opens."""
    async with contextlib.AsyncExitStack() as stack:
        yield stack


async def connected(
    ledger: Ledger, cloud: Control, repository: str = "default", **spec: Any
) -> Portal:
    """A tenant with a portal, imported."""
    tenant_id = cloud.create_tenant(users=USERS, seed=4, **spec)
    client_id = str(uuid.uuid4())
    cloud.register(tenant_id, client_id, secret=SECRET)
    portal = make_portal(
        tenant_id=TenantId(tenant_id),
        client_id=ClientId(client_id),
        cloud="Simulated",
        repository=repository,
    )
    credential = await ledger.credentials.store(portal.portal_id, ClientSecretMaterial(SECRET))
    created = await ledger.portals.create(msgspec.structs.replace(portal, credential=credential))
    assert (await imported(ledger, created)).state == "Succeeded"
    return created


async def imported(
    ledger: Ledger, portal: Portal, trigger: Trigger = "manual", *, clean: bool = False
) -> Run:
    """A run of an import of the portal, made; one by the timer follows changes."""
    run = make_run(ledger.clock(), portal_id=portal.portal_id, trigger=trigger)
    await ledger.runs.create(run)
    message = ImportMessage(portal.portal_id, run.run_id, clean=clean)
    await imports.service.import_portal(ledger, message, worker="test")
    return await ledger.runs.get(run.run_id)


async def holder(ledger: Ledger, portal: Portal) -> Any:
    """A contact that holds a license."""
    async for block in ledger.contacts.blocks(portal.portal_id):
        for contact in block:
            if contact.assignments and contact.mail:
                return contact
    raise AssertionError("nobody holds a license")


async def unpacked(settings: Settings) -> AsyncIterator[tuple[str, str]]:
    """Every row of every table, unpacked, by the name of the table."""
    async with TableServiceClient.from_connection_string(settings.storage_connection or "") as all_:
        async for table in all_.list_tables():
            async for row in all_.get_table_client(table.name).list_entities():
                values = [str({k: v for k, v in row.items() if not isinstance(v, bytes)})]
                for name in ("Data", "Ids", "Flags"):
                    raw = join_properties(name, row)
                    with contextlib.suppress(zlib.error):
                        raw = zlib.decompress(raw)
                    # IDs stand packed in the index
                    values += [raw.decode("utf-8", "replace"), raw.hex()]
                yield table.name, "\n".join(values)


async def everything(settings: Settings, portal_id: str) -> str:
    """Every value of every row of the portal in every table."""
    return "\n".join([told async for _, told in unpacked(settings) if portal_id in told])


async def places(settings: Settings, user_id: str) -> set[str]:
    """The tables that hold the ID, packed or not."""
    return {
        table
        async for table, told in unpacked(settings)
        if user_id in told or user_id.replace("-", "") in told
    }


def traces(contact: Any) -> list[str]:
    """What names the person."""
    return [
        contact.user_id,
        contact.user_id.replace("-", ""),
        contact.user_principal_name,
        contact.display_name,
        contact.mail,
    ]


async def erase(ledger: Ledger, portal: Portal, user_id: UserId) -> None:
    """Erases, as somebody."""
    await erase_person(ledger, portal.portal_id, user_id, requested_by="somebody")


async def test_an_erased_person_leaves_no_trace_but_their_licenses(
    ledger: Ledger, settings: Settings, cloud: Control
):
    portal = await connected(ledger, cloud)
    person = await holder(ledger, portal)
    before = await everything(settings, portal.portal_id)
    assert all(trace in before for trace in traces(person))
    counts = await ledger.consumers.counts(portal.portal_id)
    await erase(ledger, portal, person.user_id)
    left = await everything(settings, portal.portal_id)
    assert [trace for trace in traces(person) if trace in left] == []
    with pytest.raises(NotFound):
        await ledger.contacts.get(portal.portal_id, person.user_id)
    # every license is still counted
    assert await ledger.consumers.counts(portal.portal_id) == counts
    contacts = [c async for block in ledger.contacts.blocks(portal.portal_id) for c in block]
    (shown,) = [c for c in contacts if c.erased]
    assert len(contacts) == USERS
    assert shown.assignments == person.assignments
    assert (shown.user_principal_name, shown.display_name, shown.mail) == ("", None, None)
    consumers = await ledger.consumers.list_page(
        portal.portal_id, person.assignments[0].sku_id, top=1000, continuation=None
    )
    assert shown.user_id in {c.user_id for c in consumers.items}
    assert person.user_id not in {c.user_id for c in consumers.items}


async def test_findings_and_matched_persons_forget_an_erased_person_soon(
    ledger: Ledger, settings: Settings, cloud: Control
):
    repository = f"r-{uuid.uuid4().hex[:12]}"
    portal = await connected(ledger, cloud, repository, blocked=1)
    same = msgspec.structs.replace(portal, portal_id=PortalId(str(uuid.uuid4())), name="The same")
    twin = await ledger.portals.create(same)
    await imported(ledger, twin)
    person = await holder(ledger, portal)
    for each in (portal, twin):
        run_id = await recalculate_soon(ledger, each.portal_id, None)
        await recalculate(ledger, RecalculationMessage(each.portal_id, run_id))
    joined = await queue_consolidation(ledger, repository, "manual")
    await consolidate(ledger, ConsolidationMessage(repository, joined.run_id), worker="test")
    assert await places(settings, person.user_id) >= {"SpendFindings", "ConsolidatedPersons"}
    for each in (portal, twin):
        await erase(ledger, each, person.user_id)
        # again, which nothing more is queued for
        await erase(ledger, each, person.user_id)
    queued = [
        run
        for task in ("recalculation", "consolidation")
        for run in (
            await ledger.runs.list_page(
                now=ledger.clock(), top=50, continuation=None, task=task, state="Queued"
            )
        ).items
        if run.requested_by == "somebody"
    ]
    # one for each portal, though each erasure asks for one
    assert sum(run.task == "consolidation" for run in queued) == 2
    for run in queued:
        if run.task == "consolidation":
            await consolidate(ledger, ConsolidationMessage(repository, run.run_id), worker="test")
        elif run.portal_id in (portal.portal_id, twin.portal_id):
            await recalculate(ledger, RecalculationMessage(run.portal_id, run.run_id))
    assert await places(settings, person.user_id) == set()


@pytest.mark.parametrize("kind", ["full", "clean", "delta"])
async def test_no_import_brings_an_erased_person_back_until_the_erasure_is_lifted(
    ledger: Ledger, settings: Settings, cloud: Control, kind: str
):
    portal = await connected(ledger, cloud)
    person = await holder(ledger, portal)
    await erase(ledger, portal, person.user_id)
    cloud.call(
        "change-user",
        tenant_id=portal.tenant_id,
        user_id=person.user_id,
        values={"job_title": "Spy"},
    )
    run = await imported(
        ledger, portal, "timer" if kind == "delta" else "manual", clean=kind == "clean"
    )
    assert run.state == "Succeeded"
    followed = any("changed since the last import" in line.text for line in run.log)
    assert followed == (kind == "delta")
    left = await everything(settings, portal.portal_id)
    assert [trace for trace in [*traces(person), "Spy"] if trace in left] == []
    await lift_erasure(ledger, portal.portal_id, person.user_id)
    # an import by the timer reads all then, or the person would not come back
    assert (await imported(ledger, portal, "timer")).state == "Succeeded"
    back = await ledger.contacts.get(portal.portal_id, person.user_id)
    assert (back.user_principal_name, back.erased) == (person.user_principal_name, False)
    contacts = [c async for block in ledger.contacts.blocks(portal.portal_id) for c in block]
    assert len(contacts) == USERS
    assert not any(c.erased for c in contacts)


async def test_a_person_known_by_a_change_only_is_erased_from_there(
    ledger: Ledger, settings: Settings, cloud: Control
):
    portal = await connected(ledger, cloud)
    person = await holder(ledger, portal)
    cloud.call(
        "change-user",
        tenant_id=portal.tenant_id,
        user_id=person.user_id,
        values={"display_name": "Newly Named"},
    )
    await imported(ledger, portal, "timer")
    standing = await ledger.contacts.standing(portal.portal_id)
    assert standing is not None
    assert person.user_id in standing[1]
    await erase(ledger, portal, person.user_id)
    left = await everything(settings, portal.portal_id)
    assert [trace for trace in [*traces(person), "Newly Named"] if trace in left] == []
    contacts = [c async for block in ledger.contacts.blocks(portal.portal_id) for c in block]
    assert len(contacts) == USERS


async def test_an_erased_person_who_leaves_the_tenant_is_gone(ledger: Ledger, cloud: Control):
    portal = await connected(ledger, cloud)
    person = await holder(ledger, portal)
    await erase(ledger, portal, person.user_id)
    cloud.call("delete-user", tenant_id=portal.tenant_id, user_id=person.user_id)
    await imported(ledger, portal, "timer")
    contacts = [c async for block in ledger.contacts.blocks(portal.portal_id) for c in block]
    assert len(contacts) == USERS - 1
    assert not any(c.erased for c in contacts)


async def test_use_and_devices_of_an_erased_person_are_dropped_and_stay_so(
    ledger: Ledger, settings: Settings, cloud: Control
):
    portal = await connected(ledger, cloud)
    person = await holder(ledger, portal)
    other = str(uuid.uuid4())
    status = UsageStatus(portal.portal_id, ledger.clock(), make_run().run_id, "D30")
    laptop = Device(str(uuid.uuid4()), name="ADAS-LAPTOP", user_id=person.user_id)

    async def known(*records: Any) -> AsyncIterator[Sequence[Any]]:
        yield sorted(records, key=lambda r: getattr(r, "user_id", "") or "")

    async def run() -> None:
        usages = known(Usage(person.user_id), Usage(UserId(other)))
        await ledger.usage.replace(status, usages, contact_count=USERS)
        await ledger.usage.devices.replace(portal.portal_id, known(laptop), expected=1)

    await run()
    assert "ADAS-LAPTOP" in await everything(settings, portal.portal_id)
    await erase(ledger, portal, person.user_id)
    for _ in range(2):
        found = [u async for block in ledger.usage.blocks(portal.portal_id) for u in block]
        assert [u.user_id for u in found] == [other]
        assert await ledger.usage.status(portal.portal_id) == status
        devices = [
            d async for block in ledger.usage.devices.blocks(portal.portal_id) for d in block
        ]
        assert [(d.device_id, d.name, d.user_id) for d in devices] == [
            (laptop.device_id, None, None)
        ]
        # another usage run changes nothing of it
        await run()


async def test_erasing_waits_for_no_import_and_is_told_in_a_run(ledger: Ledger, cloud: Control):
    portal = await connected(ledger, cloud)
    person = await holder(ledger, portal)
    run = make_run(ledger.clock(), portal_id=portal.portal_id)
    lease = await ledger.sync_state.acquire_lease(
        portal.portal_id, owner="other", run_id=run.run_id, now=ledger.clock(), seconds=60
    )
    with pytest.raises(Conflict) as refused:
        await erase(ledger, portal, person.user_id)
    assert refused.value.code == "import_running"
    assert (await ledger.contacts.get(portal.portal_id, person.user_id)) == person
    await ledger.sync_state.release_lease(lease)
    await erase(ledger, portal, person.user_id)
    # an import asked for in the moment in which erasing still has the lease is a new one
    page = await ledger.runs.list_page(
        now=ledger.clock(), top=1, continuation=None, task="erasure", portal_id=portal.portal_id
    )
    held = await ledger.sync_state.acquire_lease(
        portal.portal_id,
        owner="erasure",
        run_id=page.items[0].run_id,
        now=ledger.clock(),
        seconds=60,
    )
    started = await imports.service.start_import(ledger, portal.portal_id, "manual")
    assert (started.task, started.state) == ("import", "Queued")
    await ledger.sync_state.release_lease(held)
    # again, by either ID, changes nothing
    await erase(ledger, portal, person.user_id)
    erasures = await ledger.erasures.of(portal.portal_id)
    await erase(ledger, portal, erasures.stand_in(person.user_id))
    assert await ledger.erasures.of(portal.portal_id) == erasures
    page = await ledger.runs.list_page(
        now=ledger.clock(), top=10, continuation=None, task="erasure", portal_id=portal.portal_id
    )
    assert {(r.state, r.requested_by) for r in page.items} == {("Succeeded", "somebody")}
    assert person.user_id not in str(page.items)
    with pytest.raises(NotFound):
        await erase(ledger, portal, UserId(str(uuid.uuid4())))
    with pytest.raises(NotFound):
        await lift_erasure(ledger, portal.portal_id, UserId(str(uuid.uuid4())))


async def test_in_pseudonymous_mode_nobody_is_stored_by_name(
    settings: Settings, cloud: Control, closing: contextlib.AsyncExitStack
):
    nameless = composition.build(msgspec.structs.replace(settings, pseudonymous=True))
    closing.push_async_callback(nameless.close)
    portal = await connected(nameless, cloud)
    users = cloud.truth(portal.tenant_id, users=True)["users"]
    told = await everything(settings, portal.portal_id)
    assert re.search(r"\w+@\w+\.", told) is None
    contacts = [c async for block in nameless.contacts.blocks(portal.portal_id) for c in block]
    assert {c.user_id for c in contacts} == users.keys()
    assert {(c.user_principal_name, c.display_name, c.erased) for c in contacts} == {
        ("", None, False)
    }
    # who reads consolidated figures is told what they cannot know
    run = await queue_consolidation(nameless, portal.repository, "manual")
    await consolidate(nameless, ConsolidationMessage(portal.repository, run.run_id), worker="test")
    told_by_run = (await nameless.runs.get(run.run_id)).log
    assert [line.level for line in told_by_run if "PSEUDONYMOUS" in line.text] == ["warning"]


def test_what_stands_in_for_a_person_depends_on_the_portals_salt():
    person = make_contact()
    one, other = Erasures(b"a" * 32), Erasures(b"b" * 32)
    assert one.stand_in(person.user_id) == one.stand_in(person.user_id)
    assert one.stand_in(person.user_id) != other.stand_in(person.user_id)
    assert uuid.UUID(one.stand_in(person.user_id)).version == 8
    assert one.shown(person) == person
    erased = msgspec.structs.replace(one, stand_ins=frozenset({one.stand_in(person.user_id)}))
    assert erased.shown(erased.shown(person)) == erased.shown(person)
    assert PortalId(erased.shown_id(UserId(str(uuid.uuid4()))))
