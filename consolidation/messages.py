"""The message on the queue `consolidations`."""

from __future__ import annotations

from datetime import datetime

import msgspec

from identifiers import PortalId, RunId

QUEUE = "consolidations"


class ConsolidationMessage(msgspec.Struct, frozen=True):
    """Asks for the consolidation of one repository.

    `imported` is the portal whose import asked for it, to be recalculated
    first; `since` is when that was done. `attempt` counts the hand-overs.
    """

    repository: str
    run_id: RunId
    imported: PortalId | None = None
    since: datetime | None = None
    attempt: int = 1
