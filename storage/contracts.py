"""What admins entered for licenses: price, term, and whether they are managed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure.core import MatchConditions
from azure.data.tables import UpdateMode

from errors import Conflict, NotFound, PreconditionFailed, StorageUnavailable
from identifiers import PortalId, SkuId
from spend.model import LicenseContract
from storage.errors import stale
from storage.rows import record_of, row_of

if TYPE_CHECKING:
    from storage.tables import Row, Tables

TABLE = "Contracts"
ContractsOfPortal = dict[SkuId, LicenseContract]


class ContractStore:
    """Contracts; PartitionKey is the portal ID, RowKey the SKU ID."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def get(self, portal_id: PortalId, sku_id: SkuId) -> LicenseContract | None:
        """The contract of one license, None if none was entered."""
        row = await self._row(portal_id, sku_id)
        return record_of(row, LicenseContract) if row is not None else None

    async def _row(self, portal_id: PortalId, sku_id: SkuId) -> Row | None:
        return await self._tables.get(await self._tables.table(TABLE), portal_id, sku_id)

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

    async def create(self, contract: LicenseContract) -> None:
        """Writes the first contract of a license. Raises PreconditionFailed if there is one."""
        row = row_of(contract, contract.portal_id, contract.sku_id)
        await self._conditionally(("create", row), contract.portal_id, contract.sku_id, contract)

    async def replace(self, contract: LicenseContract, *, etag: str) -> None:
        """Writes the contract in the place of the one that has `etag`.

        Raises PreconditionFailed if that is not the current one.
        """
        row = row_of(contract, contract.portal_id, contract.sku_id)
        known = await self._unchanged(contract.portal_id, contract.sku_id, etag)
        operation = ("update", row, {"mode": UpdateMode.REPLACE, **known})
        await self._conditionally(operation, contract.portal_id, contract.sku_id, contract)

    async def delete_unchanged(self, portal_id: PortalId, sku_id: SkuId, *, etag: str) -> None:
        """Deletes the contract that has `etag`. Raises PreconditionFailed if it is not current."""
        known = await self._unchanged(portal_id, sku_id, etag)
        operation = ("delete", {"PartitionKey": portal_id, "RowKey": sku_id}, known)
        await self._conditionally(operation, portal_id, sku_id, None)

    async def _unchanged(self, portal_id: PortalId, sku_id: SkuId, etag: str) -> dict[str, Any]:
        row = await self._row(portal_id, sku_id)
        if row is None or record_of(row, LicenseContract).etag != etag:
            raise stale("the contract")
        return {"etag": row["_etag"], "match_condition": MatchConditions.IfNotModified}

    async def _conditionally(
        self,
        operation: tuple[Any, ...],
        portal_id: PortalId,
        sku_id: SkuId,
        wanted: LicenseContract | None,
    ) -> None:
        """One operation, after which the contract is `wanted`, even if the answer got lost."""
        table = await self._tables.table(TABLE)
        try:
            await self._tables.transact(table, [operation], thing="the contract")
        except (Conflict, NotFound, PreconditionFailed) as error:
            raise stale("the contract") from error
        except StorageUnavailable:
            if await self.get(portal_id, sku_id) != wanted:
                raise

    async def delete(self, portal_id: PortalId, sku_id: SkuId) -> None:
        """Deletes a contract; succeeds on the absent."""
        table = await self._tables.table(TABLE)
        await self._tables.submit(
            table, [("delete", {"PartitionKey": portal_id, "RowKey": sku_id})]
        )

    async def delete_portal(self, portal_id: PortalId) -> None:
        """Deletes the contracts of a portal."""
        await self._tables.delete_partitions(TABLE, portal_id, None)
