"""The message on the queue `usage`."""

from __future__ import annotations

import msgspec

from identifiers import PortalId, RunId

QUEUE = "usage"
# Of all that writes a portal's usage.
LEASE_KIND = "usage-lease"


class UsageMessage(msgspec.Struct, frozen=True):
    """Asks for one portal's usage; `attempt` counts the waits for its lease."""

    portal_id: PortalId
    run_id: RunId
    attempt: int = 1
