"""What Table Storage limits: rows a transaction, bytes, keys, numbers, pages; and storage away."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import pytest

from compliance.position import position
from errors import InvalidInput, LeaseLost, NotFound, StorageError, StorageUnavailable
from identifiers import PortalId, RunId, SkuId
from imports.model import Group
from monitor.run import LogLine, Run
from settings import Settings, read_settings
from storage.compliance import PositionStore
from storage.consumers import ConsumerStore
from storage.contacts import ContactStore
from storage.factory import open_queue, open_tables
from storage.groups import GroupStore
from storage.licenses import LicenseStore
from storage.portals import PortalStore
from storage.runs import RunStore
from storage.staging import StagingStore
from storage.sync_state import SyncStateStore
from storage.tables import Row, Tables, decode_key, encode_key
from tests.builders import (
    GROUP,
    NOW,
    SKU,
    make_circumstances,
    make_counts,
    make_license,
    make_portal,
    make_run,
    new_portal_id,
    new_user_id,
)

INJECTION = PortalId("x' or PartitionKey ne '")
ODD_KEYS = ["a/b", "a\\b", "a#b", "a?b", "50 %", "a|b", "tab\t", "\x7f\x85", "🦊", 'O\'Neil "Co"']


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_a_transaction_over_the_limits_is_divided(tables: Tables):
    table = await tables.table("Limits")
    many: list[Row] = [{"PartitionKey": "many", "RowKey": f"{n:04d}"} for n in range(1234)]
    large: list[Row] = [
        {"PartitionKey": "large", "RowKey": f"{n:03d}", "Data0": bytes(60_000)} for n in range(110)
    ]
    await tables.submit(table, [("upsert", row) for row in [*many, *large]])
    for rows in (many, large):
        found = tables.query(
            table,
            "PartitionKey eq @key",
            {"key": rows[0]["PartitionKey"]},
            select=["RowKey"],
        )
        assert [row["RowKey"] async for row in found] == [row["RowKey"] for row in rows]


async def test_every_character_of_a_key_survives_the_service(tables: Tables):
    table = await tables.table("Keys")
    rows = [{"PartitionKey": encode_key(text), "RowKey": encode_key(text)} for text in ODD_KEYS]
    await tables.submit(table, [("create", row) for row in rows])
    for text in ODD_KEYS:
        row = await tables.get(table, encode_key(text), encode_key(text))
        assert row is not None
        assert decode_key(row["RowKey"]) == text
        found = tables.query(table, "RowKey eq @key", {"key": encode_key(text)})
        assert [decode_key(row["RowKey"]) async for row in found] == [text]
    await tables.submit(table, [("delete", row) for row in rows])
    assert await tables.get_many(table, [(r["PartitionKey"], r["RowKey"]) for r in rows]) == [
        None
    ] * len(rows)


async def test_deleting_succeeds_though_some_rows_are_gone(tables: Tables):
    table = await tables.table("Gone")
    rows = [{"PartitionKey": "p", "RowKey": f"{n:03d}"} for n in range(120)]
    await tables.submit(table, [("create", row) for row in rows])
    await tables.submit(table, [("delete", row) for row in rows[::2]])
    await tables.submit(table, [("delete", row) for row in rows])
    assert [row async for row in tables.query(table, "PartitionKey eq @p", {"p": "p"})] == []


async def test_over_a_thousand_staged_chunks_are_cleared_and_no_others(tables: Tables):
    store = StagingStore(tables)
    mine, other = new_portal_id(), new_portal_id()
    names = [f"{n:06d}-aa" for n in range(20)]
    for name in names:
        await store.write(mine, name, {p: [b"x"] for p in range(64)})
    await store.write(other, names[0], {1: [b"y"]})
    await store.clear(PortalId("' or '' eq '"))
    assert len([chunk async for chunk in store.read(mine, range(64), names)]) == 1280
    await store.clear(mine)
    assert [chunk async for chunk in store.read(mine, range(64), names)] == []
    assert len([chunk async for chunk in store.read(other, range(64), names)]) == 1


async def test_numbers_beyond_32_bits_are_kept(tables: Tables):
    licenses, positions = LicenseStore(tables), PositionStore(tables)
    license_ = make_license(enabled_units=2**31 - 1, warning_units=2**31 - 1)
    found = position(license_, make_counts(3), make_circumstances(), None)
    assert found.entitled == 2**32 - 2
    await licenses.upsert_licenses([license_])
    await positions.upsert([found], day=date(2026, 6, 1))
    assert await licenses.get_license(license_.portal_id, SKU) == license_
    assert await positions.get(found.portal_id, SKU) == found
    assert [row.entitled async for row in positions.summary_rows()] == [2**32 - 2]


async def test_a_log_of_emoji_is_kept(tables: Tables):
    run = make_run(portal_name="🦊" * 100, log=tuple([LogLine(NOW, "info", "🦊" * 300)] * 200))
    store = RunStore(tables)
    await store.save(run)
    assert await store.get(run.run_id) == run


async def test_an_id_is_a_value_in_every_filter(tables: Tables):
    licenses, positions, runs = LicenseStore(tables), PositionStore(tables), RunStore(tables)
    groups, state = GroupStore(tables), SyncStateStore(tables)
    contacts = ContactStore(tables, state)
    portal_id = new_portal_id()
    license_ = make_license(portal_id=portal_id)
    await licenses.upsert_licenses([license_])
    found = position(license_, make_counts(3), make_circumstances(), None)
    await positions.upsert([found], day=date(2026, 6, 1))
    await groups.upsert_groups(portal_id, [Group(GROUP, "Sales", None, (SKU,))])
    await runs.save(make_run(portal_id=portal_id))
    assert await licenses.list_licenses(INJECTION) == []
    assert await licenses.list_products(INJECTION) == []
    assert await positions.list(INJECTION) == []
    assert await groups.list_groups(INJECTION) == {}
    assert await contacts.get_many(INJECTION, [new_user_id()]) == {}
    assert await ConsumerStore(tables, contacts).counts(INJECTION) == {}
    for page in (
        await licenses.list_licenses_page(portal_id=INJECTION, top=9, continuation=None),
        await licenses.list_products_page(
            portal_id=INJECTION, directory=INJECTION, top=9, continuation=None
        ),
        await positions.list_page(portal_id=INJECTION, status=None, top=9, continuation=None),
        await positions.history(INJECTION, SkuId(INJECTION), since=None, top=9, continuation=None),
        await runs.list_page(now=NOW, top=9, continuation=None, portal_id=INJECTION),
        await runs.list_page(now=NOW, top=9, continuation=None, parent_run_id=RunId(INJECTION)),
    ):
        assert page.items == []
    await groups.delete_portal(INJECTION)
    await state.delete_portal(INJECTION)
    assert list(await groups.list_groups(portal_id)) == [GROUP]
    with pytest.raises(NotFound):
        await licenses.get_license(INJECTION, SkuId(INJECTION))


Lister = Callable[[Tables, str], Awaitable[Any]]
LISTS: dict[str, Lister] = {
    "portals": lambda t, c: PortalStore(t).list_page(top=5, continuation=c),
    "licenses": lambda t, c: LicenseStore(t).list_licenses_page(
        portal_id=None, top=5, continuation=c
    ),
    "products": lambda t, c: LicenseStore(t).list_products_page(
        portal_id=None, directory=None, top=5, continuation=c
    ),
    "positions": lambda t, c: PositionStore(t).list_page(
        portal_id=None, status=None, top=5, continuation=c
    ),
    "history": lambda t, c: PositionStore(t).history(
        new_portal_id(), SKU, since=None, top=5, continuation=c
    ),
    "runs": lambda t, c: RunStore(t).list_page(now=NOW, top=5, continuation=c),
    "contacts": lambda t, c: ContactStore(t, SyncStateStore(t)).list_page(
        [new_portal_id()], top=5, continuation=c
    ),
    "consumers": lambda t, c: ConsumerStore(t, ContactStore(t, SyncStateStore(t))).list_page(
        new_portal_id(), SKU, top=5, continuation=c
    ),
}


@pytest.mark.parametrize("name", sorted(LISTS))
@pytest.mark.parametrize(
    "token", ["", "rubbish", "null", "[]", "{}", '{"PartitionKey":1,"RowKey":2}', "a|b", "🦊"]
)
async def test_rubbish_as_continuation_is_invalid_input(tables: Tables, name: str, token: str):
    with pytest.raises(InvalidInput) as refused:
        await LISTS[name](tables, token)
    assert refused.value.field == "continuation"


@pytest.mark.parametrize("month", ["999912", "202607", "202600", "202613", "20266", "٢٠٢٦٠٦"])
async def test_a_month_that_runs_cannot_have_is_refused_at_once(tables: Tables, month: str):
    with pytest.raises(InvalidInput):
        await RunStore(tables).list_page(now=NOW, top=5, continuation=f'["{month}",null]')


async def test_a_lease_given_back_meanwhile_is_lost(tables: Tables):
    store = SyncStateStore(tables)
    portal_id, run_id = new_portal_id(), make_run().run_id
    lease = await store.acquire_lease(portal_id, owner="a", run_id=run_id, now=NOW, seconds=60)
    await store.release_lease(lease)
    with pytest.raises(LeaseLost):
        await store.renew_lease(lease, now=NOW, seconds=60)
    with pytest.raises(LeaseLost):
        await store.release_lease(lease)
    again = await store.acquire_lease(portal_id, owner="b", run_id=run_id, now=NOW, seconds=60)
    assert await store.current_lease(portal_id, NOW) == again


async def test_its_owner_takes_a_lease_anew_and_the_older_one_is_lost(tables: Tables):
    store = SyncStateStore(tables)
    portal_id, run_id = new_portal_id(), make_run().run_id
    first = await store.acquire_lease(portal_id, owner="a", run_id=run_id, now=NOW, seconds=60)
    second = await store.acquire_lease(portal_id, owner="a", run_id=run_id, now=NOW, seconds=90)
    with pytest.raises(LeaseLost):
        await store.renew_lease(first, now=NOW, seconds=60)
    renewed = await store.renew_lease(second, now=NOW, seconds=120)
    assert renewed.expires_at > second.expires_at


async def listed(store: RunStore, **filters: Any) -> list[Run]:
    """All runs that match, read three at a time."""
    found: list[Run] = []
    continuation = None
    for _ in range(100):
        page = await store.list_page(now=NOW, top=3, continuation=continuation, **filters)
        assert len(page.items) <= 3
        found += page.items
        continuation = page.continuation
        if continuation is None:
            return found
    raise AssertionError("the list has no end")


async def test_runs_of_several_months_are_filtered_by_everything_at_once(tables: Tables):
    store = RunStore(tables)
    mine, parent = new_portal_id(), make_run().run_id
    runs = [
        make_run(
            NOW.replace(month=month, day=day),
            portal_id=mine if day % 2 else None,
            parent_run_id=parent if day < 4 else None,
            state="Failed" if month != 4 else "Succeeded",
            task="import" if day != 3 else "recalculation",
        )
        for month in (6, 5, 4, 2)
        for day in (1, *range(5, 0, -1))
        if month != 6 or day == 1
    ]
    for run in runs:
        await store.save(run)
    newest_first = sorted(runs, key=lambda run: run.created_at, reverse=True)

    def moments(found: list[Run]) -> list[tuple[Any, ...]]:
        return [(run.created_at, run.state, run.task) for run in found]

    assert moments(await listed(store)) == moments(newest_first)
    expected = [
        run
        for run in newest_first
        if run.portal_id == mine
        and run.parent_run_id == parent
        and run.state == "Failed"
        and run.task == "import"
    ]
    assert expected
    assert moments(
        await listed(store, portal_id=mine, parent_run_id=parent, state="Failed", task="import")
    ) == moments(expected)
    assert {r.run_id for r in await listed(store, portal_id=mine)} == {
        r.run_id for r in runs if r.portal_id == mine
    }


def elsewhere(connection: str) -> Settings:
    """Settings with another connection string."""
    return read_settings({"AzureWebJobsStorage": connection})


async def test_queues_that_are_down_are_told_within_seconds():
    settings = elsewhere(
        "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;"
        "TableEndpoint=http://127.0.0.1:9/a;QueueEndpoint=http://127.0.0.1:9/a"
    )
    queue = open_queue(settings, lambda: pytest.fail("no identity is needed"))
    began = time.monotonic()
    with pytest.raises(StorageUnavailable):
        await queue.send("imports", b"{}")
    assert time.monotonic() - began < 15
    await queue.close()


async def test_a_refused_account_key_is_told_as_such(settings: Settings):
    connection = settings.storage_connection or ""
    key = connection.split("AccountKey=")[1].split(";")[0]
    tables = open_tables(
        elsewhere(connection.replace(key, "d3Jvbmc=")),
        lambda: pytest.fail("no identity is needed"),
    )
    with pytest.raises(StorageError) as refused:
        await PortalStore(tables).create(make_portal())
    assert not isinstance(refused.value, StorageUnavailable)
    assert key not in str(refused.value)
    await tables.close()
