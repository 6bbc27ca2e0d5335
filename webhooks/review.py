"""Compares what holds with the alerts there are: begins, tells and ends them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from errors import NotFound
from identifiers import PortalId, SkuId
from monitor.run import Run
from usage.premium import TITLES, PremiumPosition, premium_positions
from webhooks.changes import (
    Outcomes,
    ended,
    event_of,
    grouped,
    import_alert,
    outcomes,
    position_alert,
    position_key,
    position_kind,
    premium_alert,
    premium_key,
    secret_alert,
)
from webhooks.delivery import announce, queue_overdue
from webhooks.model import ALERT_KINDS, Alert

if TYPE_CHECKING:
    from composition import Ledger
    from portals.model import Portal

_LOOK_BACK = timedelta(days=7)


async def review(ledger: Ledger) -> int:
    """Compares what holds now with the alerts there are; returns how many began.

    An alert is stored before anybody is told, and stays until its state ends,
    so a change is told once, however often this runs and wherever it breaks
    off: what an earlier review began and did not tell is told now.
    """
    now = ledger.clock()
    known = {alert.key: alert for alert in await ledger.alerts.list()}
    held: dict[str, Alert | tuple[PortalId, SkuId]] = {}
    async for row in ledger.positions.summary_rows():
        kind = position_kind(row)
        if row.managed and kind is not None:
            key = position_key(kind, row.portal_id, row.sku_id, row.reason)
            held[key] = (row.portal_id, row.sku_id)
    imported = await _imports(ledger, now)
    unknown: set[str] = set()
    for portal in await ledger.portals.list():
        expiring = secret_alert(portal, now, ledger.settings.expiry_warning_days)
        if expiring is not None:
            held[expiring.key] = expiring
        premium = await _premium_positions(ledger, portal)
        if premium is None:
            unknown.update(premium_key(portal.portal_id, level) for level in TITLES)
        for overused in filter(None, (premium_alert(portal, p, now) for p in premium or ())):
            held[overused.key] = overused
        last = imported.last.get(portal.portal_id)
        if last is None and portal.enabled:
            unknown.add(f"import_failing:{portal.portal_id}")
        elif last is not None and portal.enabled:
            failing = import_alert(portal, last, now)
            if failing is not None:
                held[failing.key] = failing
    await ledger.alerts.end(ended(known.values(), held.keys(), unknown))
    began = await _begin(ledger, {k: v for k, v in held.items() if k not in known}, now)
    untold = [alert for alert in known.values() if not alert.told and alert.key in held]
    await _tell(ledger, [*untold, *began])
    await ledger.alerts.save_reviewed(imported.since)
    await queue_overdue(ledger)
    return len(began)


async def _premium_positions(ledger: Ledger, portal: Portal) -> list[PremiumPosition] | None:
    """The use of premium features, none if nobody looks; None if the tenant did not tell."""
    if not portal.enabled or "access" not in portal.tasks:
        return []
    status = await ledger.usage.status(portal.portal_id)
    if status is None or status.premium is None:
        return None
    return premium_positions(status.premium)


async def _imports(ledger: Ledger, now: datetime) -> Outcomes:
    oldest = now - _LOOK_BACK
    since = max(await ledger.alerts.reviewed_until() or oldest, oldest)
    runs: list[Run] = []
    continuation: str | None = None
    while True:
        page = await ledger.runs.list_page(
            now=now, top=1000, continuation=continuation, task="import"
        )
        # logs and counts of thousands of runs are of no use here
        runs += [
            msgspec.structs.replace(run, log=(), counts={})
            for run in page.items
            if run.created_at >= since
        ]
        continuation = page.continuation
        if continuation is None or (page.items and page.items[-1].created_at < since):
            break
    return outcomes(runs, now)


async def _begin(
    ledger: Ledger, new: dict[str, Alert | tuple[PortalId, SkuId]], now: datetime
) -> list[Alert]:
    alerts: list[Alert] = []
    for found in new.values():
        if isinstance(found, Alert):
            alerts.append(found)
            continue
        try:
            position = await ledger.positions.get(*found)
        except NotFound:
            continue
        alert = position_alert(position, now)
        if alert is not None:
            alerts.append(alert)
    event_ids = {kind: f"{kind}:{uuid.uuid4()}" for kind in ALERT_KINDS}
    return [alert for alert in grouped(alerts, event_ids) if await ledger.alerts.begin(alert)]


async def _tell(ledger: Ledger, alerts: Sequence[Alert]) -> None:
    by_event: dict[str, list[Alert]] = {}
    for alert in alerts:
        by_event.setdefault(alert.event_id, []).append(alert)
    if not by_event:
        return
    webhooks = await ledger.webhooks.list()
    for of_event in by_event.values():
        await announce(ledger, webhooks, event_of(of_event))
        await ledger.alerts.mark_told(of_event)
