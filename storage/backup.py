"""Exports all tables to a file of JSON lines, and restores them from it.

The first line is a header, the last one counts the rows; each line between is
a row with the types that Table Storage knows. Credentials are not among them:
they are in Key Vault, which keeps its own deleted secrets.

    python -m storage.backup export ledger.jsonl
    python -m storage.backup restore ledger.jsonl [--replace]
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from azure.data.tables import EdmType, EntityProperty

from errors import Conflict, InvalidInput, LedgerError
from settings import read_settings
from storage import (
    catalogue,
    compliance,
    consolidation,
    consumers,
    contacts,
    contracts,
    erasures,
    findings,
    groups,
    licenses,
    portals,
    reclamations,
    runs,
    schema,
    spend,
    sync_state,
    webhooks,
)
from storage.authorizations import TABLE as AUTHORIZATIONS
from storage.factory import open_tables
from storage.schema import SCHEMA_VERSION, schema_version
from storage.staging import TABLE as STAGING
from storage.tables import Operation, Row, Tables
from storage.usage import CHECKPOINT_KIND as USAGE_CHECKPOINT
from storage.usage import DEVICES, USAGE
from storage.usage_staging import TABLE as USAGE_STAGING

TABLES = (
    catalogue.TABLE, compliance.POSITIONS, compliance.HISTORY, consolidation.POSITIONS,
    consolidation.PERSONS, consumers.TABLE, contacts.TABLE,
    contracts.TABLE, erasures.TABLE, findings.TABLE, groups.TABLE, licenses.LICENSES,
    licenses.PRODUCTS, portals.TABLE, reclamations.TABLE, reclamations.ITEMS, runs.TABLE,
    schema.TABLE, spend.FIGURES, spend.SHARES, sync_state.TABLE, webhooks.WEBHOOKS,
    webhooks.ALERTS, webhooks.DELIVERIES, USAGE, DEVICES,
)  # fmt: skip
# What belongs to work under way, and means nothing without it.
PASSING = frozenset({STAGING, USAGE_STAGING, AUTHORIZATIONS, consolidation.STAGING})
_PASSING_STATE = frozenset({schema.CHECKPOINT_KIND, USAGE_CHECKPOINT})
_FORMAT = "ledger365-tables"
_ROWS_AT_ONCE = 1000
_LARGEST_INT32 = 2**31 - 1

Value = str | bool | int | dict[str, str]


class Header(msgspec.Struct, frozen=True):
    """What the file is. `schema_version` is that of the release that wrote the rows."""

    format: str
    schema_version: int
    created_at: str


class Footer(msgspec.Struct, frozen=True):
    """The number of rows; a file without it is cut."""

    rows: int


class Line(msgspec.Struct, frozen=True):
    """One row."""

    table: str
    partition: str
    row: str
    values: dict[str, Value]


_encoder = msgspec.json.Encoder(order="sorted")


async def export_tables(tables: Tables, path: Path, now: datetime) -> int:
    """Writes every row of every table to the file, readable to its owner alone; returns how many.

    Raises Conflict while a portal is being imported, or if one was meanwhile:
    contacts of one moment and their layout of another fit nothing.
    """
    before = await _sync_states(tables)
    busy = [key for key, row in before.items() if _is_lease(row) and row["ExpiresAt"] > now]
    if busy:
        raise _imports_run()
    part = path.with_name(path.name + ".part")
    part.touch(mode=0o600)
    count = 0
    with part.open("wb") as file:
        version = await schema_version(tables)
        file.write(_encoder.encode(Header(_FORMAT, version, now.isoformat())) + b"\n")
        for table in TABLES:
            async for line in _lines(tables, table):
                file.write(_encoder.encode(line) + b"\n")
                count += 1
        file.write(_encoder.encode(Footer(count)) + b"\n")
    if _etags(await _sync_states(tables)) != _etags(before):
        part.unlink()
        raise _imports_run()
    part.replace(path)
    return count


async def restore_tables(tables: Tables, path: Path, *, replace: bool = False) -> int:
    """Makes the tables hold what the file says; returns the number of rows.

    The file is read to its end before anything is written. Raises InvalidInput
    for one that is cut, damaged or of a newer release, Conflict if the tables
    hold something and `replace` does not say that it may go.
    """
    count = sum(1 for _ in read_backup(path))
    for table in [*TABLES, *PASSING]:
        if not replace and await _holds_anything(tables, table):
            raise Conflict(
                f"The table {table} is not empty.",
                remedy="Restore into an empty account, or say --replace to delete what is there.",
            )
    for table in [*TABLES, *PASSING]:
        await tables.delete_partitions(table, "", None)
    waiting: list[Operation] = []
    standing = ""
    for line in read_backup(path):
        if line.table != standing or len(waiting) >= _ROWS_AT_ONCE:
            await _write(tables, standing, waiting)
            waiting, standing = [], line.table
        waiting.append(("upsert", _row(line)))
    await _write(tables, standing, waiting)
    return count


def read_backup(path: Path) -> Iterator[Line]:
    """The rows of a file, in its order. Raises InvalidInput if it is not whole."""
    rows = 0
    ended = False
    with path.open("rb") as file:
        try:
            header = msgspec.json.decode(file.readline(), type=Header)
        except msgspec.DecodeError as error:
            raise _damaged("It does not begin as a backup does.") from error
        if header.format != _FORMAT:
            raise _damaged("It does not begin as a backup does.")
        if header.schema_version > SCHEMA_VERSION:
            raise _damaged(
                f"It was made by a newer release, of version {header.schema_version}; this one "
                f"knows versions up to {SCHEMA_VERSION}."
            )
        for number, text in enumerate(file, start=2):
            if ended:
                raise _damaged("It goes on after its end.")
            try:
                # the keys of a row's line are sorted, and begin with another one
                if text.startswith(b'{"rows"'):
                    ended = True
                    expected = msgspec.json.decode(text, type=Footer).rows
                    if expected != rows:
                        raise _damaged(f"It has {rows} rows instead of {expected}.")
                    continue
                line = msgspec.json.decode(text, type=Line)
            except msgspec.DecodeError as error:
                raise _damaged(f"Line {number} cannot be read.") from error
            if line.table not in TABLES:
                raise _damaged(f"Line {number} names a table that this release does not know.")
            rows += 1
            yield line
    if not ended:
        raise _damaged("Its end is missing.")


async def _lines(tables: Tables, name: str) -> AsyncIterator[Line]:
    table = await tables.table(name)
    # the SDK's own rows, since ours no longer tell 64-bit numbers from others
    async for entity in table.list_entities(results_per_page=_ROWS_AT_ONCE):
        partition, row = entity["PartitionKey"], entity["RowKey"]
        if name == sync_state.TABLE and (row in _PASSING_STATE or _is_lease(entity)):
            continue
        yield Line(
            name,
            partition,
            row,
            {
                key: _plain(value)
                for key, value in entity.items()
                if key not in ("PartitionKey", "RowKey") and value is not None
            },
        )


def _plain(value: object) -> Value:
    """A property as JSON; what JSON has no type for becomes an object with its type's name."""
    match value:
        case bool() | str():
            return value
        case int() if abs(value) <= _LARGEST_INT32:
            return value
        case float():
            return {"double": repr(value)}
        case bytes():
            return {"binary": base64.b64encode(value).decode()}
        case datetime():
            # the SDK's subclass is not converted by its own methods
            return {"time": datetime.fromtimestamp(value.timestamp(), UTC).isoformat()}
        case EntityProperty(value=int(number), edm_type=EdmType.INT64):
            return {"int64": str(number)}
    raise TypeError(f"no row of ours has a {type(value).__name__}")


