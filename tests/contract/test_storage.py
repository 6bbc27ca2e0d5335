"""Every repository on a real table service."""

from __future__ import annotations

import asyncio
import time
from datetime import date, timedelta

import msgspec
import pytest

from catalogue.model import CatalogueEntry
from compliance.position import position
from errors import (
    Conflict,
    InvalidInput,
    LeaseLost,
    NotFound,
    PreconditionFailed,
    StorageUnavailable,
)
from identifiers import GroupId, SkuId, TenantId, UserId
from imports.model import Group, ImportSummary
from imports.reconcile import reconcile_products
from monitor.run import MAX_LOG_LINES, LogLine
from portals.model import ConnectionTest, TestStep
from settings import read_settings
from storage.blocks import encode_contact, index_consumers, layout_for, next_generation
from storage.catalogue import CatalogueState, CatalogueStore
from storage.compliance import PositionStore
from storage.consumers import ConsumerStore
from storage.contacts import ContactStore
from storage.factory import open_tables
from storage.groups import GroupStore
from storage.licenses import LicenseStore
from storage.portals import PortalStore
from storage.queues import WorkQueue
from storage.runs import RunStore
from storage.staging import StagingStore
from storage.sync_state import SyncStateStore
from storage.tables import Tables, decode_key, encode_key
from tests.builders import (
    NOW,
    OTHER_SKU,
    SKU,
    make_assignment,
    make_circumstances,
    make_contact,
    make_counts,
    make_license,
    make_path,
    make_portal,
    make_run,
    new_portal_id,
    new_user_id,
)


async def test_of_many_portals_created_with_one_name_exactly_one_wins(tables: Tables):
    store = PortalStore(tables)
    names = ["Contoso Müller", "CONTOSO MÜLLER"] * 10
    results = await asyncio.gather(
        *(store.create(make_portal(name=name)) for name in names), return_exceptions=True
    )
    losers = [result for result in results if isinstance(result, Conflict)]
    assert len(losers) == 19
    assert {loser.code for loser in losers} == {"name_taken"}
    assert len(await store.list()) == 1


@pytest.mark.parametrize("name", ["🦊" * 25, "x" * 100, 'O\'Neil & "Co" | 50 %', "ß"])
async def test_a_portal_survives_storage_whatever_its_name(tables: Tables, name: str):
    store = PortalStore(tables)
    portal = await store.create(
        make_portal(name=name, exclusions=frozenset({SKU, OTHER_SKU}), description="d" * 1000)
    )
    assert await store.get(portal.portal_id) == portal
    assert portal.etag == "1"


async def test_a_rename_frees_the_old_name_and_takes_the_new(tables: Tables):
    store = PortalStore(tables)
    first = await store.create(make_portal(name="One"))
    second = await store.create(make_portal(name="Two"))
    with pytest.raises(Conflict):
        await store.update(msgspec.structs.replace(second, name="ONE"), etag=None)
    await store.update(msgspec.structs.replace(first, name="Three"), etag=None)
    await store.update(msgspec.structs.replace(second, name="one"), etag=None)
    assert [portal.name for portal in await store.list()] == ["one", "Three"]


async def test_a_stale_etag_changes_and_deletes_nothing(tables: Tables):
    store = PortalStore(tables)
    portal = await store.create(make_portal())
    changed = await store.update(msgspec.structs.replace(portal, description="new"), etag="1")
    assert changed.etag == "2"
    with pytest.raises(PreconditionFailed):
        await store.update(portal, etag="1")
    with pytest.raises(PreconditionFailed):
        await store.delete(portal.portal_id, etag="1", deleted_at=NOW)
    assert (await store.get(portal.portal_id)).description == "new"


async def test_a_test_is_kept_across_changes_and_is_no_change_itself(tables: Tables):
    store = PortalStore(tables)
    portal = await store.create(make_portal())
    test = ConnectionTest(
        "failed", NOW, tuple(TestStep(f"step {n}", "failed", "é" * 900) for n in range(12))
    )
    await store.record_test(portal, test)
    updated = await store.update(portal, etag="1")
    assert updated.last_test == test
    assert (await store.get(portal.portal_id)).last_test == test


