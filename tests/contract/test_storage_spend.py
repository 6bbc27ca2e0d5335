"""Contracts, figures and findings on a real table service."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from errors import InvalidInput
from identifiers import PortalId, SkuId, UserId
from spend.model import Finding, LicenseContract, LicenseFigures, LicenseSeats, Price
from spend.shares import ShareTally
from storage.contracts import ContractStore
from storage.findings import FINDINGS_PER_BLOCK
from storage.spend import SpendStore
from storage.sync_state import SyncStateStore
from storage.tables import Tables
from tests.builders import NOW, OTHER_SKU, SKU, make_contact, new_portal_id

LATER = NOW + timedelta(hours=5)


def store_of(tables: Tables) -> SpendStore:
    return SpendStore(tables, SyncStateStore(tables))


def figures(portal_id: PortalId, sku_id: SkuId = SKU, **changes: object) -> LicenseFigures:
    values: dict[str, object] = {
        "portal_id": portal_id,
        "sku_id": sku_id,
        "portal_name": "Contoso",
        "title": "Office 365 E3",
        "sku_part_number": "ENTERPRISEPACK",
        "status": "compliant",
        "reason": None,
        "entitled": 10,
        "consumed": 4,
        "calculated_at": NOW,
        "seats": LicenseSeats(consumed=4, inactive=1, right_sizing={OTHER_SKU: 2}),
    }
    return LicenseFigures(**{**values, **changes})  # type: ignore[arg-type]


def finding(number: int, sku_id: SkuId = SKU) -> Finding:
    return Finding(
        UserId(f"{number:08x}-0000-4000-8000-000000000000"), sku_id, "direct", "inactive"
    )


async def every(
    store: SpendStore, portal_ids: list[PortalId], top: int, **filters: object
) -> list[tuple[PortalId, Finding]]:
    items: list[tuple[PortalId, Finding]] = []
    continuation: str | None = None
    for _ in range(10_000):
        page = await store.findings_page(
            portal_ids,
            "waste",
            top=top,
            continuation=continuation,
            **filters,  # type: ignore[arg-type]
        )
        items += page.items
        continuation = page.continuation
        if continuation is None:
            return items
        assert len(page.items) <= top
    raise AssertionError("the list does not end")


async def test_a_contract_is_read_as_it_was_entered(tables: Tables):
    store = ContractStore(tables)
    portal_id = new_portal_id()
    price = Price(Decimal("1234.500000"), "EUR", "once", date(2026, 1, 1), date(2028, 12, 31))
    contract = LicenseContract(portal_id, SKU, NOW, True, price)
    unpriced = LicenseContract(portal_id, OTHER_SKU, NOW, managed=False)
    for entered in (contract, unpriced):
        await store.upsert(entered)
    assert await store.get(portal_id, SKU) == contract
    assert await store.of_portal(portal_id) == {SKU: contract, OTHER_SKU: unpriced}
    assert (await store.of_all_portals())[portal_id][OTHER_SKU] == unpriced
    # a price that is taken away leaves nothing of itself
    await store.upsert(LicenseContract(portal_id, SKU, LATER))
    assert await store.get(portal_id, SKU) == LicenseContract(portal_id, SKU, LATER)
    await store.delete(portal_id, SKU)
    await store.delete(portal_id, SKU)
    assert await store.get(portal_id, SKU) is None
    await store.delete_portal(portal_id)
    assert await store.of_portal(portal_id) == {}


async def test_findings_page_through_blocks_and_portals_in_the_order_of_users(tables: Tables):
    store = store_of(tables)
    portal_ids = sorted([new_portal_id(), new_portal_id()])
    number = FINDINGS_PER_BLOCK + 30
    expected: list[tuple[PortalId, Finding]] = []
    for portal_id in portal_ids:
        draft = store.draft(portal_id, NOW)
        writer = draft.findings("waste")
        for index in range(number):
            # every tenth user has two
            some = [finding(index)] + ([finding(index, OTHER_SKU)] if index % 10 == 0 else [])
            await writer.add(some)
            expected += [(portal_id, item) for item in some]
        await writer.flush()
        assert (await store.findings_page(portal_ids, "waste", top=5, continuation=None)).items == (
            expected[: 0 if portal_id == portal_ids[0] else 5]
        )
        assert await draft.publish([figures(portal_id)])
    for top in (1000, 97, 1000_000):
        assert await every(store, portal_ids, top) == expected
    assert await every(store, portal_ids[:1], 7) == expected[: len(expected) // 2]
    only = await every(store, portal_ids, 11, matches=lambda f: f.sku_id == OTHER_SKU)
    assert only == [item for item in expected if item[1].sku_id == OTHER_SKU]
    assert (await store.findings_page(portal_ids, "overlap", top=5, continuation=None)).items == []


async def test_a_page_goes_on_where_it_was_though_the_list_was_written_anew(tables: Tables):
    store = store_of(tables)
    portal_id = new_portal_id()
    for now, users in ((NOW, range(0, 40, 2)), (LATER, range(40))):
        draft = store.draft(portal_id, now)
        writer = draft.findings("waste")
        for index in users:
            await writer.add([finding(index)])
        await writer.flush()
        if now == NOW:
            await draft.publish([figures(portal_id)])
            first = await store.findings_page([portal_id], "waste", top=5, continuation=None)
        else:
            await draft.publish([figures(portal_id)])
    assert first.items[-1][1] == finding(8)
    rest = await store.findings_page(
        [portal_id], "waste", top=1000, continuation=first.continuation
    )
    assert [item for _, item in rest.items] == [finding(index) for index in range(9, 40)]


async def test_of_two_results_the_one_begun_later_stays(tables: Tables):
    store = store_of(tables)
    portal_id = new_portal_id()
    early, late = store.draft(portal_id, NOW), store.draft(portal_id, LATER)
    await early.findings("waste").add([finding(1)] * FINDINGS_PER_BLOCK)
    await late.findings("waste").add([finding(2)] * FINDINGS_PER_BLOCK)
    assert await late.publish([figures(portal_id, entitled=7)])
    assert not await early.publish([figures(portal_id, entitled=99)])
    assert [f.entitled async for f in store.figures(portal_id)] == [7]
    assert {f.user_id for _, f in await every(store, [portal_id], 1000)} == {finding(2).user_id}


async def test_figures_of_licenses_that_are_gone_go_too(tables: Tables):
    store = store_of(tables)
    portal_id = new_portal_id()
    both = [figures(portal_id), figures(portal_id, OTHER_SKU, seats=None, run_out_on=NOW.date())]
    await store.draft(portal_id, NOW).publish(both)
    assert [f async for f in store.figures(portal_id)] == both
    await store.draft(portal_id, LATER).publish(both[1:])
    assert [f async for f in store.figures(portal_id)] == both[1:]
    page = await store.figures_page(portal_id, top=10, continuation=None)
    assert page.items == both[1:]
    await store.delete_license(portal_id, OTHER_SKU)
    assert [f async for f in store.figures(portal_id)] == []


async def test_shares_are_read_as_they_were_counted(tables: Tables):
    store = store_of(tables)
    portal_id = new_portal_id()
    tally = ShareTally("department")
    for number in range(450):
        tally.add(make_contact(department=f"Dept {number:03}"), SKU, wasted=number % 3 == 0)
    draft = store.draft(portal_id, NOW)
    await draft.write_shares("department", tally.shares())
    assert [s async for s in store.shares(portal_id, "department")] == []
    await draft.publish([])
    read = [share async for some in store.shares(portal_id, "department") for share in some]
    assert read == list(tally.shares())
    assert [s async for s in store.shares(portal_id, "country")] == []
    await store.delete_portal(portal_id)
    assert [s async for s in store.shares(portal_id, "department")] == []


@pytest.mark.parametrize("continuation", ["", "{}", '["a"]', "[1,2,3]", "nonsense"])
async def test_a_position_from_elsewhere_is_refused(tables: Tables, continuation: str):
    store = store_of(tables)
    with pytest.raises(InvalidInput):
        await store.findings_page([new_portal_id()], "waste", top=5, continuation=continuation)
