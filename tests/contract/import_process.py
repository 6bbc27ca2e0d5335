"""A worker process that imports a portal, for tests that kill it: portal ID, run ID."""

from __future__ import annotations

import asyncio
import os
import sys

import composition
import imports.enumeration
from identifiers import PortalId, RunId
from imports.messages import ImportMessage
from imports.service import import_portal
from monitor.run import FINISHED
from settings import read_settings

# Spills and checkpoints come often, so that a kill finds them half done.
imports.enumeration.BUFFER_BYTES = 300_000


async def main(portal_id: PortalId, run_id: RunId) -> None:
    """Delivers the message until the run has ended."""
    ledger = composition.build(read_settings(os.environ))
    message = ImportMessage(portal_id, run_id)
    while (await ledger.runs.get(run_id)).state not in FINISHED:
        await import_portal(ledger, message, worker="test")
        await asyncio.sleep(0.05)
    await ledger.close()


if __name__ == "__main__":
    asyncio.run(main(PortalId(sys.argv[1]), RunId(sys.argv[2])))
