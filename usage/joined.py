"""Goes through a portal's contacts together with what is known of their use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from composition import Ledger
    from identifiers import PortalId, UserId
    from imports.model import Contact
    from usage.model import Usage


async def contacts_with_usage(
    ledger: Ledger, portal_id: PortalId, after: UserId | None = None
) -> AsyncIterator[list[tuple[Contact, Usage | None]]]:
    """The portal's contacts, a block at a time, in the order of user IDs, each with its usage.

    None stands for a contact of which nothing is known. Both come in the same
    order, so each is read once. The first block may begin before `after`.
    """
    ahead: dict[UserId, Usage] = {}
    complete = False
    highest = ""
    async with aclosing(ledger.usage.blocks(portal_id, after)) as usages:
        async for block in ledger.contacts.blocks(portal_id, after):
            while block and not complete and highest < block[-1].user_id:
                following = await anext(usages, None)
                complete = following is None
                for usage in following or ():
                    ahead[usage.user_id] = usage
                    highest = usage.user_id
            yield [(contact, ahead.get(contact.user_id)) for contact in block]
            if block:
                last = block[-1].user_id
                ahead = {user_id: u for user_id, u in ahead.items() if user_id > last}
