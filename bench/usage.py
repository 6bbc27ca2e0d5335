"""Measured process: what follows an import. `python -m bench.usage MODE`

`usage` reads the usage of the task's tenant, which `bench.ours import` has
imported, and joins it with its contacts; `consolidate` consolidates them.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import msgspec

import composition
from bench.parts import Task, measured, task
from composition import Ledger
from consolidation.messages import ConsolidationMessage
from consolidation.service import consolidate
from monitor.run import Run, new_run
from settings import read_settings
from usage.messages import UsageMessage
from usage.service import collect_usage


async def _ended(ledger: Ledger, run: Run) -> dict[str, Any]:
    done = await ledger.runs.get(run.run_id)
    if done.state != "Succeeded":
        raise RuntimeError(f"the run ended {done.state}: {done.error}")
    return dict(done.counts)


async def collecting(ledger: Ledger, given: Task) -> None:
    """A usage run, from reports to tables."""
    portal = await ledger.portals.get(given.portal_id)
    changed = msgspec.structs.replace(portal, tasks=("roster", "access"))
    await ledger.portals.update(changed, etag=None)
    run = new_run("usage", "manual", ledger.clock(), portal_id=given.portal_id)
    await ledger.runs.create(run)

    async def work() -> dict[str, Any]:
        message = UsageMessage(given.portal_id, run.run_id)
        await collect_usage(ledger, message, worker="bench")
        return await _ended(ledger, run)

    await measured(work)


async def consolidating(ledger: Ledger, given: Task) -> None:
    """The consolidation of a repository with nothing but the portal in it."""
    portal = await ledger.portals.get(given.portal_id)
    repository = f"bench-{given.portal_id[:8]}"
    await ledger.portals.update(msgspec.structs.replace(portal, repository=repository), etag=None)
    run = new_run("consolidation", "manual", ledger.clock())
    await ledger.runs.create(run)

    async def work() -> dict[str, Any]:
        await consolidate(ledger, ConsolidationMessage(repository, run.run_id), worker="bench")
        return await _ended(ledger, run)

    await measured(work)


MODES = {"usage": collecting, "consolidate": consolidating}

if __name__ == "__main__":
    asyncio.run(MODES[sys.argv[1]](composition.build(read_settings(os.environ)), task()))
