"""The reading routes under load: 99th percentiles, with a small tenant and with a large one."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
import uuid
from pathlib import Path

import aiohttp
import msgspec

from bench.parts import SECRET
from devhost.api import LedgerApi
from devhost.stack import Stack
from simulator.control import Control

SKUS = [
    {"part_number": part, "enabled": 2_000_000}
    for part in ("SPE_E3", "POWER_BI_PRO", "VISIOCLIENT")
]
CLIENTS = 4
SECONDS = 5.0
_WAIT_SECONDS = 600


class Load(msgspec.Struct, frozen=True):
    """How a route answered: milliseconds, and answers a second."""

    route: str
    median_ms: float
    p99_ms: float
    per_second: float


def reading(small: int, large: int) -> dict[int, list[Load]]:
    """The routes' loads by the number of users of the tenant that they show."""
    with (
        tempfile.TemporaryDirectory(prefix="ledger365-bench-") as directory,
        Stack(Path(directory), workers=2) as stack,
    ):
        api = LedgerApi(stack.api_url, stack.function_key)
        cloud = Control(stack.simulator_url, stack.control_key, stack.ca_bundle)
        portals = {users: _imported(cloud, api, users) for users in (small, large)}
        found: dict[int, list[Load]] = {}
        for users, portal_id in portals.items():
            sku_id = next(api.every("licenses", portalId=portal_id))["skuId"]
            routes = {
                "summary": "compliance/summary",
                "positions": f"compliance?portalId={portal_id}",
                "licenses": f"licenses?portalId={portal_id}",
                "contacts": f"contacts?portalId={portal_id}&top=100",
                "consumers": f"licenses/{portal_id}/{sku_id}/consumers?top=100",
            }
            found[users] = [
                asyncio.run(_load(name, f"{stack.api_url}/{path}", stack.function_key))
                for name, path in routes.items()
            ]
        return found


def _imported(cloud: Control, api: LedgerApi, users: int) -> str:
    tenant_id = cloud.create_tenant(users=users, seed=users, skus=SKUS, licenses_per_user=3)
    client_id = str(uuid.uuid4())
    cloud.register(tenant_id, client_id, secret=SECRET)
    portal = api.call(
        "POST",
        "portals",
        {
            "name": f"Reading {users}",
            "tenantId": tenant_id,
            "clientId": client_id,
            "cloud": "Simulated",
            "credential": {"kind": "clientSecret", "value": SECRET},
        },
    )
    run = api.call("POST", "compliance/recalculate", {"portalIds": [portal["portalId"]]})
    api.wait_for_run(run["runId"], seconds=_WAIT_SECONDS)
    return str(portal["portalId"])


async def _load(name: str, url: str, key: str) -> Load:
    """So many clients ask one route over and over for some seconds."""
    times: list[float] = []
    async with aiohttp.ClientSession(headers={"x-functions-key": key}) as session:

        async def ask() -> None:
            began = time.perf_counter()
            async with session.get(url) as answer:
                await answer.read()
                answer.raise_for_status()
            times.append(time.perf_counter() - began)

        await ask()
        times.clear()
        until = time.perf_counter() + SECONDS

        async def client() -> None:
            while time.perf_counter() < until:
                await ask()

        began = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(CLIENTS)))
        seconds = time.perf_counter() - began
    return Load(
        name,
        statistics.median(times) * 1000,
        statistics.quantiles(times, n=100)[98] * 1000,
        len(times) / seconds,
    )
