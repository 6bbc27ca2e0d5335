"""Portals when several admins and workers change them at once, and names at the limits."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import msgspec
import pytest

from errors import Conflict, LedgerError, NotFound, PreconditionFailed
from identifiers import PortalId
from portals.model import ConnectionTest, TestStep
from storage.portals import PortalStore, name_guard
from storage.tables import Tables
from tests.builders import NOW, make_portal

ROUNDS = 8


async def outcomes(*work: Coroutine[Any, Any, object]) -> list[object]:
    """Results and errors of what runs at once."""
    return list(await asyncio.gather(*work, return_exceptions=True))


async def test_the_winner_of_twenty_creations_holds_the_name(tables: Tables):
    store = PortalStore(tables)
    portals = [make_portal(name=name) for name in ("Contoso ÄÖ", "contoso äö", "CONTOSO ÄÖ") * 7]
    done = await outcomes(*(store.create(portal) for portal in portals[:20]))
    winners = [portal for portal in done if not isinstance(portal, BaseException)]
    assert [type(error) for error in done if isinstance(error, BaseException)] == [Conflict] * 19
    assert await store.list() == winners
    with pytest.raises(Conflict) as taken:
        await store.create(make_portal(name="contoso ÄÖ"))
    assert taken.value.code == "name_taken"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Straße", "STRASSE"),
        ("Ａ／Ｂ％？＃", "a/b%?#"),
        ("Ångström", "A\u030angstro\u0308m"),
        ('O\'Neil "Co" 🦊', 'o\'neil "CO" 🦊'),
    ],
)
async def test_names_that_read_alike_are_one_name(tables: Tables, one: str, other: str):
    store = PortalStore(tables)
    portal = await store.create(make_portal(name=one))
    assert await store.get(portal.portal_id) == portal
    with pytest.raises(Conflict):
        await store.create(make_portal(name=other))


async def test_a_name_whose_characters_unfold_still_fits_its_guard(tables: Tables):
    store = PortalStore(tables)
    name = "ﷺ" * 100
    assert len(name_guard(name).encode("utf-16-le")) <= 1024
    portal = await store.create(make_portal(name=name))
    assert (await store.get(portal.portal_id)).name == name
    with pytest.raises(Conflict):
        await store.create(make_portal(name=name))
    await store.create(make_portal(name="ﷺ" * 99))


async def test_a_rename_in_case_alone_keeps_the_guard(tables: Tables):
    store = PortalStore(tables)
    portal = await store.create(make_portal(name="Contoso"))
    await store.update(msgspec.structs.replace(portal, name="CONTOSO"), etag="1")
    with pytest.raises(Conflict):
        await store.create(make_portal(name="contoso"))


async def test_a_name_is_free_again_after_deletion(tables: Tables):
    store = PortalStore(tables)
    portal = await store.create(make_portal(name="Contoso"))
    await store.update(msgspec.structs.replace(portal, name="Fabrikam"), etag="1")
    await store.delete(portal.portal_id, etag="2", deleted_at=NOW)
    await store.create(make_portal(name="Contoso"))
    await store.create(make_portal(name="fabrikam"))


async def test_of_many_renames_to_one_name_exactly_one_wins(tables: Tables):
    store = PortalStore(tables)
    portals = [await store.create(make_portal(name=f"Portal {n}")) for n in range(8)]
    done = await outcomes(
        *(store.update(msgspec.structs.replace(p, name="The one"), etag="1") for p in portals)
    )
    assert sum(isinstance(result, Conflict) for result in done) == 7
    assert sum(portal.name == "The one" for portal in await store.list()) == 1


async def test_of_many_changes_with_one_etag_exactly_one_wins(tables: Tables):
    store = PortalStore(tables)
    portal = await store.create(make_portal())
    done = await outcomes(
        *(
            store.update(msgspec.structs.replace(portal, description=str(n)), etag="1")
            for n in range(8)
        )
    )
    assert sum(isinstance(result, PreconditionFailed) for result in done) == 7
    assert (await store.get(portal.portal_id)).etag == "2"


async def test_recording_a_test_meanwhile_fails_no_change(tables: Tables):
    store = PortalStore(tables)
    test = ConnectionTest("passed", NOW)
    for _ in range(ROUNDS):
        portal = await store.create(make_portal())
        changed = msgspec.structs.replace(portal, description="new")
        await asyncio.gather(store.update(changed, etag="1"), store.record_test(portal, test))
        stored = await store.get(portal.portal_id)
        assert (stored.description, stored.last_test) == ("new", test)
        await asyncio.gather(
            store.delete(portal.portal_id, etag="2", deleted_at=NOW),
            outcomes(store.record_test(portal, test)),
        )
        with pytest.raises(NotFound):
            await store.get(portal.portal_id)


async def test_a_portal_changed_meanwhile_is_not_deleted_with_the_old_etag(tables: Tables):
    store = PortalStore(tables)
    for _ in range(ROUNDS):
        portal = await store.create(make_portal())
        renamed = msgspec.structs.replace(portal, name=f"{portal.name} II")
        done = await outcomes(
            store.update(renamed, etag="1"),
            store.delete(portal.portal_id, etag="1", deleted_at=NOW),
        )
        (error,) = [result for result in done if isinstance(result, LedgerError)]
        assert isinstance(error, NotFound | PreconditionFailed)
        assert "portal" in error.message
    await asyncio.gather(
        *(store.create(make_portal(name=p.name + "I")) for p in await store.list())
    )


async def test_a_test_with_much_text_leaves_the_portal_readable(tables: Tables):
    store = PortalStore(tables)
    portal = await store.create(make_portal())
    long = ConnectionTest(
        "failed",
        NOW,
        (TestStep("sign_in", "failed", "y" * 70_000, microsoft_message="z" * 70_000),),
    )
    await store.record_test(portal, long)
    stored = await store.get(portal.portal_id)
    assert stored.last_test.state == "failed"
    assert stored.last_test.steps[0].message.startswith("yyy")
    foxes = ConnectionTest("failed", NOW, (TestStep("sign_in", "failed", "🦊" * 40_000),))
    await store.record_test(portal, foxes)
    assert [p.last_test for p in await store.list()] == [foxes]
    short = ConnectionTest("passed", NOW)
    await store.record_test(portal, short)
    assert (await store.get(portal.portal_id)).last_test == short


async def test_what_is_not_there_is_not_found(tables: Tables):
    store = PortalStore(tables)
    portal = make_portal()
    for work in (
        store.get(portal.portal_id),
        store.update(portal, etag="1"),
        store.delete(portal.portal_id, etag=None, deleted_at=NOW),
        store.record_test(portal, ConnectionTest("passed", NOW)),
        store.get(PortalId("x' or PartitionKey ne '")),
    ):
        with pytest.raises(NotFound):
            await work
