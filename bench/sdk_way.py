"""Measured process: what one writes with the SDKs. `python -m bench.sdk_way import|read`

PageIterator over users, models deserialized, one upsert_entity per user.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import httpx
from azure.data.tables.aio import TableServiceClient
from azure.identity.aio import ClientSecretCredential
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from msgraph.generated.users.users_request_builder import UsersRequestBuilder
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_service_client import GraphServiceClient
from msgraph_core import GraphClientFactory
from msgraph_core.tasks.page_iterator import PageIterator

from bench.parts import SECRET, measured, task
from graph.users import FIELDS
from settings import read_settings


async def main(store: bool) -> None:
    """Reads all users, and stores each if asked to."""
    given = task()
    url = os.environ["KEY_VAULT_URL"]
    credential = ClientSecretCredential(
        given.tenant_id,
        given.client_id,
        SECRET,
        authority=url,
        disable_instance_discovery=True,
    )
    host = url.removeprefix("https://")
    adapter = GraphRequestAdapter(
        AzureIdentityAuthenticationProvider(
            credential, scopes=[f"{url}/.default"], allowed_hosts=[host, host.partition(":")[0]]
        ),
        GraphClientFactory.create_with_default_middleware(client=httpx.AsyncClient(timeout=60)),
    )
    adapter.base_url = f"{url}/v1.0"
    client = GraphServiceClient(request_adapter=adapter)
    service = TableServiceClient.from_connection_string(
        read_settings(os.environ).storage_connection or ""
    )
    table = await service.create_table_if_not_exists(f"SdkWay{given.portal_id[:8]}")

    async def work() -> dict[str, Any]:
        users: list[Any] = []

        def keep(user: Any) -> bool:
            users.append(user)
            return True

        parameters = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
            select=FIELDS, top=999
        )
        first = await client.users.get(RequestConfiguration(query_parameters=parameters))
        await PageIterator(first, adapter).iterate(keep)
        for user in users if store else ():
            await table.upsert_entity(
                {
                    "PartitionKey": given.portal_id,
                    "RowKey": user.id,
                    "UserPrincipalName": user.user_principal_name,
                    "DisplayName": user.display_name,
                    "AccountEnabled": user.account_enabled,
                    "Department": user.department,
                    "Licenses": ",".join(str(item.sku_id) for item in user.assigned_licenses or ()),
                }
            )
        return {"users": len(users)}

    await measured(work)
    await credential.close()
    await service.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] == "import"))
