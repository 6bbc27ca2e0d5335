"""Whether the app can do its work: storage, Key Vault, queues, and portals imported in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import msgspec

from errors import CredentialMissing, LedgerError
from monitor.queues import WORK_QUEUES, poison

if TYPE_CHECKING:
    from composition import Ledger

CHECK_SECONDS = 5.0
CheckState = Literal["passed", "warning", "failed"]
Finding = tuple[CheckState, str]


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at, and how long the look took."""

    name: str
    state: CheckState
    detail: str
    milliseconds: int


async def readiness(ledger: Ledger, *, seconds: float = CHECK_SECONDS) -> tuple[Check, ...]:
    """All checks, made at the same time; each fails after `seconds`."""
    checks: dict[str, Callable[[Ledger], Awaitable[Finding]]] = {
        "storage": _storage,
        "queues": _queues,
        "key_vault": _key_vault,
        "portals": _portals,
    }
    return tuple(
        await asyncio.gather(
            *(_bounded(name, check(ledger), seconds) for name, check in checks.items())
        )
    )


async def _bounded(name: str, look: Awaitable[Finding], seconds: float) -> Check:
    began = time.monotonic()
    state: CheckState = "failed"
    try:
        async with asyncio.timeout(seconds):
            state, detail = await look
    except TimeoutError:
        detail = f"No answer within {seconds:g} seconds."
    except LedgerError as error:
        detail = error.message
    return Check(name, state, detail, round((time.monotonic() - began) * 1000))


async def _storage(ledger: Ledger) -> Finding:
    await ledger.portals.list_page(top=1, continuation=None)
    return "passed", "Tables answer."


async def _queues(ledger: Ledger) -> Finding:
    waiting = poisoned = 0
    for queue in WORK_QUEUES:
        waiting += await ledger.queue.length(queue)
        poisoned += await ledger.queue.length(poison(queue))
    if poisoned:
        return "warning", f"{poisoned} messages were given up, {waiting} wait."
    return "passed", f"{waiting} messages wait."


async def _key_vault(ledger: Ledger) -> Finding:
    try:
        await ledger.credentials.probe()
    except CredentialMissing as error:
        return "failed", f"Key Vault cannot be used: {error.message.partition(': ')[2]}"
    return "passed", "Key Vault answers."


async def _portals(ledger: Ledger) -> Finding:
    """The enabled portal whose last import is the oldest.

    One tenant that cannot be imported is that tenant's trouble; if none was
    imported in time, the app's timers or queues stand still.
    """
    enabled = {p.portal_id: p for p in await ledger.portals.list() if p.enabled}
    imported = {
        summary.portal_id: summary.completed_at
        async for summary in ledger.sync_state.summaries()
        if summary.portal_id in enabled
    }
    if not imported:
        return "passed", "No portal has been imported yet."
    due = ledger.clock() - timedelta(hours=ledger.settings.overdue_hours)
    overdue = [portal_id for portal_id, at in imported.items() if at < due]
    oldest = min(imported, key=lambda portal_id: imported[portal_id])
    told = f"Portal {oldest} was imported longest ago, at {imported[oldest]:%Y-%m-%dT%H:%MZ}."
    if not overdue:
        return "passed", told
    state: CheckState = "failed" if len(overdue) == len(imported) else "warning"
    return state, f"{len(overdue)} of {len(imported)} portals are overdue. {told}"
