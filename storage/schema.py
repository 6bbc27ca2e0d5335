"""The version of what the tables hold, and the steps from one version to the next.

New columns and new fields at the end of packed records need no step: what an
older release wrote lacks them, and their defaults serve. A step is for what
defaults cannot say. It may run twice, or on two workers at once, and must come
to the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from errors import Misconfigured
from storage.portals import TABLE as PORTALS
from storage.staging import TABLE as STAGING
from storage.sync_state import TABLE as SYNC_STATE

if TYPE_CHECKING:
    from storage.tables import Operation, Tables

TABLE = "Schema"
_KEY = ("schema", "version")
CHECKPOINT_KIND = "checkpoint"


class Step(msgspec.Struct, frozen=True):
    """Brings the tables from the version before to `version`."""

    version: int
    what: str
    apply: Callable[[Tables], Awaitable[None]]


async def _begin_imports_anew(tables: Tables) -> None:
    """Drops what imports under way have staged: contacts were encoded without today's fields."""
    state = await tables.table(SYNC_STATE)
    checkpoints: list[Operation] = [
        ("delete", row)
        async for row in tables.query(
            state,
            "RowKey eq @kind",
            {"kind": CHECKPOINT_KIND},
            select=["PartitionKey", "RowKey"],
        )
    ]
    # in this order: a checkpoint must never outlive a chunk that it names
    await tables.submit(state, checkpoints)
    await tables.delete_partitions(STAGING, "", None)


STEPS: tuple[Step, ...] = (Step(2, "Imports under way begin anew.", _begin_imports_anew),)
SCHEMA_VERSION = STEPS[-1].version


async def schema_version(tables: Tables) -> int:
    """The version of what is stored: today's where nothing is, 1 where it says nothing."""
    row = await tables.get(await tables.table(TABLE), *_KEY)
    if row is not None:
        return int(row["Version"])
    async for _ in tables.query(
        await tables.table(PORTALS), "PartitionKey ge @any", {"any": ""}, page_size=1
    ):
        return 1
    return SCHEMA_VERSION


async def upgrade(tables: Tables, steps: tuple[Step, ...] = STEPS) -> int:
    """Brings the tables to the version of this release; returns the version they had.

    Raises Misconfigured for tables that a newer release has written, which
    this one could only damage.
    """
    target = steps[-1].version
    stored = await schema_version(tables)
    if stored > target:
        raise Misconfigured(
            f"The tables have version {stored}; this release knows versions up to {target}.",
            remedy="Deploy the release that wrote them, or a later one; or restore a backup "
            "that was made before the upgrade.",
        )
    for step in steps:
        if step.version > stored:
            await step.apply(tables)
    table = await tables.table(TABLE)
    row = {"PartitionKey": _KEY[0], "RowKey": _KEY[1], "Version": target}
    if (known := await tables.get(table, *_KEY)) is None or known["Version"] != target:
        await tables.submit(table, [("upsert", row)])
    return stored
