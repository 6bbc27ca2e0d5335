"""Measures what no single run knows: credentials about to expire, the age of positions, poison."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from compliance.messages import QUEUE as RECALCULATIONS
from imports.messages import QUEUE as IMPORTS
from reclamation.messages import QUEUE as RECLAMATIONS
from telemetry.signals import gauge

if TYPE_CHECKING:
    from composition import Ledger


async def measure(ledger: Ledger) -> None:
    """States the gauges; the age of positions only where there are some.

    Reads all portals and positions once.
    """
    now = ledger.clock()
    soon = now + timedelta(days=ledger.settings.expiry_warning_days)
    expiring = [
        portal
        for portal in await ledger.portals.list()
        if portal.enabled and (ends := portal.credential.expires_at) is not None and ends <= soon
    ]
    gauge("ledger.secrets_expiring", len(expiring))
    for queue in (IMPORTS, RECALCULATIONS, RECLAMATIONS):
        gauge("ledger.poison_messages", await ledger.queue.length(f"{queue}-poison"), queue=queue)
    oldest: datetime | None = None
    async for row in ledger.positions.summary_rows():
        if oldest is None or row.calculated_at < oldest:
            oldest = row.calculated_at
    if oldest is not None:
        minutes = (now - oldest).total_seconds() / 60
        gauge("ledger.recalculation_age_minutes", round(minutes, 1))
