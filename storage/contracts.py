"""What admins entered for licenses: price, term, and whether they are managed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from identifiers import PortalId, SkuId
from spend.model import LicenseContract
from storage.rows import record_of, row_of

if TYPE_CHECKING:
    from storage.tables import Tables

TABLE = "Contracts"
ContractsOfPortal = dict[SkuId, LicenseContract]


class ContractStore:
    """Contracts; PartitionKey is the portal ID, RowKey the SKU ID."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def get(self, portal_id: PortalId, sku_id: SkuId) -> LicenseContract | None:
        """The contract of one license, None if none was entered."""
        table = await self._tables.table(TABLE)
        row = await self._tables.get(table, portal_id, sku_id)
        return record_of(row, LicenseContract) if row is not None else None

    async def of_portal(self, portal_id: PortalId) -> ContractsOfPortal:
        """The portal's contracts by SKU ID."""
        found = await self._read("PartitionKey eq @portal", {"portal": portal_id})
        return found.get(portal_id, {})

    async def of_all_portals(self) -> dict[PortalId, ContractsOfPortal]:
        """All contracts, by portal and SKU ID."""
        return await self._read("PartitionKey ge @low", {"low": ""})

    async def _read(
        self, query_filter: str, parameters: dict[str, str]
    ) -> dict[PortalId, ContractsOfPortal]:
        table = await self._tables.table(TABLE)
        found: dict[PortalId, ContractsOfPortal] = {}
        async for row in self._tables.query(table, query_filter, parameters):
            contract = record_of(row, LicenseContract)
            found.setdefault(contract.portal_id, {})[contract.sku_id] = contract
        return found

    async def upsert(self, contract: LicenseContract) -> None:
        """Writes the contract, replacing what was entered before."""
        table = await self._tables.table(TABLE)
        row = row_of(contract, contract.portal_id, contract.sku_id)
        await self._tables.submit(table, [("upsert", row)])

    async def delete(self, portal_id: PortalId, sku_id: SkuId) -> None:
        """Deletes a contract; succeeds on the absent."""
        table = await self._tables.table(TABLE)
        await self._tables.submit(
            table, [("delete", {"PartitionKey": portal_id, "RowKey": sku_id})]
        )

    async def delete_portal(self, portal_id: PortalId) -> None:
        """Deletes the contracts of a portal."""
        await self._tables.delete_partitions(TABLE, portal_id, None)
