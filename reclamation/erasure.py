"""Takes an erased person out of reclamations: what was done stays, to whom does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from errors import Conflict
from identifiers import PortalId, UserId
from reclamation.model import Reclamation

if TYPE_CHECKING:
    from composition import Ledger

_UNDER_WAY = frozenset({"preparing", "executing", "undoing"})


async def is_in_reclamations(ledger: Ledger, portal_id: PortalId, user_id: UserId) -> bool:
    """Whether a reclamation of the portal is about the person, or leaves it out by ID."""
    async for reclamation in ledger.reclamations.of_portal(portal_id):
        if user_id in reclamation.exclusions.user_ids:
            return True
        if await ledger.reclamations.knows(reclamation.reclamation_id, user_id):
            return True
    return False


async def forget_person(
    ledger: Ledger, portal_id: PortalId, user_id: UserId, stand_in: UserId
) -> None:
    """Leaves no name and no ID of the person in the portal's reclamations and their audit.

    What was taken can then not be given back. Raises Conflict
    (reclamation_running) while one of them is under way.
    """
    async for reclamation in ledger.reclamations.of_portal(portal_id):
        if reclamation.state in _UNDER_WAY:
            raise Conflict(
                "A reclamation of the portal is under way.",
                remedy="Erase the person again when its run has ended.",
                code="reclamation_running",
            )
        await ledger.reclamations.forget_person(reclamation.reclamation_id, user_id, stand_in)
        if user_id in reclamation.exclusions.user_ids:
            await ledger.reclamations.save(_without(reclamation, user_id, stand_in))


def _without(reclamation: Reclamation, user_id: UserId, stand_in: UserId) -> Reclamation:
    others = reclamation.exclusions.user_ids - {user_id}
    exclusions = msgspec.structs.replace(reclamation.exclusions, user_ids=others | {stand_in})
    return msgspec.structs.replace(reclamation, exclusions=exclusions)