async def test_a_deleted_portal_leaves_a_tombstone_that_a_successor_takes_over(tables: Tables):
    store = PortalStore(tables)
    portal = await store.create(make_portal(tenant_id=TenantId("t")))
    await store.delete(portal.portal_id, etag=None, deleted_at=NOW)
    assert [d.portal_id for d in await store.list_deleted()] == [portal.portal_id]
    assert await store.list() == []
    assert (await store.list_page(top=10, continuation=None)).items == []
    with pytest.raises(NotFound):
        await store.get(portal.portal_id)
    again = await store.create(portal, adopting=portal.portal_id)
    assert again.portal_id == portal.portal_id
    assert await store.list_deleted() == []
    await store.forget_deleted(portal.portal_id)


async def test_more_than_a_thousand_rows_come_page_by_page(tables: Tables):
    store = LicenseStore(tables)
    portal_id = new_portal_id()
    licenses = [
        make_license(portal_id=portal_id, sku_id=SkuId(str(new_user_id()))) for _ in range(1100)
    ]
    await store.upsert_licenses(licenses)
    assert len(await store.list_licenses(portal_id)) == 1100
    seen: list[SkuId] = []
    continuation = None
    for _ in range(50):
        page = await store.list_licenses_page(
            portal_id=portal_id, top=400, continuation=continuation
        )
        assert len(page.items) <= 400
        seen += [license_.sku_id for license_ in page.items]
        continuation = page.continuation
        if continuation is None:
            break
    assert sorted(seen) == sorted(license_.sku_id for license_ in licenses)


@pytest.mark.parametrize("token", ["", "x", "[]", '{"PartitionKey": 5}', '{"RowKey": "x"}'])
async def test_a_position_that_storage_did_not_give_is_refused(tables: Tables, token: str):
    with pytest.raises(InvalidInput):
        await LicenseStore(tables).list_licenses_page(portal_id=None, top=5, continuation=token)
    with pytest.raises(InvalidInput):
        await RunStore(tables).list_page(now=NOW, top=5, continuation=token)


async def test_values_in_filters_are_values(tables: Tables):
    store = LicenseStore(tables)
    portal_id = new_portal_id()
    await store.upsert_licenses([make_license(portal_id=portal_id)])
    products = reconcile_products(
        portal_id, "O'Neil", {}, [make_license(portal_id=portal_id)], now=NOW
    )
    await store.upsert_products(products)
    page = await store.list_products_page(
        portal_id=None, directory="x' or PartitionKey ne '", top=10, continuation=None
    )
    assert page.items == []
    page = await store.list_products_page(
        portal_id=None, directory="Microsoft 365/O'Neil", top=10, continuation=None
    )
    assert len(page.items) == 1


async def test_a_moved_product_is_guarded_by_its_etag(tables: Tables):
    store = LicenseStore(tables)
    portal_id = new_portal_id()
    await store.upsert_products(
        reconcile_products(portal_id, "P", {}, [make_license(portal_id=portal_id)], now=NOW)
    )
    product = await store.get_product(portal_id, SKU)
    moved = await store.move_product(portal_id, SKU, "Elsewhere", etag=product.etag)
    assert (moved.directory, moved.moved) == ("Elsewhere", True)
    with pytest.raises(PreconditionFailed):
        await store.move_product(portal_id, SKU, "Again", etag=product.etag)
    assert await store.directories() == {"Elsewhere": 1}
    await store.delete_product(portal_id, SKU)
    await store.delete_product(portal_id, SKU)


@pytest.mark.parametrize("text", ["a/b\\c#d?e", "100 %41|", "tab\there", "\x7f\x9f", "plain"])
def test_keys_survive_their_encoding(text: str):
    key = encode_key(text)
    assert not set(key) & set("/\\#?|\t\x7f\x9f")
    assert decode_key(key) == text


async def test_runs_are_listed_newest_first_across_months(tables: Tables):
    store = RunStore(tables)
    portal_id = new_portal_id()
    moments = [NOW - timedelta(days=days) for days in (0, 1, 20, 45, 100)]
    runs = [
        make_run(moment, portal_id=portal_id if index % 2 else None, state="Failed")
        for index, moment in enumerate(moments)
    ]
    for run in reversed(runs):
        await store.create(run)
    listed = [run.run_id for run in await _all_runs(store)]
    assert listed == [run.run_id for run in runs]
    mine = [run.run_id for run in await _all_runs(store, portal_id=portal_id)]
    assert mine == [runs[1].run_id, runs[3].run_id]
    assert await _all_runs(store, state="Queued") == []


