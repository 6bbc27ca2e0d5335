"""A portal as recalculation sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from errors import NotFound
from identifiers import PortalId, SkuId

if TYPE_CHECKING:
    from composition import Ledger


class Subject(msgspec.Struct, frozen=True):
    """A portal as recalculation sees it; a deleted one is remembered by name."""

    portal_id: PortalId
    name: str
    state: Literal["present", "deleted"]
    exclusions: frozenset[SkuId]


async def subject(ledger: Ledger, portal_id: PortalId) -> Subject:
    """The portal, present or deleted. Raises NotFound."""
    try:
        portal = await ledger.portals.get(portal_id)
    except NotFound:
        for deleted in await ledger.portals.list_deleted():
            if deleted.portal_id == portal_id:
                return Subject(portal_id, deleted.name, "deleted", frozenset())
        raise
    return Subject(portal_id, portal.name, "present", portal.exclusions)
