"""The message on the queue `reclamations`."""

from __future__ import annotations

from typing import Literal

import msgspec

from identifiers import ReclamationId, RunId

QUEUE = "reclamations"
Action = Literal["preview", "execute", "undo"]


class ReclamationMessage(msgspec.Struct, frozen=True):
    """Asks for a preview, its execution, or its undoing.

    `attempt` counts the hand-overs of one run: waits for the lease and the
    tenant, and continuations after the time budget. `stalls` counts the last
    of them in which nothing was settled.
    """

    reclamation_id: ReclamationId
    run_id: RunId
    action: Action
    attempt: int = 1
    stalls: int = 0