async def _all_runs(store: RunStore, **filters):
    found = []
    continuation = None
    for _ in range(60):
        page = await store.list_page(now=NOW, top=2, continuation=continuation, **filters)
        found += page.items
        continuation = page.continuation
        if continuation is None:
            return found
    raise AssertionError("the list has no end")


async def test_children_are_found_by_their_parent(tables: Tables):
    store = RunStore(tables)
    parent = make_run(NOW, child_count=3)
    children = [make_run(NOW + timedelta(seconds=n), parent_run_id=parent.run_id) for n in range(3)]
    for run in (parent, make_run(NOW), *children):
        await store.create(run)
    assert {run.run_id for run in await store.children(parent)} == {r.run_id for r in children}


async def test_a_long_log_survives(tables: Tables):
    store = RunStore(tables)
    log = tuple(LogLine(NOW, "info", "ü" * 300) for _ in range(MAX_LOG_LINES))
    run = make_run(log=log, counts={"contacts": 5})
    await store.save(run)
    assert await store.get(run.run_id) == run


async def test_a_lease_is_held_by_one_owner_until_it_expires(tables: Tables):
    store = SyncStateStore(tables)
    portal_id, run = new_portal_id(), make_run()
    lease = await store.acquire_lease(portal_id, owner="a", run_id=run.run_id, now=NOW, seconds=60)
    with pytest.raises(LeaseLost):
        await store.acquire_lease(portal_id, owner="b", run_id=run.run_id, now=NOW, seconds=60)
    lease = await store.renew_lease(lease, now=NOW + timedelta(seconds=50), seconds=60)
    later = NOW + timedelta(seconds=100)
    current = await store.current_lease(portal_id, later)
    assert current is not None
    assert current.owner == "a"
    expired = NOW + timedelta(seconds=111)
    assert await store.current_lease(portal_id, expired) is None
    stolen = await store.acquire_lease(
        portal_id, owner="b", run_id=run.run_id, now=expired, seconds=60
    )
    with pytest.raises(LeaseLost):
        await store.renew_lease(lease, now=expired, seconds=60)
    with pytest.raises(LeaseLost):
        await store.release_lease(lease)
    await store.release_lease(stolen)
    assert await store.current_lease(portal_id, expired) is None


async def test_of_many_workers_one_gets_the_lease(tables: Tables):
    store = SyncStateStore(tables)
    portal_id, run = new_portal_id(), make_run()
    results = await asyncio.gather(
        *(
            store.acquire_lease(portal_id, owner=f"w{n}", run_id=run.run_id, now=NOW, seconds=60)
            for n in range(12)
        ),
        return_exceptions=True,
    )
    assert sum(not isinstance(result, BaseException) for result in results) == 1


async def test_small_state_survives_and_goes_with_its_portal(tables: Tables):
    store = SyncStateStore(tables)
    portal_id = new_portal_id()
    summary = ImportSummary(portal_id, NOW, make_run().run_id, 5, {SKU: 2}, (OTHER_SKU,))
    await store.save_summary(summary)
    await store.write(portal_id, "checkpoint", b"x" * 150_000)
    assert await store.summary(portal_id) == summary
    assert await store.read(portal_id, "checkpoint") == b"x" * 150_000
    await store.delete_portal(portal_id)
    assert await store.summary(portal_id) is None


async def test_history_comes_newest_first_and_keeps_one_position_a_day(tables: Tables):
    store = PositionStore(tables)
    portal_id = new_portal_id()
    for offset, consumed in ((0, 1), (1, 2), (1, 3), (5, 4)):
        found = position(
            make_license(portal_id=portal_id),
            make_counts(consumed),
            make_circumstances(),
            None,
        )
        await store.upsert([found], day=date(2026, 6, 1) + timedelta(days=offset))
    page = await store.history(portal_id, SKU, since=None, top=10, continuation=None)
    assert [(d.day, d.consumed) for d in page.items] == [
        ("2026-06-06", 4),
        ("2026-06-02", 3),
        ("2026-06-01", 1),
    ]
    page = await store.history(portal_id, SKU, since=date(2026, 6, 2), top=1, continuation=None)
    assert len(page.items) == 1
    page = await store.history(
        portal_id, SKU, since=date(2026, 6, 2), top=5, continuation=page.continuation
    )
    assert [d.day for d in page.items] == ["2026-06-02"]
    (current,) = await store.list(portal_id)
    assert current.consumed == 4
    assert [row.consumed async for row in store.summary_rows()] == [4]


