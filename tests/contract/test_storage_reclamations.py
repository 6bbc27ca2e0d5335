"""Reclamations, their items and their audit, in Table Storage."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from errors import Conflict, NotFound, PreconditionFailed
from identifiers import PortalId, ReclamationId, RunId, UserId
from monitor.run import new_run_id
from reclamation.model import AuditEntry, Exclusions, Item, Reclamation, Rule
from storage.reclamations import ReclamationStore
from storage.tables import Tables
from tests.builders import NOW, OTHER_SKU, PORTAL, SKU, new_portal_id, new_user_id


def new_reclamation(portal_id: PortalId = PORTAL, minutes: int = 0, **changes: Any) -> Reclamation:
    """A preview that is being prepared."""
    created_at = NOW + timedelta(minutes=minutes)
    values: dict[str, Any] = {
        "reclamation_id": ReclamationId(new_run_id(created_at)),
        "portal_id": portal_id,
        "portal_name": "Contoso",
        "rule": Rule(inactive_days=90),
        "exclusions": Exclusions(),
        "state": "preparing",
        "created_at": created_at,
        "expires_at": created_at + timedelta(hours=24),
        "previewed_by": "Ada",
        "preview_run_id": new_run_id(created_at),
    }
    return Reclamation(**{**values, **changes})


def new_item(**changes: Any) -> Item:
    """A planned item."""
    values: dict[str, Any] = {
        "user_id": new_user_id(),
        "sku_id": SKU,
        "user_principal_name": "ada#ext#@contoso.example",
        "title": "Microsoft 365 E3",
        "sku_part_number": "SPE_E3",
        "reasons": ("inactive", "guest"),
        "path": "direct",
        "state": "planned",
    }
    return Item(**{**values, **changes})


def new_entry(item: Item, milliseconds: int = 0, **changes: Any) -> AuditEntry:
    """An entry on the removal of an item."""
    values: dict[str, Any] = {
        "at": NOW + timedelta(milliseconds=milliseconds),
        "action": "removed",
        "by": "Ada",
        "portal_id": PORTAL,
        "portal_name": "Contoso",
        "run_id": RunId("01900000-0000-7000-8000-000000000000"),
        "user_id": item.user_id,
        "user_principal_name": item.user_principal_name,
        "sku_id": item.sku_id,
        "title": item.title,
        "reasons": item.reasons,
    }
    return AuditEntry(**{**values, **changes})


async def all_items(store: ReclamationStore, reclamation_id: ReclamationId) -> list[Item]:
    """Every item."""
    page = await store.items_page(reclamation_id, state=None, top=1000, continuation=None)
    return page.items


async def test_a_reclamation_is_read_as_it_was_stored(tables: Tables):
    store = ReclamationStore(tables)
    stored = await store.create(
        new_reclamation(
            sku_ids=(SKU, OTHER_SKU),
            exclusions=Exclusions(
                frozenset(new_user_id() for _ in range(5000)), (), ("Board", "a/b#?", "Zoë")
            ),
            savings={"EUR": "1000000000000000000001/3"},
            account={"planned": 3},
        )
    )
    read = await store.get(stored.reclamation_id)
    assert read == stored
    assert read.exclusions.departments == ("Board", "a/b#?", "Zoë")
    assert len(read.exclusions.user_ids) == 5000
    assert read.savings == {"EUR": "1000000000000000000001/3"}


async def test_a_change_of_what_was_changed_meanwhile_is_refused(tables: Tables):
    store = ReclamationStore(tables)
    first = await store.create(new_reclamation())
    second = await store.save(replace(first, state="ready"))
    assert second.state == "ready"
    with pytest.raises(PreconditionFailed, match="The reclamation"):
        await store.save(replace(first, state="executing"))
    assert (await store.get(first.reclamation_id)).state == "ready"


async def test_reclamations_are_listed_newest_first_by_portal(tables: Tables):
    store = ReclamationStore(tables)
    one, other = new_portal_id(), new_portal_id()
    made = [
        await store.create(new_reclamation(portal_id, minutes))
        for minutes, portal_id in enumerate((one, other, one))
    ]
    everything = await store.list_page(portal_id=None, top=2, continuation=None)
    rest = await store.list_page(portal_id=None, top=2, continuation=everything.continuation)
    assert [*everything.items, *rest.items] == made[::-1]
    of_one = await store.list_page(portal_id=one, top=10, continuation=None)
    assert of_one.items == [made[2], made[0]]


@pytest.mark.parametrize(
    "unknown",
    ["01900000-0000-7000-8000-000000000000", "ffffffff-ffff-4fff-bfff-ffffffffffff"],
)
async def test_an_unknown_reclamation_is_not_found(tables: Tables, unknown: str):
    with pytest.raises(NotFound):
        await ReclamationStore(tables).get(ReclamationId(unknown))


async def test_items_come_by_user_and_by_state(tables: Tables):
    store = ReclamationStore(tables)
    reclamation_id = new_reclamation().reclamation_id
    items = [new_item() for _ in range(120)]
    items += [new_item(user_id=items[0].user_id, sku_id=OTHER_SKU, state="inherited")]
    items += [
        new_item(
            user_id=UserId("00000000-0000-4000-8000-000000000000"),
            state="unconfirmed",
            last_activity=date(2026, 1, 2),
            annual_cost="1000/3",
            currency="EUR",
            message="Zoë / # ?",
            changed_at=NOW,
        )
    ]
    await store.add_items(reclamation_id, items)
    expected = sorted(items, key=lambda item: (item.user_id, item.sku_id))
    assert await all_items(store, reclamation_id) == expected
    found = [item async for item in store.items(reclamation_id, ["planned", "unconfirmed"])]
    assert found == [item for item in expected if item.state != "inherited"]
    page = await store.items_page(reclamation_id, state="inherited", top=1000, continuation=None)
    assert [item.state for item in page.items] == ["inherited"]
    assert await store.account(reclamation_id) == {
        "planned": 120,
        "inherited": 1,
        "unconfirmed": 1,
    }
    assert await store.account(new_reclamation().reclamation_id) == {}


async def test_clearing_the_items_of_a_preview_leaves_the_audit(tables: Tables):
    store = ReclamationStore(tables)
    reclamation_id = new_reclamation().reclamation_id
    item = new_item()
    await store.add_items(reclamation_id, [new_item() for _ in range(150)])
    await store.record(reclamation_id, [(item, new_entry(item))])
    await store.clear_items(reclamation_id)
    assert await all_items(store, reclamation_id) == []
    audit = await store.audit_page(reclamation_id, top=10, continuation=None)
    assert audit.items == [new_entry(item)]


async def test_changes_and_their_audit_are_written_in_the_order_of_time(tables: Tables):
    store = ReclamationStore(tables)
    reclamation_id = new_reclamation().reclamation_id
    items = [new_item(state="reclaimed") for _ in range(130)]
    changes = [(item, new_entry(item, number)) for number, item in enumerate(items)]
    await store.record(reclamation_id, changes)
    first = await store.audit_page(reclamation_id, top=100, continuation=None)
    rest = await store.audit_page(reclamation_id, top=100, continuation=first.continuation)
    assert [*first.items, *rest.items] == [entry for _, entry in changes]
    assert await store.account(reclamation_id) == {"reclaimed": 130}


async def test_an_audit_entry_is_never_written_over_nor_its_item_with_it(tables: Tables):
    store = ReclamationStore(tables)
    reclamation_id = new_reclamation().reclamation_id
    item = new_item(state="reclaimed")
    await store.record(reclamation_id, [(item, new_entry(item))])
    forged = (replace(item, state="restored"), new_entry(item, by="Mallory"))
    with pytest.raises(Conflict):
        await store.record(reclamation_id, [forged])
    audit = await store.audit_page(reclamation_id, top=10, continuation=None)
    assert [entry.by for entry in audit.items] == ["Ada"]
    assert [stored.state for stored in await all_items(store, reclamation_id)] == ["reclaimed"]
