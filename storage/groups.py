"""Groups that assign licenses, by portal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from identifiers import GroupId, PortalId
from imports.model import Group
from storage.rows import record_of, row_of

if TYPE_CHECKING:
    from storage.tables import Tables

TABLE = "Groups"


class GroupStore:
    """Groups; PartitionKey is the portal ID, RowKey the group ID."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def list_groups(self, portal_id: PortalId) -> dict[GroupId, Group]:
        """The portal's groups by ID."""
        table = await self._tables.table(TABLE)
        rows = self._tables.query(table, "PartitionKey eq @portal", {"portal": portal_id})
        groups = [record_of(row, Group) async for row in rows]
        return {group.group_id: group for group in groups}

    async def upsert_groups(self, portal_id: PortalId, groups: Sequence[Group]) -> None:
        """Writes the groups, replacing what is there."""
        table = await self._tables.table(TABLE)
        await self._tables.submit(
            table, [("upsert", row_of(group, portal_id, group.group_id)) for group in groups]
        )

    async def delete_groups(self, portal_id: PortalId, group_ids: Sequence[GroupId]) -> None:
        """Deletes the groups; succeeds on the absent."""
        table = await self._tables.table(TABLE)
        await self._tables.submit(
            table,
            [("delete", {"PartitionKey": portal_id, "RowKey": group_id}) for group_id in group_ids],
        )

    async def delete_portal(self, portal_id: PortalId) -> None:
        """Deletes all groups of the portal."""
        await self.delete_groups(portal_id, list(await self.list_groups(portal_id)))
