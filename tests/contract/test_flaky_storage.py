"""Storage whose answers get lost, that is silent, missing a table, or changed in between."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, NoReturn

import msgspec
import pytest

import composition
from errors import Conflict, Misconfigured, PreconditionFailed, StorageError, StorageUnavailable
from identifiers import ClientId, PortalId, TenantId
from imports.messages import ImportMessage
from imports.model import Product
from imports.service import import_portal
from portals.certificates import ClientSecretMaterial
from portals.model import Portal
from settings import Settings, read_settings
from simulator.control import Control
from spend.model import LicenseContract
from storage.contracts import ContractStore
from storage.factory import open_queue, open_tables
from storage.licenses import PRODUCTS, LicenseStore
from storage.portals import PortalStore
from storage.runs import RunStore
from storage.sync_state import SyncStateStore
from storage.tables import Row, Tables
from tests.builders import NOW, OTHER_SKU, PORTAL, SKU, make_portal, make_run, new_portal_id
from tests.flaky_storage import FlakyStorage

SECRET = "Q~flaky-secret-0123456789"
ROWS: list[Row] = [{"PartitionKey": "p", "RowKey": f"{n}", "Text": "x"} for n in range(5)]


def _no_identity() -> NoReturn:
    raise AssertionError("a connection string needs no identity")


@pytest.fixture
async def flaky(settings: Settings) -> AsyncIterator[FlakyStorage]:
    """Azurite behind a relay that can lose answers."""
    async with FlakyStorage(settings.storage_connection or "") as relay:
        yield relay


@pytest.fixture
async def through(flaky: FlakyStorage, tables: Tables) -> AsyncIterator[Tables]:
    """The test's own tables, through the relay; a silent call is given up after a second."""
    settings = read_settings(
        {"AzureWebJobsStorage": flaky.connection_string, "STORAGE_TIMEOUT_SECONDS": "1"}
    )
    opened = open_tables(settings, _no_identity, prefix=tables._prefix)
    yield opened
    await opened.close()


def product(portal_id: PortalId = PORTAL, **changes: Any) -> Product:
    """A product where imports file it."""
    values: dict[str, Any] = {
        "portal_id": portal_id,
        "sku_id": SKU,
        "name": "Contoso E3",
        "directory": "Microsoft 365/Contoso",
        "moved": False,
        "created_at": NOW,
    }
    return Product(**{**values, **changes})


async def test_writes_whose_answers_are_lost_are_sent_again(flaky: FlakyStorage, through: Tables):
    table = await through.table("Lossy")
    await through.submit(table, [("upsert", row) for row in ROWS[:3]])
    flaky.lose(1, containing="$batch")
    await through.submit(table, [("upsert", row) for row in ROWS[2:]])
    assert await through.get_many(table, [("p", f"{n}") for n in range(5)]) != [None] * 5
    flaky.lose(1, containing="$batch")
    await through.submit(table, [("delete", row) for row in ROWS[:2]])
    flaky.lose(1, containing="$batch")
    await through.submit(table, [("delete", ROWS[2]), ("upsert", {**ROWS[3], "Text": "y"})])
    found = await through.get_many(table, [("p", f"{n}") for n in range(5)])
    assert [row and row["Text"] for row in found] == [None, None, None, "y", "x"]
    assert flaky.lost == 3


async def test_a_single_write_whose_answer_is_lost_is_sent_again(
    flaky: FlakyStorage, through: Tables
):
    table = await through.table("Lossy")
    flaky.lose(1, containing="Lossy(")
    await through.submit(table, [("upsert", ROWS[0])])
    found = await through.get(table, "p", "0")
    assert found is not None
    assert found["Text"] == "x"
    flaky.lose(1, containing="Lossy(")
    await through.submit(table, [("delete", ROWS[0])])
    assert await through.get(table, "p", "0") is None
    await through.submit(table, [("delete", ROWS[0])])
    assert flaky.lost == 2


