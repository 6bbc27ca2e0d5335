"""Sign-ins that have begun and not come back yet, one a portal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azure.core import MatchConditions

from errors import NotFound, PreconditionFailed
from identifiers import PortalId
from portals.model import Authorization
from storage.rows import record_of, row_of

if TYPE_CHECKING:
    from storage.tables import Tables

TABLE = "Authorizations"
_PARTITION = "authorization"


class AuthorizationStore:
    """Sign-ins under way; RowKey is the portal ID, so that a new one replaces the last."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def begin(self, authorization: Authorization) -> None:
        """Stores a sign-in that begins, in place of the portal's last one."""
        table = await self._tables.table(TABLE)
        row = row_of(authorization, _PARTITION, authorization.portal_id)
        await self._tables.submit(table, [("upsert", row)])

    async def get(self, portal_id: PortalId) -> Authorization | None:
        """The portal's sign-in under way, None if there is none."""
        table = await self._tables.table(TABLE)
        row = await self._tables.get(table, _PARTITION, portal_id)
        return record_of(row, Authorization, etag=row["_etag"]) if row is not None else None

    async def consume(self, authorization: Authorization) -> bool:
        """Deletes a sign-in; False if somebody else used or replaced it since it was read."""
        table = await self._tables.table(TABLE)
        row = {"PartitionKey": _PARTITION, "RowKey": authorization.portal_id}
        condition = {
            "etag": authorization.etag,
            "match_condition": MatchConditions.IfNotModified,
        }
        try:
            await self._tables.transact(table, [("delete", row, condition)], thing="the sign-in")
        except (NotFound, PreconditionFailed):
            return False
        return True
