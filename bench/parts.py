"""What the measured processes share: a ledger on the running parts, and a tenant's credentials."""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from identifiers import ClientId, PortalId, TenantId
from portals.certificates import ClientSecretMaterial
from portals.model import Portal

SECRET = "bench-secret-value-0123456789"


class Task(msgspec.Struct, frozen=True):
    """What a measured process is told, in the variable BENCH_TASK."""

    tenant_id: TenantId
    client_id: ClientId
    portal_id: PortalId
    small_tenant_id: TenantId | None = None
    small_client_id: ClientId | None = None
    changes: int = 0
    control_url: str = ""
    control_key: str = ""
    ca_bundle: str = ""


def task() -> Task:
    """This process's task."""
    return msgspec.json.decode(os.environ["BENCH_TASK"], type=Task)


def material() -> ClientSecretMaterial:
    """The secret of every benchmark's application."""
    return ClientSecretMaterial(SECRET)


def portal_of(given: Task, credential: Any) -> Portal:
    """The portal that connects the task's tenant."""
    now = datetime.now(UTC)
    return Portal(
        portal_id=given.portal_id,
        name=f"Bench {given.portal_id[:8]}",
        description="",
        tenant_id=given.tenant_id,
        client_id=given.client_id,
        cloud="Simulated",
        credential=credential,
        exclusions=frozenset(),
        enabled=True,
        created_at=now,
        updated_at=now,
    )


async def measured(work: Callable[[], Awaitable[dict[str, Any]]]) -> None:
    """Runs the work and prints its wall and CPU seconds, and the process's peak memory."""
    began, cpu = time.perf_counter(), time.process_time()
    told = await work()
    print(
        json.dumps(
            {
                "wall_s": time.perf_counter() - began,
                "cpu_s": time.process_time() - cpu,
                "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                **told,
            }
        )
    )
