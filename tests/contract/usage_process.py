"""A worker process that collects a portal's usage, for tests that kill it: portal ID, run ID."""

from __future__ import annotations

import asyncio
import os
import sys

import composition
import usage.journal
from identifiers import PortalId, RunId
from monitor.run import FINISHED
from settings import read_settings
from usage.messages import UsageMessage
from usage.service import collect_usage

# Checkpoints come often, so that a kill finds work after one.
usage.journal.BUFFER_BYTES = 20_000


async def main(portal_id: PortalId, run_id: RunId) -> None:
    """Delivers the message until the run has ended."""
    ledger = composition.build(read_settings(os.environ))
    while (await ledger.runs.get(run_id)).state not in FINISHED:
        await collect_usage(ledger, UsageMessage(portal_id, run_id), worker="test")
        await asyncio.sleep(0.05)
    await ledger.close()


if __name__ == "__main__":
    asyncio.run(main(PortalId(sys.argv[1]), RunId(sys.argv[2])))
