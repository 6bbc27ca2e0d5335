"""Holds a portal's lease for as long as work goes on, and stops the work when it is lost."""

from __future__ import annotations

import asyncio
import os
import socket
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from errors import LeaseLost, StorageError
from identifiers import PortalId, RunId

if TYPE_CHECKING:
    from storage.sync_state import Lease, SyncStateStore

IMPORT_LEASE = "lease"


def this_worker() -> str:
    """The name of this process among all that take leases."""
    return f"{socket.gethostname()}-{os.getpid()}"


@asynccontextmanager
async def held_lease(
    store: SyncStateStore,
    portal_id: PortalId,
    *,
    worker: str,
    run_id: RunId,
    clock: Callable[[], datetime],
    seconds: int,
    kind: str = IMPORT_LEASE,
) -> AsyncIterator[None]:
    """Takes the lease, renews it every third of its time, and gives it back at the end.

    Nobody shares it: a worker that does several things side by side holds a lease for each.
    Raises LeaseLost if another owner has it, or takes it while the body runs;
    the body is cancelled then.
    """
    lease = await store.acquire_lease(
        portal_id,
        owner=f"{worker}-{uuid.uuid4()}",
        run_id=run_id,
        now=clock(),
        seconds=seconds,
        kind=kind,
    )
    body = asyncio.current_task()
    lost: list[LeaseLost] = []

    async def renew() -> None:
        nonlocal lease
        while True:
            await asyncio.sleep(seconds / 3)
            try:
                lease = await store.renew_lease(lease, now=clock(), seconds=seconds)
            except StorageError as error:
                # storage that does not answer may do so before the lease ends
                if not isinstance(error, LeaseLost) and clock() < lease.expires_at:
                    continue
                lost.append(LeaseLost(error.message, remedy=error.remedy))
                if body is not None:
                    body.cancel()
                return

    keeper = asyncio.create_task(renew())
    try:
        yield
    except asyncio.CancelledError:
        if lost and body is not None:
            body.uncancel()
            raise lost[0] from None
        raise
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        if not lost:
            await _give_back(store, lease)


async def _give_back(store: SyncStateStore, lease: Lease) -> None:
    try:
        await store.release_lease(lease)
    except LeaseLost:
        # it expired in the last moment; whoever took it has it rightly
        return
