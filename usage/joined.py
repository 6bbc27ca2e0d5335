"""Goes through a portal's contacts together with what is known of their use."""

from __future__ import annotations

from collections.abc import AsyncIterator
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

    None stands for a contact of which nothing is known. The first block may
    begin before `after`.
    """
    async for block in ledger.contacts.blocks(portal_id, after):
        known = await ledger.usage.get_many(portal_id, [contact.user_id for contact in block])
        yield [(contact, known.get(contact.user_id)) for contact in block]
