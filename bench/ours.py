"""Measured process: our import, or only our reading of Graph. `python -m bench.ours import|read`"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import composition
from bench.parts import material, measured, portal_of, task
from errors import NotFound
from graph.users import user_pages
from imports import service
from imports.messages import ImportMessage
from imports.reconcile import contact_of
from monitor.run import Run, new_run_id
from settings import read_settings


async def whole_import() -> None:
    """Imports the task's tenant; creates its portal if there is none."""
    ledger = composition.build(read_settings(os.environ))
    given = task()
    try:
        await ledger.portals.get(given.portal_id)
    except NotFound:
        credential = await ledger.credentials.store(given.portal_id, material())
        await ledger.portals.create(portal_of(given, credential))
    run = Run(new_run_id(ledger.clock()), "import", "manual", "Queued", ledger.clock())
    await ledger.runs.create(run)

    async def work() -> dict[str, Any]:
        await service.import_portal(
            ledger, ImportMessage(given.portal_id, run.run_id), worker="bench"
        )
        done = await ledger.runs.get(run.run_id)
        if done.state != "Succeeded":
            raise RuntimeError(f"the import ended {done.state}: {done.error}")
        return dict(done.counts)

    await measured(work)


async def reading() -> None:
    """Reads every user and makes contacts of them, and stores nothing."""
    ledger = composition.build(read_settings(os.environ))
    given = task()
    cloud = ledger.settings.cloud("Simulated")

    async def work() -> dict[str, Any]:
        users = 0
        opened = ledger.graph(cloud, given.tenant_id, given.client_id, material())
        async with opened as graph:
            await graph.roles()
            async for page in user_pages(graph):
                for user in page.value:
                    contact_of(user, (), ())
                users += len(page.value)
        return {"users": users}

    await measured(work)


if __name__ == "__main__":
    asyncio.run(whole_import() if sys.argv[1] == "import" else reading())
