"""What the rows of a layout's partitions say, told by their digests alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from identifiers import PortalId
    from storage.blocks import Layout
    from storage.tables import Tables

_COLUMNS = ["PartitionKey", "RowKey", "Digest"]


async def stored_digests(
    tables: Tables, name: str, portal_id: PortalId, layout: Layout, partitions: range
) -> dict[int, dict[str, str]]:
    """The digests that a table holds, by partition and row key, read in one query."""
    table = await tables.table(name)
    keys = {layout.partition_key(portal_id, partition): partition for partition in partitions}
    found: dict[int, dict[str, str]] = {partition: {} for partition in partitions}
    async for row in tables.query(
        table,
        "PartitionKey ge @first and PartitionKey le @last",
        {"first": min(keys), "last": max(keys)},
        select=_COLUMNS,
    ):
        found[keys[str(row["PartitionKey"])]][str(row["RowKey"])] = str(row["Digest"])
    return found
