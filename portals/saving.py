"""Stores a portal whose credential is in Key Vault by now, and leaves neither behind alone."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from errors import LedgerError, NotFound
from identifiers import PortalId

if TYPE_CHECKING:
    from composition import Ledger
    from portals.model import Credential, Portal

logger = logging.getLogger("ledger365.portals")


async def create_with_credential(
    ledger: Ledger, portal: Portal, *, adopting: PortalId | None
) -> Portal:
    """Stores a new portal; its credential is deleted again if it was not stored."""
    try:
        return await ledger.portals.create(portal, adopting=adopting)
    except LedgerError:
        if await _is_unused(ledger, portal):
            await _tidied(ledger.credentials.delete(portal.credential), portal)
        raise


async def update_with_credential(
    ledger: Ledger, changed: Portal, old: Credential, *, etag: str | None
) -> Portal:
    """Stores the portal with a new credential, and disables whichever is not used then."""
    new = changed.credential
    try:
        updated = await ledger.portals.update(changed, etag=etag)
    except LedgerError:
        if await _is_unused(ledger, changed):
            fresh_name = new.secret_name != old.secret_name
            await _tidied(
                ledger.credentials.delete(new) if fresh_name else ledger.credentials.retire(new),
                changed,
            )
        raise
    await _tidied(ledger.credentials.retire(old), changed)
    return updated


async def _is_unused(ledger: Ledger, portal: Portal) -> bool:
    """Whether storage says that the portal does not have this credential.

    Where it cannot be asked, the portal may have been stored: a secret too
    many does less harm than a portal without one.
    """
    try:
        return (await ledger.portals.get(portal.portal_id)).credential != portal.credential
    except NotFound:
        return True
    except LedgerError:
        return False


async def _tidied(work: Awaitable[object], portal: Portal) -> None:
    try:
        await work
    except LedgerError as error:
        # the outcome stands; an unused secret stays until its end
        logger.warning(
            "Portal %s: an unused credential stays in Key Vault: %s",
            portal.portal_id,
            error.message,
        )
