"""Which persons a portal's imports must leave nameless; their IDs are stored as keyed hashes."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from errors import Conflict
from identifiers import PortalId, UserId
from imports.erasure import Erasures

if TYPE_CHECKING:
    from storage.tables import Tables

TABLE = "Erasures"
_SALT = "salt"
_SALT_BYTES = 32
_PERSON = "person:"


class ErasureStore:
    """Erasures by portal: a salt, and a row per erased person."""

    def __init__(self, tables: Tables, *, pseudonymous: bool = False) -> None:
        self._tables = tables
        self._pseudonymous = pseudonymous

    async def of(self, portal_id: PortalId) -> Erasures:
        """Who is erased in the portal."""
        table = await self._tables.table(TABLE)
        salt = b""
        stand_ins: set[UserId] = set()
        async for row in self._tables.query(
            table, "PartitionKey eq @portal", {"portal": portal_id}
        ):
            if row["RowKey"] == _SALT:
                salt = row["Salt"]
            else:
                stand_ins.add(UserId(str(row["RowKey"]).removeprefix(_PERSON)))
        return Erasures(salt, frozenset(stand_ins), self._pseudonymous)

    async def add(self, portal_id: PortalId, user_id: UserId) -> Erasures:
        """Erases a person from now on; returns who is erased then."""
        await self._ensure_salt(portal_id)
        table = await self._tables.table(TABLE)
        stand_in = (await self.of(portal_id)).stand_in(user_id)
        row = {"PartitionKey": portal_id, "RowKey": f"{_PERSON}{stand_in}"}
        await self._tables.submit(table, [("upsert", row)])
        return await self.of(portal_id)

    async def lift(self, portal_id: PortalId, user_id: UserId) -> bool:
        """Lets imports name the person again; returns whether they were erased."""
        erasures = await self.of(portal_id)
        stand_in = erasures.shown_id(user_id)
        if stand_in == user_id:
            return False
        table = await self._tables.table(TABLE)
        row = {"PartitionKey": portal_id, "RowKey": f"{_PERSON}{stand_in}"}
        await self._tables.submit(table, [("delete", row)])
        return True

    async def delete_portal(self, portal_id: PortalId) -> None:
        """Deletes the portal's erasures, which nothing is left of."""
        await self._tables.delete_partitions(TABLE, portal_id, None)

    async def _ensure_salt(self, portal_id: PortalId) -> None:
        if (await self.of(portal_id)).salt:
            return
        table = await self._tables.table(TABLE)
        row = {
            "PartitionKey": portal_id,
            "RowKey": _SALT,
            "Salt": secrets.token_bytes(_SALT_BYTES),
        }
        try:
            await self._tables.transact(table, [("create", row)])
        except Conflict:
            # somebody else was faster; theirs is the salt
            return
