"""Measured process: our import, or parts of it. `python -m bench.ours MODE`

`import` imports the task's tenant, in a worker that has imported before;
`follow` imports it again after so many changes; `read` only reads Graph;
`recalculate` takes the positions of all licenses.
"""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from pathlib import Path
from typing import Any

import composition
from bench.parts import Task, material, measured, portal_of, task
from compliance.service import recalculate_portal
from composition import Ledger
from errors import NotFound
from graph.paging import in_turns
from graph.users import user_pages
from identifiers import PortalId
from imports import service
from imports.messages import ImportMessage
from imports.reconcile import contact_of
from monitor.run import Run, Trigger, new_run_id
from settings import read_settings
from simulator.control import Control


async def queued(ledger: Ledger, given: Task, trigger: Trigger) -> Run:
    """A run that is to import the task's tenant; the portal is created if there is none."""
    try:
        await ledger.portals.get(given.portal_id)
    except NotFound:
        credential = await ledger.credentials.store(given.portal_id, material())
        await ledger.portals.create(portal_of(given, credential))
    now = ledger.clock()
    run = Run(new_run_id(now), "import", trigger, "Queued", now, portal_id=given.portal_id)
    await ledger.runs.create(run)
    return run


async def imported(ledger: Ledger, given: Task, run: Run) -> dict[str, Any]:
    """Imports the task's tenant as the run; returns the run's counts."""
    await service.import_portal(ledger, ImportMessage(given.portal_id, run.run_id), worker="bench")
    done = await ledger.runs.get(run.run_id)
    if done.state != "Succeeded":
        raise RuntimeError(f"the import ended {done.state}: {done.error}")
    return dict(done.counts)


async def warm_up(ledger: Ledger, given: Task) -> None:
    """A small import first: a worker loads the SDKs and connects once in its life."""
    if given.small_tenant_id is not None and given.small_client_id is not None:
        small = Task(given.small_tenant_id, given.small_client_id, PortalId(str(uuid.uuid4())))
        await imported(ledger, small, await queued(ledger, small, "manual"))


async def whole_import(ledger: Ledger, given: Task) -> None:
    """A full import."""
    await warm_up(ledger, given)
    run = await queued(ledger, given, "manual")
    await measured(lambda: imported(ledger, given, run))


async def following(ledger: Ledger, given: Task) -> None:
    """An import after some changes, of a tenant that was imported in full before."""
    unchanged = await imported(ledger, given, await queued(ledger, given, "timer"))
    cloud = Control(given.control_url, given.control_key, Path(given.ca_bundle))
    cloud.call("drift", tenant_id=given.tenant_id, changes=given.changes, kinds=["license", "name"])
    run = await queued(ledger, given, "timer")

    async def work() -> dict[str, Any]:
        counts = await imported(ledger, given, run)
        return {**counts, "unchanged_rows": unchanged["rows_written"]}

    await measured(work)


async def reading(ledger: Ledger, given: Task) -> None:
    """Reads every user and makes contacts of them, and stores nothing."""
    await warm_up(ledger, given)
    cloud = ledger.settings.cloud("Simulated")

    async def work() -> dict[str, Any]:
        users = 0
        opened = ledger.graph(cloud, given.tenant_id, given.client_id, material())
        async with opened as graph:
            await graph.roles()
            async for page in user_pages(graph):
                async for some in in_turns(page.value):
                    for user in some:
                        contact_of(user, (), ())
                users += len(page.value)
        return {"users": users}

    await measured(work)


async def recalculating(ledger: Ledger, given: Task) -> None:
    """A recalculation, from tables to tables."""
    await ledger.portals.get(given.portal_id)

    async def work() -> dict[str, Any]:
        positions = await recalculate_portal(ledger, given.portal_id)
        return {"consumers": sum(position.consumed for position in positions)}

    await measured(work)


MODES = {
    "import": whole_import,
    "follow": following,
    "read": reading,
    "recalculate": recalculating,
}

if __name__ == "__main__":
    asyncio.run(MODES[sys.argv[1]](composition.build(read_settings(os.environ)), task()))