async def test_a_portal_whose_answer_is_lost_counts_as_stored(flaky: FlakyStorage, through: Tables):
    store = PortalStore(through)
    await store.list()
    flaky.lose(1, containing="$batch")
    portal = await store.create(make_portal())
    assert await store.get(portal.portal_id) == portal
    flaky.lose(1, containing="$batch")
    renamed = await store.update(msgspec.structs.replace(portal, name="Renamed"), etag=portal.etag)
    assert await store.get(portal.portal_id) == renamed
    assert renamed.etag == "2"
    flaky.lose(1, containing="$batch")
    grave = await store.delete(portal.portal_id, etag=renamed.etag, deleted_at=NOW)
    assert await store.list_deleted() == [grave]
    assert flaky.lost == 3


async def test_a_name_that_is_taken_stays_taken_though_the_answer_is_lost(
    flaky: FlakyStorage, through: Tables
):
    store = PortalStore(through)
    await store.create(make_portal(name="Contoso"))
    flaky.lose(1, containing="$batch")
    with pytest.raises(StorageUnavailable):
        await store.create(make_portal(name="contoso"))
    with pytest.raises(Conflict):
        await store.create(make_portal(name="contoso"))


async def test_a_contract_whose_answer_is_lost_counts_as_stored(
    flaky: FlakyStorage, through: Tables
):
    store = ContractStore(through)
    portal_id = new_portal_id()
    first = LicenseContract(portal_id, SKU, NOW)
    await store.of_portal(portal_id)
    flaky.lose(1, containing="$batch")
    await store.create(first)
    later = LicenseContract(portal_id, SKU, NOW + timedelta(microseconds=1), managed=False)
    flaky.lose(1, containing="$batch")
    await store.replace(later, etag=first.etag)
    assert await store.get(portal_id, SKU) == later
    with pytest.raises(PreconditionFailed):
        await store.replace(first, etag=first.etag)
    with pytest.raises(PreconditionFailed):
        await store.create(first)
    flaky.lose(1, containing="$batch")
    await store.delete_unchanged(portal_id, SKU, etag=later.etag)
    assert await store.get(portal_id, SKU) is None
    assert flaky.lost == 3


async def test_a_lease_whose_answer_is_lost_is_held(flaky: FlakyStorage, through: Tables):
    store = SyncStateStore(through)
    portal_id, run_id = new_portal_id(), make_run().run_id
    assert await store.current_lease(portal_id, NOW) is None
    flaky.lose(1, containing="$batch")
    lease = await store.acquire_lease(portal_id, owner="a", run_id=run_id, now=NOW, seconds=60)
    flaky.lose(1, containing="$batch")
    renewed = await store.renew_lease(lease, now=NOW, seconds=90)
    assert await store.current_lease(portal_id, NOW) == renewed
    assert flaky.lost == 2


async def test_silent_storage_is_told_within_seconds_by_all_who_wait(
    flaky: FlakyStorage, through: Tables
):
    flaky.silent = True
    store = RunStore(through)
    began = time.monotonic()
    told = await asyncio.gather(*(store.save(make_run()) for _ in range(5)), return_exceptions=True)
    assert [type(error) for error in told] == [StorageUnavailable] * 5
    assert time.monotonic() - began < 6
    assert "the runs" in str(told[0])
    flaky.silent = False
    await store.save(make_run())


async def test_silent_queues_are_told_within_seconds(settings: Settings):
    async with FlakyStorage(settings.storage_connection or "", "Queue") as relay:
        queue = open_queue(
            read_settings(
                {"AzureWebJobsStorage": relay.connection_string, "STORAGE_TIMEOUT_SECONDS": "1"}
            ),
            _no_identity,
        )
        relay.silent = True
        began = time.monotonic()
        with pytest.raises(StorageUnavailable):
            await queue.send("imports", b"{}")
        assert time.monotonic() - began < 8
        await queue.close()


@pytest.mark.parametrize("text", ["rubbish", "AccountName=a", "DefaultEndpointsProtocol=https;x"])
async def test_a_malformed_connection_string_names_its_setting(text: str):
    settings = read_settings({"AzureWebJobsStorage": text})
    for opener in (open_tables, open_queue):
        with pytest.raises(Misconfigured) as refused:
            opener(settings, _no_identity)
        assert "AzureWebJobsStorage" in refused.value.message


async def test_a_table_that_somebody_deleted_is_an_error_and_not_an_absent_row(tables: Tables):
    store = PortalStore(tables)
    portal: Portal = await store.create(make_portal())
    await tables._service.delete_table(tables._prefix + "Portals")
    with pytest.raises(StorageError) as refused:
        await store.get(portal.portal_id)
    assert "portals" in refused.value.message
    await store.create(make_portal())


