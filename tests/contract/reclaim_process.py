"""A worker process that works off a reclamation's message, for tests that kill it."""

from __future__ import annotations

import asyncio
import os
import sys

import msgspec

import composition
from monitor.run import FINISHED
from reclamation.messages import ReclamationMessage
from reclamation.worker import work_off
from settings import read_settings


async def main(message: ReclamationMessage) -> None:
    """Delivers the message until the run has ended."""
    ledger = composition.build(read_settings(os.environ))
    while (await ledger.runs.get(message.run_id)).state not in FINISHED:
        await work_off(ledger, message, worker="test")
        await asyncio.sleep(0.05)
    await ledger.close()


if __name__ == "__main__":
    asyncio.run(main(msgspec.json.decode(sys.argv[1], type=ReclamationMessage)))
