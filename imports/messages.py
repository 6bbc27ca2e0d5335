"""The message on the queue `imports`."""

from __future__ import annotations

import msgspec

from identifiers import PortalId, RunId

QUEUE = "imports"


class ImportMessage(msgspec.Struct, frozen=True):
    """Asks for one portal's import.

    `clean` builds the portal's data anew. `attempt` counts the hand-overs of
    one import: waits for a lease, and continuations after the time budget.
    `then_recalculate` is the recalculation run that waits for this import.
    """

    portal_id: PortalId
    run_id: RunId
    clean: bool = False
    attempt: int = 1
    then_recalculate: RunId | None = None