async def test_an_import_leaves_a_product_where_an_admin_moved_it_meanwhile(tables: Tables):
    store = LicenseStore(tables)
    await store.upsert_products([product(), product(sku_id=OTHER_SKU)])
    seen = await store.list_products(PORTAL)
    await store.move_product(PORTAL, SKU, "Software/Office", etag=None)
    await store.upsert_products(
        [msgspec.structs.replace(item, name="New", directory="Elsewhere") for item in seen]
    )
    stored = {item.sku_id: item for item in await store.list_products(PORTAL)}
    assert (stored[SKU].name, stored[SKU].directory) == ("New", "Software/Office")
    assert stored[SKU].moved
    assert (stored[OTHER_SKU].name, stored[OTHER_SKU].directory) == ("New", "Elsewhere")
    assert stored[OTHER_SKU].moved is False


async def test_more_products_than_a_transaction_takes_are_written(tables: Tables):
    store = LicenseStore(tables)
    many = [product(sku_id=f"{n:08d}-0000-0000-0000-000000000000") for n in range(230)]
    await store.upsert_products(many)
    assert len(await store.list_products(PORTAL)) == 230


async def test_a_stale_product_is_called_by_its_name_and_not_by_its_table(tables: Tables):
    store = LicenseStore(tables)
    await store.upsert_products([product()])
    old = await store.get_product(PORTAL, SKU)
    await store.move_product(PORTAL, SKU, "A", etag=old.etag)
    with pytest.raises(PreconditionFailed) as refused:
        await store.move_product(PORTAL, SKU, "B", etag=old.etag)
    assert refused.value.message == "The product has changed since it was read."
    assert PRODUCTS not in refused.value.message


async def test_a_filter_that_matches_nothing_does_not_read_two_years_at_once(tables: Tables):
    store = RunStore(tables)
    for month in range(1, 6):
        await store.save(make_run(NOW.replace(month=month)))
    page = await store.list_page(now=NOW, top=5, continuation=None, portal_id=PORTAL)
    assert page.items == []
    assert page.continuation is not None
    calls = 1
    while page.continuation is not None:
        page = await store.list_page(
            now=NOW, top=5, continuation=page.continuation, portal_id=PORTAL
        )
        calls += 1
        assert calls < 10


async def test_what_was_asked_of_graph_counts_although_storage_then_fails(
    flaky: FlakyStorage, settings: Settings, cloud: Control
):
    environment = {"AzureWebJobsStorage": flaky.connection_string, "STORAGE_TIMEOUT_SECONDS": "1"}
    through = read_settings(environment)
    ledger = composition.build(
        msgspec.structs.replace(
            settings,
            storage_connection=through.storage_connection,
            storage_timeout_seconds=through.storage_timeout_seconds,
        )
    )
    try:
        tenant_id, client_id = cloud.create_tenant(users=5, seed=3), str(uuid.uuid4())
        cloud.register(tenant_id, client_id, secret=SECRET)
        portal = make_portal(
            tenant_id=TenantId(tenant_id), client_id=ClientId(client_id), cloud="Simulated"
        )
        credential = await ledger.credentials.store(portal.portal_id, ClientSecretMaterial(SECRET))
        await ledger.portals.create(msgspec.structs.replace(portal, credential=credential))
        run = make_run(ledger.clock(), portal_id=portal.portal_id)
        await ledger.runs.create(run)
        message = ImportMessage(portal.portal_id, run.run_id)
        flaky.lose(1000, containing="/Contacts")
        with pytest.raises(StorageUnavailable):
            await import_portal(ledger, message, worker="test")
        flaky.lose(0, containing="none")
        broken_off = await ledger.runs.get(run.run_id)
        assert broken_off.state == "Running"
        asked = broken_off.counts["graph_requests"]
        assert asked >= 5
        await import_portal(ledger, message, worker="test")
        ended = await ledger.runs.get(run.run_id)
        assert ended.state == "Succeeded"
        assert ended.counts["graph_requests"] == 2 * asked
        assert ended.counts["contacts_added"] == 5
    finally:
        await ledger.close()