def contact_stores(tables: Tables) -> tuple[ContactStore, ConsumerStore]:
    """Contacts and consumers on the same tables."""
    contacts = ContactStore(tables, SyncStateStore(tables))
    return contacts, ConsumerStore(tables, contacts)


async def fill(tables: Tables, portal_id, count, *, layout=None, keep_unseen=False, drop=0):
    """Applies a tenant of `count` users with one license each; returns changes and contacts."""
    contacts, consumers = contact_stores(tables)
    layout = layout or layout_for(count, None)
    made = [
        make_contact(
            make_assignment(make_path(), sku_id=SKU if n % 3 else OTHER_SKU),
            user_id=UserId(f"{(n * 0x9E3779B1) % 2**32:08x}-0000-4000-8000-{n:012x}"),
            user_principal_name=f"user{n}@contoso.example",
        )
        for n in range(drop, count)
    ]
    totals = []
    for partition in layout.partitions:
        mine = {
            c.user_id: c
            for c in sorted(made, key=lambda c: c.user_id)
            if layout.partition_of_block(layout.block_of(c.user_id)) == partition
        }
        changes, standing = await contacts.replace_partition(
            portal_id,
            layout,
            partition,
            {user_id: encode_contact(c) for user_id, c in mine.items()},
            keep_unseen=keep_unseen,
        )
        rows = await consumers.replace_partition(
            portal_id, layout, partition, index_consumers(mine)
        )
        totals.append((changes, rows, len(standing)))
    await contacts.save_layout(portal_id, layout)
    return totals, made


async def test_contacts_and_consumers_are_read_as_they_were_written(tables: Tables):
    portal_id = new_portal_id()
    _, made = await fill(tables, portal_id, 700)
    contacts, consumers = contact_stores(tables)
    listed = []
    continuation = None
    while True:
        page = await contacts.list_page([portal_id], top=150, continuation=continuation)
        listed += [contact for _, contact in page.items]
        continuation = page.continuation
        if continuation is None:
            break
    assert listed == sorted(made, key=lambda c: c.user_id)
    assert await contacts.get(portal_id, made[5].user_id) == made[5]
    with pytest.raises(NotFound):
        await contacts.get(portal_id, new_user_id())
    counts = await consumers.counts(portal_id)
    assert {sku: c.consumed for sku, c in counts.items()} == {SKU: 466, OTHER_SKU: 234}
    first = await consumers.list_page(portal_id, OTHER_SKU, top=200, continuation=None)
    rest = await consumers.list_page(portal_id, OTHER_SKU, top=200, continuation=first.continuation)
    assert [c.user_id for c in [*first.items, *rest.items]] == sorted(
        c.user_id for n, c in enumerate(made) if n % 3 == 0
    )
    assert rest.continuation is None


async def test_replacing_a_partition_with_itself_writes_nothing(tables: Tables):
    portal_id = new_portal_id()
    first, _ = await fill(tables, portal_id, 300)
    again, _ = await fill(tables, portal_id, 300)
    assert sum(changes.added for changes, _, _ in first) == 300
    assert all(changes.rows_written == 0 and rows == 0 for changes, rows, _ in again)


async def test_contacts_not_seen_go_or_stay_as_asked(tables: Tables):
    portal_id = new_portal_id()
    layout = layout_for(100, None)
    await fill(tables, portal_id, 100, layout=layout)
    kept, _ = await fill(tables, portal_id, 100, layout=layout, drop=60, keep_unseen=True)
    assert sum(standing for _, _, standing in kept) == 100
    gone, _ = await fill(tables, portal_id, 100, layout=layout, drop=60)
    assert sum(changes.removed for changes, _, _ in gone) == 60
    assert sum(standing for _, _, standing in gone) == 40


