"""Many portals over several workers: throughput, and what a slow one does to the others."""

from __future__ import annotations

import tempfile
import time
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from bench.parts import SECRET
from devhost.api import LedgerApi
from devhost.stack import Stack
from simulator.control import Control

WORKERS = (1, 2, 4)
SKUS = [{"part_number": part, "enabled": 100_000} for part in ("SPE_E3", "POWER_BI_PRO")]
_WAIT_SECONDS = 600
_SLOW_SECONDS = 3.0


class FanOut(msgspec.Struct, frozen=True):
    """What came of it. `slow_finished_last`: every other portal ended before the slow one."""

    portals_per_second: dict[int, float]
    imported_twice: int
    others_s: float
    slow_s: float


def fan_out(portals: int, users: int) -> FanOut:
    """Imports so many portals of so many users with 1, 2 and 4 workers."""
    with (
        tempfile.TemporaryDirectory(prefix="ledger365-bench-") as directory,
        Stack(Path(directory)) as stack,
    ):
        cloud = Control(stack.simulator_url, stack.control_key, stack.ca_bundle)
        api = LedgerApi(stack.api_url, stack.function_key)
        tenants = {_connect(cloud, api, number, users): number for number in range(portals)}
        throughput: dict[int, float] = {}
        twice = 0
        for workers in WORKERS:
            stack.stop_host()
            stack.start_host(workers)
            api = LedgerApi(stack.api_url, stack.function_key)
            runs, seconds = _import_all(api, portals)
            throughput[workers] = portals / seconds
            twice += sum(run["attempts"] != 1 for run in runs)
            twice += len(runs) - len({run["portalId"] for run in runs})
        slow = next(iter(tenants))
        cloud.fault("latency", match="/v1.0/", tenant=slow, seconds=_SLOW_SECONDS)
        runs, _ = _import_all(api, portals)
        ended = {run["portalName"]: run["finishedAt"] for run in runs}
        began = min(run["createdAt"] for run in runs)
        slow_ended = ended.pop(f"Fan-out {tenants[slow]}")
        return FanOut(
            throughput,
            twice,
            _seconds(began, max(ended.values())),
            _seconds(began, slow_ended),
        )


def _connect(cloud: Control, api: LedgerApi, number: int, users: int) -> str:
    tenant_id = cloud.create_tenant(users=users, seed=number, skus=SKUS, licenses_per_user=2)
    client_id = str(uuid.uuid4())
    cloud.register(tenant_id, client_id, secret=SECRET)
    api.call(
        "POST",
        "portals",
        {
            "name": f"Fan-out {number}",
            "tenantId": tenant_id,
            "clientId": client_id,
            "cloud": "Simulated",
            "credential": {
                "kind": "clientSecret",
                "value": SECRET,
                "expiresAt": "2099-01-01T00:00:00Z",
            },
        },
    )
    return tenant_id


def _import_all(api: LedgerApi, portals: int) -> tuple[list[dict[str, Any]], float]:
    began = time.perf_counter()
    parent = api.call("POST", "imports", {})
    api.wait_for_run(parent["runId"], seconds=_WAIT_SECONDS)
    seconds = time.perf_counter() - began
    runs = list(api.every("runs", parentRunId=parent["runId"], top="500"))
    if len(runs) != portals or any(run["state"] != "Succeeded" for run in runs):
        raise RuntimeError(f"of {portals} imports, {len(runs)} were found, or some failed")
    return runs, seconds


def _seconds(began: str, ended: str) -> float:
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
