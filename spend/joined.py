"""Joins a portal's contacts with their usage, both read once, in the order of user IDs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imports.model import Contact
    from usage.model import Usage


async def joined(
    contacts: AsyncIterator[Sequence[Contact]], usages: AsyncIterator[Sequence[Usage]]
) -> AsyncIterator[list[tuple[Contact, Usage | None]]]:
    """Blocks of contacts, each contact with its usage; None where there is none.

    Both come in the order of user IDs, in blocks of any size. No more than a
    block of each is held.
    """
    block: Sequence[Usage] = ()
    at = 0
    async for some in contacts:
        pairs: list[tuple[Contact, Usage | None]] = []
        for contact in some:
            while True:
                while at < len(block) and block[at].user_id < contact.user_id:
                    at += 1
                if at < len(block):
                    break
                following = await anext(usages, None)
                if following is None:
                    break
                block, at = following, 0
            found = at < len(block) and block[at].user_id == contact.user_id
            pairs.append((contact, block[at] if found else None))
        yield pairs
