"""What an account holds, read without the app's code."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from azure.data.tables import TableServiceClient

Row = Mapping[str, Any]


class Tables:
    """All rows of all tables, read once."""

    def __init__(self, rows: Mapping[str, list[Row]]) -> None:
        self.rows = rows

    @classmethod
    def read(cls, connection: str) -> Tables:
        """What an account holds."""
        rows: dict[str, list[Row]] = {}
        with TableServiceClient.from_connection_string(connection) as service:
            for table in service.list_tables():
                rows[table.name] = list(service.get_table_client(table.name).list_entities())
        return cls(rows)

    def of(self, table: str, partition: str) -> list[Row]:
        """The rows of a partition."""
        return [row for row in self.rows.get(table, ()) if row["PartitionKey"] == partition]

    def under(self, table: str, prefix: str) -> list[Row]:
        """The rows whose partition begins so."""
        return [
            row for row in self.rows.get(table, ()) if str(row["PartitionKey"]).startswith(prefix)
        ]


def joined(name: str, row: Row) -> bytes:
    """The bytes that stand in numbered columns."""
    parts: list[bytes] = []
    while isinstance(part := row.get(f"{name}{len(parts)}"), bytes):
        parts.append(part)
    return b"".join(parts)


def nested(name: str, row: Row) -> Any:
    """The value that stands as JSON in numbered columns, None for no value."""
    parts: list[str] = []
    while (part := row.get(f"{name}Json{len(parts)}")) is not None:
        parts.append(str(part))
    return json.loads("".join(parts)) if parts else None


def packed(rows: list[Row]) -> Iterator[list[Any]]:
    """The records of blocks."""
    for row in rows:
        yield from msgspec.msgpack.decode(zlib.decompress(joined("Data", row)))
