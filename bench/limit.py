"""Measured process: how fast Azurite takes the rows of an import. `python -m bench.limit`

`packed` are the very rows that our import wrote, as full transactions from
one tight loop; `plain` are a row per contact and a row per consumer.
"""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from typing import Any

from azure.data.tables.aio import TableServiceClient

from bench.parts import measured, task
from settings import read_settings
from storage.factory import open_tables
from storage.tables import Row, Tables

PLAIN_ROWS = 4000


async def rows_of(tables: Tables, name: str, portal_id: str) -> list[Row]:
    """The rows that the import of the portal left in a table."""
    table = await tables.table(name)
    return [
        {key: value for key, value in row.items() if key != "_etag"}
        async for row in tables.query(
            table,
            "PartitionKey ge @low and PartitionKey lt @high",
            {"low": f"{portal_id}|", "high": f"{portal_id}~"},
        )
    ]


async def main(kind: str) -> None:
    """Writes the rows again into tables of their own."""
    given = task()

    def no_identity() -> Any:
        raise RuntimeError("the benchmark runs on Azurite")

    source = open_tables(read_settings(os.environ), no_identity)
    service = TableServiceClient.from_connection_string(
        read_settings(os.environ).storage_connection or ""
    )
    target = Tables(service, prefix=f"L{uuid.uuid4().hex[:8]}")
    if kind == "packed":
        rows = {
            name: await rows_of(source, name, given.portal_id) for name in ("Contacts", "Consumers")
        }
    else:
        rows = {
            "Plain": [
                {
                    "PartitionKey": f"{given.portal_id}{n % 16}",
                    "RowKey": str(uuid.uuid4()),
                    "UserPrincipalName": f"user{n}@contoso.example",
                    "DisplayName": f"User {n}",
                    "AccountEnabled": True,
                    "Department": "Sales",
                    "Path": "direct",
                    "State": "Active",
                }
                for n in range(PLAIN_ROWS)
            ]
        }
    opened = {name: await target.table(name) for name in rows}
    for name, found in rows.items():
        # the SDK loads what it needs for a transaction with the first one
        await target.submit(opened[name], [("upsert", row) for row in found[:2]])

    async def work() -> dict[str, Any]:
        for name, found in rows.items():
            await target.submit(opened[name], [("upsert", row) for row in found])
        return {"rows": sum(len(found) for found in rows.values())}

    await measured(work)
    await source.close()
    await target.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
