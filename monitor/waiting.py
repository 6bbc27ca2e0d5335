"""Which run a change of a portal has asked for and that has not begun: later changes share it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from errors import NotFound
from identifiers import PortalId, RunId

if TYPE_CHECKING:
    from composition import Ledger


async def waiting_run(ledger: Ledger, portal_id: PortalId, kind: str) -> RunId | None:
    """The run that `remember_waiting` was told last under the kind, if it still waits."""
    stored = await ledger.sync_state.read(portal_id, kind)
    if stored is None:
        return None
    run_id = RunId(stored.decode())
    try:
        run = await ledger.runs.get(run_id)
    except NotFound:
        return None
    return run_id if run.state == "Queued" else None


async def remember_waiting(ledger: Ledger, portal_id: PortalId, kind: str, run_id: RunId) -> None:
    """Keeps the run under the kind, instead of the one before."""
    await ledger.sync_state.write(portal_id, kind, run_id.encode())
