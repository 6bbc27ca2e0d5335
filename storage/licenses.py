"""Licenses and products: one row each per portal and SKU."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from azure.core import MatchConditions
from azure.data.tables import UpdateMode

from errors import Conflict, NotFound, PreconditionFailed
from identifiers import PortalId, SkuId
from imports.model import License, Product
from storage.errors import stale
from storage.rows import record_of, row_of
from storage.tables import MAX_TRANSACTION_ROWS, Page, Row

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient

    from storage.tables import Tables

LICENSES = "Licenses"
PRODUCTS = "Products"
_CHANGE_TRIES = 5


class LicenseStore:
    """Licenses and their products; PartitionKey is the portal ID, RowKey the SKU ID."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def get_license(self, portal_id: PortalId, sku_id: SkuId) -> License:
        """One license. Raises NotFound."""
        table = await self._tables.table(LICENSES)
        row = await self._tables.get(table, portal_id, sku_id)
        if row is None:
            raise _unknown("license", portal_id, sku_id)
        return record_of(row, License)

    async def list_licenses(self, portal_id: PortalId) -> Sequence[License]:
        """All licenses of a portal, by SKU ID."""
        return [record_of(row, License) for row in await self._rows(LICENSES, portal_id)]

    async def list_licenses_page(
        self, *, portal_id: PortalId | None, top: int, continuation: str | None
    ) -> Page[License]:
        """Licenses of one portal, or of all, a page at a time."""
        page = await self._page(LICENSES, portal_id, None, top, continuation)
        return Page([record_of(row, License) for row in page.items], page.continuation)

    async def upsert_licenses(self, licenses: Sequence[License]) -> None:
        """Writes the licenses, replacing what is there."""
        table = await self._tables.table(LICENSES)
        await self._tables.submit(
            table, [("upsert", row_of(item, item.portal_id, item.sku_id)) for item in licenses]
        )

    async def delete_license(self, portal_id: PortalId, sku_id: SkuId) -> None:
        """Deletes a license; succeeds on the absent."""
        await self._delete(LICENSES, portal_id, sku_id)

    async def get_product(self, portal_id: PortalId, sku_id: SkuId) -> Product:
        """One product. Raises NotFound."""
        return _product(await self._product_row(portal_id, sku_id))

    async def list_products(self, portal_id: PortalId) -> Sequence[Product]:
        """All products of a portal, by SKU ID."""
        return [_product(row) for row in await self._rows(PRODUCTS, portal_id)]

    async def list_products_page(
        self,
        *,
        portal_id: PortalId | None,
        directory: str | None,
        top: int,
        continuation: str | None,
    ) -> Page[Product]:
        """Products of one portal or of all, in one directory or in any."""
        page = await self._page(PRODUCTS, portal_id, directory, top, continuation)
        return Page([_product(row) for row in page.items], page.continuation)

    async def upsert_products(self, products: Sequence[Product]) -> None:
        """Writes the products, new ones and those read before, by their ETags.

        A product that changed since it was read keeps the directory that it
        has now if an admin moved it there.
        """
        table = await self._tables.table(PRODUCTS)
        for start in range(0, len(products), MAX_TRANSACTION_ROWS):
            some = products[start : start + MAX_TRANSACTION_ROWS]
            try:
                await self._tables.transact(table, [_unless_changed(item) for item in some])
            except (Conflict, NotFound, PreconditionFailed):
                for product in some:
                    await self._upsert_product(table, product)

    async def _upsert_product(self, table: TableClient, product: Product) -> None:
        for _ in range(_CHANGE_TRIES):
            row = await self._tables.get(table, product.portal_id, product.sku_id)
            current = msgspec.structs.replace(product, etag=None)
            if row is not None:
                known = _product(row)
                current = msgspec.structs.replace(product, etag=known.etag)
                if known.moved:
                    current = msgspec.structs.replace(
                        current, directory=known.directory, moved=True
                    )
            try:
                return await self._tables.transact(table, [_unless_changed(current)])
            except (Conflict, NotFound, PreconditionFailed):
                continue
        raise stale("the product")

    async def move_product(
        self, portal_id: PortalId, sku_id: SkuId, directory: str, *, etag: str | None
    ) -> Product:
        """Files the product in another directory, where later imports leave it.

        Raises NotFound, and PreconditionFailed if it changed since `etag`, or
        while this ran.
        """
        table = await self._tables.table(PRODUCTS)
        row = await self._product_row(portal_id, sku_id)
        product = _product(row)
        if etag is not None and etag != product.etag:
            raise stale("the product")
        moved = msgspec.structs.replace(product, directory=directory, moved=True)
        await self._tables.transact(table, [_unless_changed(moved)], thing="the product")
        return await self.get_product(portal_id, sku_id)

    async def delete_product(self, portal_id: PortalId, sku_id: SkuId) -> None:
        """Deletes a product; succeeds on the absent."""
        await self._delete(PRODUCTS, portal_id, sku_id)

    async def directories(self) -> dict[str, int]:
        """How many products stand directly in each directory."""
        table = await self._tables.table(PRODUCTS)
        rows = self._tables.query(table, "PartitionKey ge @low", {"low": ""}, select=["Directory"])
        return dict(Counter([str(row["Directory"]) async for row in rows]))

    async def _product_row(self, portal_id: PortalId, sku_id: SkuId) -> Row:
        table = await self._tables.table(PRODUCTS)
        row = await self._tables.get(table, portal_id, sku_id)
        if row is None:
            raise _unknown("product", portal_id, sku_id)
        return row

    async def _rows(self, name: str, portal_id: PortalId) -> Sequence[Row]:
        table = await self._tables.table(name)
        rows = self._tables.query(table, "PartitionKey eq @portal", {"portal": portal_id})
        return [row async for row in rows]

    async def _page(
        self,
        name: str,
        portal_id: PortalId | None,
        directory: str | None,
        top: int,
        continuation: str | None,
    ) -> Page[Row]:
        table = await self._tables.table(name)
        conditions = ["PartitionKey ge @low"]
        parameters = {"low": ""}
        if portal_id is not None:
            conditions = ["PartitionKey eq @portal"]
            parameters = {"portal": str(portal_id)}
        if directory is not None:
            conditions.append("Directory eq @directory")
            parameters["directory"] = directory
        return await self._tables.query_page(
            table, " and ".join(conditions), parameters, top=top, continuation=continuation
        )

    async def _delete(self, name: str, portal_id: PortalId, sku_id: SkuId) -> None:
        table = await self._tables.table(name)
        await self._tables.submit(
            table, [("delete", {"PartitionKey": portal_id, "RowKey": sku_id})]
        )


def _unless_changed(product: Product) -> tuple[Any, ...]:
    """The operation that stores a new product, or one whose row is as it was read."""
    row = row_of(product, product.portal_id, product.sku_id)
    if product.etag is None:
        return ("create", row)
    condition = {
        "mode": UpdateMode.REPLACE,
        "etag": f'W/"{product.etag}"',
        "match_condition": MatchConditions.IfNotModified,
    }
    return ("update", row, condition)


def _product(row: Row) -> Product:
    # the time in Azure's ETags holds characters that need escaping in a header
    etag = str(row["_etag"]).removeprefix("W/").strip('"')
    return record_of(row, Product, etag=etag)


def _unknown(kind: str, portal_id: PortalId, sku_id: SkuId) -> NotFound:
    return NotFound(
        f"Portal {portal_id} has no {kind} with SKU {sku_id}.",
        remedy=f"List the portal's {kind}s for the SKU IDs it has.",
    )
