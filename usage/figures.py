"""Keeps the figures of a portal's usage current: hybrid positions, and the use of licenses.

They follow from contacts, licenses and the last usage run, and from the day.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from identifiers import RunId
from usage.joined import contacts_with_usage
from usage.model import UsageStatus
from usage.tally import Tally

if TYPE_CHECKING:
    from composition import Ledger
    from identifiers import PortalId
    from imports.model import Contact
    from usage.model import Usage


class UsageFigures:
    """The figures of one portal, being counted contact by contact."""

    def __init__(
        self,
        ledger: Ledger,
        status: UsageStatus,
        tally: Tally,
        import_run_id: RunId | None,
        day: date,
    ) -> None:
        self._ledger = ledger
        self._status = status
        self._tally = tally
        self._import_run_id = import_run_id
        self._day = day

    def add(self, contact: Contact, usage: Usage | None) -> None:
        """Counts a contact."""
        self._tally.add(contact, usage)

    async def save(self) -> None:
        """Keeps the figures, unless a later usage run has ended meanwhile."""
        portal_id = self._status.portal_id
        current = await self._ledger.usage.status(portal_id)
        if current is None or current.run_id != self._status.run_id:
            return
        summary = msgspec.structs.replace(
            self._tally.summary(), import_run_id=self._import_run_id, day=self._day
        )
        await self._ledger.usage.save_summary(portal_id, summary)


async def sum_up(ledger: Ledger, status: UsageStatus) -> None:
    """Counts all contacts by what the usage run of `status` found."""
    figures = await _begun(ledger, status, await _last_import(ledger, status.portal_id))
    async for block in contacts_with_usage(ledger, status.portal_id):
        for contact, usage in block:
            figures.add(contact, usage)
    await figures.save()


async def figures_due(ledger: Ledger, portal_id: PortalId) -> UsageFigures | None:
    """The figures to count anew; None before the first usage run, or if they are current.

    They are if they were counted today from the last import and the last usage run.
    """
    status = await ledger.usage.status(portal_id)
    if status is None:
        return None
    import_run_id = await _last_import(ledger, portal_id)
    known = await ledger.usage.summary(portal_id)
    if known is not None and (known.run_id, known.import_run_id, known.day) == (
        status.run_id,
        import_run_id,
        ledger.clock().date(),
    ):
        return None
    return await _begun(ledger, status, import_run_id)


async def _last_import(ledger: Ledger, portal_id: PortalId) -> RunId | None:
    imported = await ledger.sync_state.summary(portal_id)
    return imported.run_id if imported is not None else None


async def _begun(ledger: Ledger, status: UsageStatus, import_run_id: RunId | None) -> UsageFigures:
    today = ledger.clock().date()
    tally = Tally(
        status,
        await ledger.licenses.list_licenses(status.portal_id),
        today=today,
        used_days=ledger.settings.product_used_days,
        rarely_used_days=ledger.settings.product_rarely_used_days,
    )
    return UsageFigures(ledger, status, tally, import_run_id, today)
