"""Usage in Table Storage: whole generations, in order, never half of one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from errors import LedgerError
from identifiers import UserId
from storage.erasures import ErasureStore
from storage.sync_state import SyncStateStore
from storage.tables import Tables
from storage.usage import UsageStore
from tests.builders import make_usage, make_usage_status, new_portal_id, new_user_id
from usage.model import Usage


async def batches(usages: Sequence[Usage], size: int = 50) -> AsyncIterator[Sequence[Usage]]:
    """The usages as a run hands them over."""
    for start in range(0, len(usages), size):
        yield usages[start : start + size]


def many(count: int, **values: object) -> list[Usage]:
    """Usages of so many contacts, in the order of their IDs."""
    return sorted(
        (make_usage(user_id=new_user_id(), **values) for _ in range(count)),
        key=lambda usage: usage.user_id,
    )


@pytest.fixture
def store(tables: Tables) -> UsageStore:
    """A store that no other test uses."""
    return UsageStore(tables, SyncStateStore(tables), ErasureStore(tables))


async def read(store: UsageStore, portal_id: object) -> list[Usage]:
    """Everything that the blocks hold."""
    return [usage async for block in store.blocks(portal_id) for usage in block]  # type: ignore[arg-type]  # any portal


async def test_what_is_written_is_read_back_in_the_order_of_user_ids(store: UsageStore):
    status = make_usage_status(portal_id=new_portal_id())
    usages = many(900, last_activity={"teams": "2026-05-01"}, mailbox_bytes=7_000_000_000)
    assert await store.replace(status, batches(usages), contact_count=900) == 900
    assert await read(store, status.portal_id) == usages
    assert await store.status(status.portal_id) == status


async def test_single_contacts_are_found_by_their_ids(store: UsageStore):
    status = make_usage_status(portal_id=new_portal_id())
    usages = many(300)
    await store.replace(status, batches(usages), contact_count=300)
    wanted = [usages[7].user_id, usages[250].user_id, new_user_id()]
    found = await store.get_many(status.portal_id, wanted)
    assert found == {usages[7].user_id: usages[7], usages[250].user_id: usages[250]}


async def test_a_portal_without_a_run_has_no_usage(store: UsageStore):
    portal_id = new_portal_id()
    assert await store.status(portal_id) is None
    assert await store.get_many(portal_id, [new_user_id()]) == {}
    assert await read(store, portal_id) == []


async def test_the_next_run_replaces_everything_of_the_one_before(store: UsageStore):
    status = make_usage_status(portal_id=new_portal_id())
    first, second = many(200), many(150)
    await store.replace(status, batches(first), contact_count=200)
    await store.replace(status, batches(second), contact_count=200)
    assert await read(store, status.portal_id) == second
    assert await store.get_many(status.portal_id, [first[0].user_id]) == {}


async def test_a_run_that_breaks_off_leaves_the_one_before_as_it_was(store: UsageStore):
    status = make_usage_status(portal_id=new_portal_id())
    usages = many(200)
    await store.replace(status, batches(usages), contact_count=200)

    async def broken() -> AsyncIterator[Sequence[Usage]]:
        yield many(100)
        raise LedgerError("The tenant hung up.", remedy="Try again.")

    with pytest.raises(LedgerError):
        await store.replace(status, broken(), contact_count=20_000)
    assert await read(store, status.portal_id) == usages
    # and what it left behind does not show up in the next one
    again = many(10)
    await store.replace(status, batches(again), contact_count=20_000)
    assert await read(store, status.portal_id) == again


async def test_portals_do_not_see_each_others_usage(store: UsageStore):
    user_id = UserId("11111111-2222-4333-8444-555555555555")
    one, two = (
        make_usage_status(portal_id=new_portal_id()),
        make_usage_status(portal_id=new_portal_id()),
    )
    for status, bytes_ in ((one, 1), (two, 2)):
        usages = [make_usage(user_id=user_id, mailbox_bytes=bytes_)]
        await store.replace(status, batches(usages), contact_count=1)
    assert (await store.get_many(one.portal_id, [user_id]))[user_id].mailbox_bytes == 1
    await store.delete_portal(one.portal_id)
    assert await read(store, one.portal_id) == []
    assert await store.status(one.portal_id) is None
    assert (await store.get_many(two.portal_id, [user_id]))[user_id].mailbox_bytes == 2
