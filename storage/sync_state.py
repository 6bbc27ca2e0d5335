"""What an import must remember: summaries, checkpoints, delta links, and the lease."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from azure.core import MatchConditions
from azure.data.tables import UpdateMode

from errors import (
    Conflict,
    LeaseLost,
    LedgerError,
    NotFound,
    PreconditionFailed,
    StorageUnavailable,
)
from identifiers import PortalId, RunId
from imports.model import ImportSummary
from storage.blocks import join_properties, split_properties

if TYPE_CHECKING:
    from storage.tables import Tables

TABLE = "SyncState"
SUMMARY_KIND = "summary"
LEASE_KIND = "lease"


class Lease(msgspec.Struct, frozen=True):
    """The right to import a portal until `expires_at`, unless renewed; or that of its `kind`."""

    portal_id: PortalId
    owner: str
    run_id: RunId
    expires_at: datetime
    etag: str
    kind: str = LEASE_KIND


class SyncStateStore:
    """Small state by portal and kind."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def read(self, portal_id: PortalId, kind: str) -> bytes | None:
        """The state of that kind, None if there is none."""
        table = await self._tables.table(TABLE)
        row = await self._tables.get(table, portal_id, kind)
        return join_properties("Data", row) if row is not None else None

    async def write(self, portal_id: PortalId, kind: str, data: bytes) -> None:
        """Replaces the state of that kind."""
        table = await self._tables.table(TABLE)
        row = {"PartitionKey": portal_id, "RowKey": kind, **split_properties("Data", data)}
        await self._tables.submit(table, [("upsert", row)])

    async def delete(self, portal_id: PortalId, kind: str) -> None:
        """Deletes the state of that kind; succeeds on the absent."""
        table = await self._tables.table(TABLE)
        await self._tables.submit(table, [("delete", {"PartitionKey": portal_id, "RowKey": kind})])

    async def read_many(self, portal_id: PortalId, kinds: Sequence[str]) -> list[bytes | None]:
        """The states of those kinds, in their order."""
        table = await self._tables.table(TABLE)
        rows = await self._tables.get_many(table, [(portal_id, kind) for kind in kinds])
        return [join_properties("Data", row) if row is not None else None for row in rows]

    async def replace(
        self, portal_id: PortalId, states: Mapping[str, bytes], *, instead_of: str
    ) -> None:
        """Writes the states and deletes all others whose kind begins with `instead_of`, at once."""
        table = await self._tables.table(TABLE)
        old = [
            row
            async for row in self._tables.query(
                table,
                "PartitionKey eq @portal and RowKey ge @low and RowKey lt @high",
                {"portal": portal_id, "low": instead_of, "high": instead_of + "\uffff"},
                select=["PartitionKey", "RowKey"],
            )
        ]
        operations: list[tuple[Any, ...]] = [
            (
                "upsert",
                {"PartitionKey": portal_id, "RowKey": kind, **split_properties("Data", data)},
                {"mode": UpdateMode.REPLACE},
            )
            for kind, data in states.items()
        ]
        operations += [("delete", row) for row in old if row["RowKey"] not in states]
        await self._tables.transact(table, operations)

    async def summary(self, portal_id: PortalId) -> ImportSummary | None:
        """The last complete import of the portal, None before the first."""
        stored = await self.read(portal_id, SUMMARY_KIND)
        return msgspec.json.decode(stored, type=ImportSummary) if stored is not None else None

    async def summaries(self) -> AsyncIterator[ImportSummary]:
        """The last complete import of every portal that had one."""
        table = await self._tables.table(TABLE)
        async for row in self._tables.query(table, "RowKey eq @kind", {"kind": SUMMARY_KIND}):
            yield msgspec.json.decode(join_properties("Data", row), type=ImportSummary)

    async def save_summary(self, summary: ImportSummary) -> None:
        """Keeps the summary of a complete import."""
        await self.write(summary.portal_id, SUMMARY_KIND, msgspec.json.encode(summary))

    async def delete_portal(self, portal_id: PortalId) -> None:
        """Deletes everything remembered of the portal."""
        await self._tables.delete_partitions(TABLE, portal_id, None)

    async def acquire_lease(
        self,
        portal_id: PortalId,
        *,
        owner: str,
        run_id: RunId,
        now: datetime,
        seconds: int,
        kind: str = LEASE_KIND,
    ) -> Lease:
        """Takes the lease if it is free, expired, or the owner's already.

        Raises LeaseLost if another owner has it.
        """
        table = await self._tables.table(TABLE)
        row = await self._tables.get(table, portal_id, kind)
        if row is not None and row["ExpiresAt"] > now and row["Owner"] != owner:
            raise _lost(portal_id)
        expires_at = now + timedelta(seconds=seconds)
        etag = row["_etag"] if row is not None else None
        return await self._put(Lease(portal_id, owner, run_id, expires_at, "", kind), etag)

    async def renew_lease(self, lease: Lease, *, now: datetime, seconds: int) -> Lease:
        """Extends the lease. Raises LeaseLost if another owner took it meanwhile."""
        expires_at = now + timedelta(seconds=seconds)
        return await self._put(msgspec.structs.replace(lease, expires_at=expires_at), lease.etag)

    async def release_lease(self, lease: Lease) -> None:
        """Gives the lease back. Raises LeaseLost if another owner took it meanwhile."""
        table = await self._tables.table(TABLE)
        row = {"PartitionKey": lease.portal_id, "RowKey": lease.kind}
        try:
            await self._tables.transact(table, [("delete", row, _unchanged(lease.etag))])
        except (PreconditionFailed, NotFound) as error:
            raise _lost(lease.portal_id) from error

    async def current_lease(
        self, portal_id: PortalId, now: datetime, *, kind: str = LEASE_KIND
    ) -> Lease | None:
        """The lease of that kind that somebody holds at `now`, None if it is free."""
        table = await self._tables.table(TABLE)
        row = await self._tables.get(table, portal_id, kind)
        if row is None or row["ExpiresAt"] <= now:
            return None
        run_id = RunId(row["RunId"])
        return Lease(portal_id, row["Owner"], run_id, row["ExpiresAt"], row["_etag"], kind)

    async def _put(self, lease: Lease, etag: str | None) -> Lease:
        table = await self._tables.table(TABLE)
        row = {
            "PartitionKey": lease.portal_id,
            "RowKey": lease.kind,
            "Owner": lease.owner,
            "RunId": lease.run_id,
            "ExpiresAt": lease.expires_at,
        }
        operation: tuple[Any, ...] = ("create", row)
        if etag is not None:
            operation = ("update", row, {"mode": UpdateMode.REPLACE, **_unchanged(etag)})
        refusal: LedgerError | None = None
        try:
            await self._tables.transact(table, [operation])
        except (Conflict, PreconditionFailed, NotFound, StorageUnavailable) as error:
            refusal = error
        # it may have been stored, though the answer was lost
        written = await self._tables.get(table, lease.portal_id, lease.kind)
        if (
            written is None
            or written["Owner"] != lease.owner
            or (refusal is not None and written["ExpiresAt"] != lease.expires_at)
        ):
            raise (
                refusal if isinstance(refusal, StorageUnavailable) else _lost(lease.portal_id)
            ) from refusal
        return msgspec.structs.replace(lease, etag=written["_etag"])


def _unchanged(etag: str) -> dict[str, Any]:
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}


def _lost(portal_id: PortalId) -> LeaseLost:
    return LeaseLost(
        f"Another worker is at portal {portal_id}.",
        remedy="Wait for it to end; the monitor shows its run.",
    )