def _row(line: Line) -> Row:
    row: Row = {"PartitionKey": line.partition, "RowKey": line.row}
    for key, value in line.values.items():
        row[key] = _typed(value) if isinstance(value, dict) else value
    return row


def _typed(value: dict[str, str]) -> Any:
    ((kind, text),) = value.items()
    match kind:
        case "double":
            return float(text)
        case "binary":
            return base64.b64decode(text)
        case "time":
            return datetime.fromisoformat(text)
        case "int64":
            return EntityProperty(int(text), EdmType.INT64)
    raise _damaged(f"It has a value of the unknown type {kind}.")


async def _write(tables: Tables, table: str, operations: Sequence[Operation]) -> None:
    if operations:
        await tables.submit(await tables.table(table), operations)


async def _sync_states(tables: Tables) -> dict[tuple[str, str], Row]:
    table = await tables.table(sync_state.TABLE)
    return {
        (row["PartitionKey"], row["RowKey"]): row
        async for row in tables.query(table, "PartitionKey ge @any", {"any": ""})
    }


def _etags(rows: dict[tuple[str, str], Row]) -> dict[tuple[str, str], Any]:
    return {key: row["_etag"] for key, row in rows.items()}


def _is_lease(row: Row) -> bool:
    """Whether the row is a lease, whatever work it is for."""
    return "Owner" in row and "ExpiresAt" in row


async def _holds_anything(tables: Tables, name: str) -> bool:
    table = await tables.table(name)
    rows = tables.query(table, "PartitionKey ge @any", {"any": ""}, page_size=1)
    async for _ in rows:
        return True
    return False


def _imports_run() -> Conflict:
    return Conflict(
        "Portals were imported during the export.",
        remedy="Stop the function app, or wait until no import runs, and export again.",
    )


def _damaged(why: str) -> InvalidInput:
    return InvalidInput(
        "file", f"The file cannot be restored. {why}", remedy="Give a file that export has made."
    )


async def _main(arguments: argparse.Namespace) -> str:
    from azure.identity.aio import DefaultAzureCredential

    tables = open_tables(read_settings(os.environ), DefaultAzureCredential)
    try:
        if arguments.action == "export":
            count = await export_tables(tables, arguments.file, datetime.now(UTC))
            return f"{count} rows exported to {arguments.file}."
        count = await restore_tables(tables, arguments.file, replace=arguments.replace)
        return f"{count} rows restored from {arguments.file}."
    finally:
        await tables.close()


def main(argv: Sequence[str]) -> int:
    """Exports or restores on the account that the settings in the environment name."""
    parser = argparse.ArgumentParser(prog="python -m storage.backup")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("export").add_argument("file", type=Path)
    restore = actions.add_parser("restore")
    restore.add_argument("file", type=Path)
    restore.add_argument("--replace", action="store_true", help="delete what the tables hold")
    arguments = parser.parse_args(argv)
    try:
        sys.stdout.write(asyncio.run(_main(arguments)) + "\n")
    except LedgerError as error:
        sys.stderr.write(f"{error.message} {error.remedy}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{arguments.file}: {error.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
