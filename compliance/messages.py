"""The message on the queue `recalculations`."""

from __future__ import annotations

import msgspec

from identifiers import PortalId, RunId

QUEUE = "recalculations"


class RecalculationMessage(msgspec.Struct, frozen=True):
    """Asks for one portal's recalculation.

    `import_run_id` is the import that was to come first, so that its failure
    is told. `attempt` counts the waits for another import to end.
    """

    portal_id: PortalId
    run_id: RunId
    import_run_id: RunId | None = None
    attempt: int = 1
