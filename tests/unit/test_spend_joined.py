"""Contacts and usage joined block by block."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from identifiers import UserId
from imports.model import Contact
from spend.joined import joined
from tests.builders import make_contact
from usage.model import Usage

NUMBERS = st.lists(st.integers(0, 60), unique=True, max_size=40).map(sorted)
SIZES = st.lists(st.integers(0, 7), min_size=1, max_size=40)


def user_id(number: int) -> UserId:
    return UserId(f"{number:08x}-0000-4000-8000-000000000000")


async def contact_blocks(
    contacts: Sequence[Contact], sizes: Sequence[int]
) -> AsyncIterator[Sequence[Contact]]:
    at = 0
    for size in sizes:
        yield contacts[at : at + size]
        at += size
    yield contacts[at:]


async def usage_blocks(
    usages: Sequence[Usage], sizes: Sequence[int]
) -> AsyncIterator[Sequence[Usage]]:
    at = 0
    for size in sizes:
        yield usages[at : at + size]
        at += size
    yield usages[at:]


@given(NUMBERS, NUMBERS, SIZES, SIZES)
async def test_every_contact_comes_once_with_its_own_usage(
    people: list[int], used: list[int], contact_sizes: list[int], usage_sizes: list[int]
):
    contacts = [make_contact(user_id=user_id(number)) for number in people]
    usages = [Usage(user_id(number)) for number in used]
    found = [
        pair
        async for block in joined(
            contact_blocks(contacts, contact_sizes), usage_blocks(usages, usage_sizes)
        )
        for pair in block
    ]
    assert [contact for contact, _ in found] == contacts
    known = {usage.user_id for usage in usages}
    for contact, usage in found:
        assert (usage.user_id if usage else None) == (
            contact.user_id if contact.user_id in known else None
        )
