"""Measures what no single run knows: credentials about to expire, the age of positions, poison."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from monitor.queues import WORK_QUEUES, poison
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
    for queue in WORK_QUEUES:
        gauge("ledger.poison_messages", await ledger.queue.length(poison(queue)), queue=queue)
    oldest: datetime | None = None
    async for row in ledger.positions.summary_rows():
        if oldest is None or row.calculated_at < oldest:
            oldest = row.calculated_at
    if oldest is not None:
        minutes = (now - oldest).total_seconds() / 60
        gauge("ledger.recalculation_age_minutes", round(minutes, 1))
