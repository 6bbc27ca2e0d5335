"""A worker process that consolidates, for tests that kill it: repository, run ID."""

from __future__ import annotations

import asyncio
import os
import sys

import composition
import storage.consolidation
from consolidation.messages import ConsolidationMessage
from consolidation.service import consolidate
from identifiers import RunId
from monitor.run import FINISHED
from settings import read_settings

# Checkpoints come often, so that a kill finds work after one.
storage.consolidation.STAGED_BYTES = 20_000


async def main(repository: str, run_id: RunId) -> None:
    """Delivers the message until the run has ended."""
    ledger = composition.build(read_settings(os.environ))
    while (await ledger.runs.get(run_id)).state not in FINISHED:
        await consolidate(ledger, ConsolidationMessage(repository, run_id), worker="test")
        await asyncio.sleep(0.05)
    await ledger.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], RunId(sys.argv[2])))