async def test_a_new_generation_replaces_the_old_at_once(tables: Tables):
    portal_id = new_portal_id()
    contacts, consumers = contact_stores(tables)
    layout = layout_for(200, None)
    await fill(tables, portal_id, 200, layout=layout)
    await fill(tables, portal_id, 50, layout=next_generation(layout))
    await contacts.delete_other_layouts(portal_id, next_generation(layout))
    await consumers.delete_other_layouts(portal_id, next_generation(layout))
    page = await contacts.list_page([portal_id], top=1000, continuation=None)
    assert len(page.items) == 50
    await contacts.delete_portal(portal_id)
    assert (await contacts.list_page([portal_id], top=10, continuation=None)).items == []


async def test_a_filter_reads_a_bounded_part_and_goes_on(tables: Tables):
    portal_id = new_portal_id()
    _, made = await fill(tables, portal_id, 9000)
    contacts, _ = contact_stores(tables)
    wanted = max(made, key=lambda c: c.user_id)
    pages = 0
    found = []
    continuation = None
    while True:
        page = await contacts.list_page(
            [portal_id],
            top=10,
            continuation=continuation,
            matches=lambda c: c.user_id == wanted.user_id,
        )
        pages += 1
        found += page.items
        continuation = page.continuation
        if continuation is None:
            break
    assert [contact for _, contact in found] == [wanted]
    assert pages > 1


async def test_staged_chunks_count_only_when_a_checkpoint_names_them(tables: Tables):
    store = StagingStore(tables)
    portal_id = new_portal_id()
    await store.write(portal_id, "000000-aa", {3: [b"a"], 4: [b"b"]})
    await store.write(portal_id, "000001-bb", {3: [b"later"]})
    await store.write(portal_id, "000001-cc", {3: [b"killed"]})
    named = {"000000-aa"}
    assert [c async for c in store.read(portal_id, range(3, 4), named)] == [[b"a"]]
    named.add("000001-bb")
    assert [c async for c in store.read(portal_id, range(3, 5), named)] == [
        [b"a"],
        [b"later"],
        [b"b"],
    ]
    await store.clear(portal_id)
    assert [c async for c in store.read(portal_id, range(256), named)] == []


async def test_groups_and_catalogue_are_replaced(tables: Tables):
    groups, catalogue = GroupStore(tables), CatalogueStore(tables)
    portal_id = new_portal_id()
    many = [Group(GroupId(str(new_user_id())), f"G{n}", n % 2 == 0, (SKU,)) for n in range(120)]
    await groups.upsert_groups(portal_id, many)
    assert (await groups.list_groups(portal_id)).keys() == {g.group_id for g in many}
    await groups.delete_portal(portal_id)
    assert await groups.list_groups(portal_id) == {}

    entries = [CatalogueEntry(SKU, "SPE_E3", "E3"), CatalogueEntry(OTHER_SKU, "V", "Visio")]
    await catalogue.replace(entries, CatalogueState(NOW, '"1"'))
    assert list((await catalogue.entries()).values()) == entries
    await catalogue.replace(entries[:1], CatalogueState(NOW, '"2"'))
    assert list(await catalogue.entries()) == [SKU]
    assert await catalogue.state() == CatalogueState(NOW, '"2"')


async def test_messages_are_sent_delayed_and_browsed(queue: WorkQueue):
    assert await queue.length("imports") == 0
    assert [m async for m in queue.browse("imports", 5)] == []
    await queue.send("imports", b'{"a":1}')
    await queue.send("imports", b"later", delay_seconds=60)
    assert [m async for m in queue.browse("imports", 5)] == [b'{"a":1}']
    assert await queue.length("imports") == 2


async def test_storage_that_is_down_is_told_within_seconds():
    settings = read_settings(
        {
            "AzureWebJobsStorage": "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;"
            "TableEndpoint=http://127.0.0.1:9/a;QueueEndpoint=http://127.0.0.1:9/a"
        }
    )
    tables = open_tables(settings, lambda: pytest.fail("no identity is needed"))
    began = time.monotonic()
    with pytest.raises(StorageUnavailable):
        await PortalStore(tables).list()
    assert time.monotonic() - began < 20
    await tables.close()
