"""Opens Graph for a run that works on a portal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from composition import Ledger
    from graph.client import GraphClient
    from monitor.recorder import RunRecorder
    from portals.model import Portal


@asynccontextmanager
async def connected(
    ledger: Ledger, portal: Portal, recorder: RunRecorder
) -> AsyncIterator[GraphClient]:
    """Graph for the portal; the run adds the calls to those of its messages before.

    Raises CredentialError, and InvalidInput for a cloud that is not set up.
    """
    material = await ledger.credentials.read(portal.credential)
    cloud = ledger.settings.cloud(portal.cloud)
    async with ledger.graph(cloud, portal.tenant_id, portal.client_id, material) as graph:
        try:
            yield graph
        finally:
            recorder.count("graph_requests", graph.counts.requests)
            recorder.count("graph_retries", graph.counts.retries)
            recorder.count("graph_throttled", graph.counts.throttled)
