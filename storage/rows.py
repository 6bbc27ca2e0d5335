"""Records as rows: plain values in columns of their own, nested ones as JSON text."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

import msgspec
from azure.data.tables import EdmType, EntityProperty

from storage.tables import Row

Record = TypeVar("Record", bound=msgspec.Struct)
# Table Storage allows 32,768 UTF-16 units a string property; an emoji takes two.
TEXT_CHARACTERS = 16_000
_LARGEST_INT32 = 2**31 - 1
_UNSTORED = frozenset({"etag"})


def row_of(record: msgspec.Struct, partition_key: str, row_key: str) -> Row:
    """The row for a record. None is stored by leaving the column out."""
    row: Row = {"PartitionKey": partition_key, "RowKey": row_key}
    for field in msgspec.structs.fields(record):
        value = getattr(record, field.name)
        if value is None or field.name in _UNSTORED:
            continue
        column = _column(field.name)
        if isinstance(value, int) and abs(value) > _LARGEST_INT32:
            row[column] = EntityProperty(value, EdmType.INT64)
        elif isinstance(value, bool | int | datetime) or (
            isinstance(value, str) and len(value) <= TEXT_CHARACTERS
        ):
            row[column] = value
        else:
            text = msgspec.json.encode(value, order="deterministic").decode()
            for index, start in enumerate(range(0, len(text), TEXT_CHARACTERS)):
                row[f"{column}Json{index}"] = text[start : start + TEXT_CHARACTERS]
    return row


def record_of(row: Row, record_type: type[Record], **extra: Any) -> Record:
    """The record of a row; columns it does not know are passed over.

    Rows written by an older release lack newer columns, whose defaults serve.
    """
    values: dict[str, Any] = dict(extra)
    for field in msgspec.structs.fields(record_type):
        column = _column(field.name)
        if column in row:
            values[field.name] = row[column]
        elif f"{column}Json0" in row:
            parts: list[str] = []
            while (part := row.get(f"{column}Json{len(parts)}")) is not None:
                parts.append(part)
            values[field.name] = msgspec.json.decode("".join(parts))
        elif field.required and field.name not in values:
            values[field.name] = None
    return msgspec.convert(values, record_type)


def _column(field: str) -> str:
    return "".join(part.capitalize() for part in field.split("_"))
