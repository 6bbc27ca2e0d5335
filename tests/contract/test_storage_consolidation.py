"""Consolidations on a real table service: staging that spills, persons in pages, generations."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from compliance.model import Status
from consolidation.matching import Sighting
from consolidation.model import (
    ConsolidatedLicense,
    ConsolidatedProduct,
    ContactRef,
    MatchedPerson,
    RepositoryState,
)
from errors import InvalidInput
from identifiers import PortalId, UserId
from storage.consolidation import (
    PERSONS_PER_BLOCK,
    STAGED_BYTES,
    ConsolidationDraft,
    ConsolidationStore,
)
from storage.tables import Tables
from tests.builders import NOW, OTHER_SKU, PORTAL, SKU, make_run

LATER = NOW + timedelta(hours=1)
RUN = make_run().run_id


def key_of(number: int) -> bytes:
    return hashlib.blake2b(str(number).encode(), digest_size=16).digest()


def sighting(number: int, padding: int = 18) -> Sighting:
    return Sighting(key_of(number), b"c" * padding, b"\x00\x01", True)


def person(number: int) -> MatchedPerson:
    refs = (ContactRef(PORTAL, UserId("a")), ContactRef(PortalId("other"), UserId("b")))
    return MatchedPerson(key_of(number).hex(), refs)


def license_of(entitled: int) -> ConsolidatedLicense:
    statuses: dict[Status, int] = {"compliant": 1, "expiring": 2}
    return ConsolidatedLicense(
        SKU, "E3", "SPE_E3", (PORTAL,), entitled, 4, entitled - 4, 0, 6, 3, statuses
    )


def product(title: str) -> ConsolidatedProduct:
    return ConsolidatedProduct(title, (SKU, OTHER_SKU), (PORTAL,), ("a", "b"), 1, 2, -1, 2)


def state_of(draft: ConsolidationDraft, repository: str = "default") -> RepositoryState:
    return RepositoryState(repository, draft.generation, NOW, (PORTAL,), 10, 9, 1, 0)


async def test_what_is_staged_comes_back_by_bucket_whether_or_not_it_spilled(tables: Tables):
    draft = ConsolidationStore(tables).draft("default", RUN, NOW)
    # each batch of them fills the memory that staging may take
    padding = STAGED_BYTES // 100
    staged = [sighting(number, padding) for number in range(250)]
    for start in range(0, len(staged), 50):
        await draft.stage(staged[start : start + 50])
    await draft.flush()
    found = []
    for bucket in draft.buckets:
        some = [item async for part in draft.sightings(bucket) for item in part]
        assert {item.key[0] for item in some} == {bucket}
        found += some
    assert sorted(found, key=lambda item: item.key) == sorted(staged, key=lambda item: item.key)


async def test_nobody_reads_a_consolidation_before_it_is_complete(tables: Tables):
    store = ConsolidationStore(tables)
    draft = store.draft("default", RUN, NOW)
    await draft.stage([sighting(1)])
    await draft.flush()
    people = sorted((person(n) for n in range(PERSONS_PER_BLOCK + 20)), key=lambda p: p.key)
    await draft.add_persons(people)
    assert await store.state("default") is None
    for listed in (store.licenses, store.products, store.persons):
        assert (await listed("default", top=10, continuation=None)).items == []
    products = [product("A"), product("B"), product("C")]
    assert await draft.publish(state_of(draft), [license_of(10)], products)
    assert await store.state("default") == state_of(draft)
    page = await store.licenses("default", top=10, continuation=None)
    assert page.items == [license_of(10)]
    first = await store.products("default", top=2, continuation=None)
    rest = await store.products("default", top=2, continuation=first.continuation)
    assert [*first.items, *rest.items] == products
    assert [s async for s in draft.sightings(sighting(1).key[0])] == []
    for top in (1000, 97):
        read: list[MatchedPerson] = []
        continuation: str | None = None
        while True:
            some = await store.persons("default", top=top, continuation=continuation)
            read += some.items
            continuation = some.continuation
            if continuation is None:
                break
        assert read == people


async def test_the_consolidation_begun_later_stays_and_repositories_are_apart(tables: Tables):
    store = ConsolidationStore(tables)
    early, late = store.draft("default", RUN, NOW), store.draft("default", RUN, LATER)
    other = store.draft("europe", RUN, NOW)
    await early.add_persons([person(1)])
    assert await late.publish(state_of(late), [license_of(7)], [])
    assert not await early.publish(state_of(early), [license_of(99)], [product("A")])
    assert await other.publish(state_of(other, "europe"), [], [product("B")])
    page = await store.licenses("default", top=10, continuation=None)
    assert [item.entitled for item in page.items] == [7]
    assert (await store.products("default", top=10, continuation=None)).items == []
    assert (await store.persons("default", top=10, continuation=None)).items == []
    assert sorted(await store.repositories()) == ["default", "europe"]
    await store.delete("default")
    await store.delete("default")
    assert await store.repositories() == ["europe"]
    assert len((await store.products("europe", top=10, continuation=None)).items) == 1


@pytest.mark.parametrize("continuation", ["", "a|b", "x' or '1' eq '1"])
async def test_a_position_from_elsewhere_is_refused(tables: Tables, continuation: str):
    store = ConsolidationStore(tables)
    draft = store.draft("default", RUN, NOW)
    await draft.publish(state_of(draft), [], [])
    with pytest.raises(InvalidInput):
        await store.persons("default", top=5, continuation=continuation)
