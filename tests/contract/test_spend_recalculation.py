"""A recalculation of spend on real tables: what it stores, and that its memory stays flat."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest

import composition
from compliance.position import position
from composition import Ledger
from identifiers import PortalId, UserId
from imports.model import Contact
from settings import Settings
from spend.model import LicenseContract, Price
from spend.recalculation import recalculate_spend
from storage.blocks import encode_contact, layout_for
from tests.builders import (
    OTHER_SKU,
    SKU,
    make_assignment,
    make_circumstances,
    make_contact,
    make_counts,
    make_license,
    make_path,
    make_plan,
    make_usage,
    make_usage_status,
    new_portal_id,
)
from usage.model import ACTIVE_USERS, Usage


@pytest.fixture
async def ledger(settings: Settings) -> AsyncIterator[Ledger]:
    """The app's own clients on the test's storage."""
    built = composition.build(settings)
    yield built
    await built.close()


async def seed(ledger: Ledger, number: int) -> PortalId:
    """A portal of so many contacts: all hold both licenses, every third was long inactive."""
    portal_id = new_portal_id()
    big = make_license(
        portal_id=portal_id,
        enabled_units=number,
        service_plans=(make_plan("TEAMS1"), make_plan("FLOW")),
    )
    small = make_license(
        portal_id=portal_id,
        sku_id=OTHER_SKU,
        enabled_units=number,
        service_plans=(make_plan("FLOW"),),
    )
    await ledger.licenses.upsert_licenses([big, small])
    now = ledger.clock()
    price = Price(Decimal(number), "EUR", "yearly", date(2026, 1, 1))
    await ledger.contracts.upsert(LicenseContract(portal_id, SKU, now, True, price))
    layout = layout_for(number, None)
    partitions: dict[int, list[Contact]] = {}
    for index in range(number):
        user_id = UserId(f"{index * (2**32 // number):08x}-0000-4000-8000-{index:012x}")
        partition = layout.partition_of_block(layout.block_of(user_id))
        partitions.setdefault(partition, []).append(
            make_contact(
                *(make_assignment(make_path(), sku_id=sku_id) for sku_id in (SKU, OTHER_SKU)),
                user_id=user_id,
                department=f"D{index % 7}",
            )
        )
    for partition, contacts in partitions.items():
        encoded = {contact.user_id: encode_contact(contact) for contact in contacts}
        await ledger.contacts.replace_partition(
            portal_id, layout, partition, encoded, keep_unseen=False
        )
    await ledger.contacts.save_layout(portal_id, layout)

    async def usages() -> AsyncIterator[Sequence[Usage]]:
        ordered = [c for _, contacts in sorted(partitions.items()) for c in contacts]
        for start in range(0, number, 500):
            yield [
                make_usage(
                    user_id=contact.user_id,
                    last_activity={"teams": (now - timedelta(days=days)).date().isoformat()},
                )
                for index, contact in enumerate(ordered[start : start + 500], start)
                for days in [100 if index % 3 == 0 else 5]
            ]

    status = make_usage_status(
        portal_id=portal_id,
        completed_at=now,
        refreshed_on={ACTIVE_USERS: now.date().isoformat()},
    )
    await ledger.usage.replace(status, usages(), contact_count=number)
    return portal_id


async def recalculate(ledger: Ledger, portal_id: PortalId) -> int:
    """The wasted seats that have a holder."""
    licenses = await ledger.licenses.list_licenses(portal_id)
    positions = [
        position(license_, make_counts(license_.enabled_units), make_circumstances(), None)
        for license_ in licenses
    ]
    return await recalculate_spend(ledger, portal_id, positions)


async def test_every_seat_of_many_blocks_is_found_with_its_usage(ledger: Ledger):
    portal_id = await seed(ledger, 900)
    # all second licenses are covered by the first, of which a third is inactive
    assert await recalculate(ledger, portal_id) == 900 + 300
    figures = {f.sku_id: f async for f in ledger.spend.figures(portal_id)}
    big, small = figures[SKU].seats, figures[OTHER_SKU].seats
    assert big is not None
    assert small is not None
    assert (big.consumed, big.inactive, big.unknown_activity) == (900, 300, 0)
    assert (small.consumed, small.duplicate, small.inactive) == (900, 900, 0)
    found = []
    continuation: str | None = None
    while True:
        page = await ledger.spend.findings_page(
            [portal_id], "waste", top=97, continuation=continuation
        )
        found += page.items
        continuation = page.continuation
        if continuation is None:
            break
    assert len(found) == len({(f.user_id, f.sku_id) for _, f in found}) == 1200
    shares = [s async for some in ledger.spend.shares(portal_id, "department") for s in some]
    assert [share.value for share in shares] == [f"D{index}" for index in range(7)]
    await ledger.spend.delete_portal(portal_id)
    assert [f async for f in ledger.spend.figures(portal_id)] == []


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_memory_does_not_grow_with_contacts(ledger: Ledger):
    peaks = []
    # from some 6,000 contacts on, as many blocks are read at once as ever are
    for number in (14_000, 28_000):
        portal_id = await seed(ledger, number)
        tracemalloc.start()
        await recalculate(ledger, portal_id)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    few, many = peaks
    # 14,000 more contacts, held at once, would be some 15 MB
    assert many < few + 2_000_000
