"""Measured process: a real peer reads the same users. `python -m bench.cartography_way`

Runs in a virtual environment of its own, with cartography's `get_users` and
`transform_users` as they are, and imports nothing of ours.
"""

from __future__ import annotations

import asyncio
import json
import os
import time

import httpx
from azure.identity.aio import ClientSecretCredential
from cartography.intel.microsoft.entra.users import get_users, transform_users
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_service_client import GraphServiceClient
from msgraph_core import GraphClientFactory


async def main() -> None:
    """Reads all users and transforms them; prints seconds and how many there were."""
    given = json.loads(os.environ["BENCH_TASK"])
    url = os.environ["KEY_VAULT_URL"]
    host = url.removeprefix("https://")
    credential = ClientSecretCredential(
        given["tenant_id"],
        given["client_id"],
        os.environ["BENCH_SECRET"],
        authority=url,
        disable_instance_discovery=True,
    )
    adapter = GraphRequestAdapter(
        AzureIdentityAuthenticationProvider(
            credential, scopes=[f"{url}/.default"], allowed_hosts=[host, host.partition(":")[0]]
        ),
        GraphClientFactory.create_with_default_middleware(client=httpx.AsyncClient(timeout=60)),
    )
    adapter.base_url = f"{url}/v1.0"
    client = GraphServiceClient(request_adapter=adapter)
    began, cpu = time.perf_counter(), time.process_time()
    users = 0
    async for page, activity_available in get_users(client):
        users += len(list(transform_users(page, activity_available=activity_available)))
    print(
        json.dumps(
            {
                "wall_s": time.perf_counter() - began,
                "cpu_s": time.process_time() - cpu,
                "users": users,
            }
        )
    )
    await credential.close()


if __name__ == "__main__":
    asyncio.run(main())
