"""From which SKUs a portal's exclusions are chosen, and whether chosen ones exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from catalogue.service import titles
from errors import InvalidInput
from identifiers import ClientId, PortalId, SkuId, TenantId
from portals.certificates import Material
from portals.entered import PortalInput, read_credential
from portals.model import Portal

if TYPE_CHECKING:
    from composition import Ledger


class AvailableLicense(msgspec.Struct, frozen=True):
    """A SKU that may be excluded; `subscribed` is None where nobody asked the tenant."""

    sku_id: SkuId
    part_number: str
    title: str
    subscribed: bool | None
    excluded: bool


async def available_licenses(
    ledger: Ledger, portal_id: PortalId, *, subscribed: bool, search: str | None
) -> list[AvailableLicense]:
    """The SKUs from which a saved portal's exclusions are chosen. Raises GraphError."""
    portal = await ledger.portals.get(portal_id)
    parts: dict[SkuId, str] | None = None
    if subscribed:
        material = await ledger.credentials.read(portal.credential)
        parts = await _subscribed(
            ledger, portal.cloud, portal.tenant_id, portal.client_id, material
        )
    return await _available(ledger, parts, portal.exclusions, search)


async def available_licenses_of(
    ledger: Ledger, entered: PortalInput, *, subscribed: bool, search: str | None
) -> list[AvailableLicense]:
    """The same for settings that are not saved."""
    parts: dict[SkuId, str] | None = None
    if subscribed:
        material = read_credential(entered.credential, now=ledger.clock())
        parts = await _subscribed(
            ledger, entered.cloud, entered.tenant_id, entered.client_id, material
        )
    return await _available(ledger, parts, entered.exclusions, search)


async def _subscribed(
    ledger: Ledger,
    cloud: str,
    tenant_id: TenantId,
    client_id: ClientId,
    material: Material,
) -> dict[SkuId, str]:
    from graph.subscribed_skus import subscribed_skus

    opened = ledger.graph(ledger.settings.cloud(cloud), tenant_id, client_id, material)
    async with opened as graph:
        return {sku.sku_id: sku.part_number for sku in await subscribed_skus(graph)}


async def _available(
    ledger: Ledger,
    subscribed: dict[SkuId, str] | None,
    excluded: frozenset[SkuId],
    search: str | None,
) -> list[AvailableLicense]:
    known = await titles(ledger)
    parts = subscribed
    if parts is None:
        parts = {sku_id: entry.part_number for sku_id, entry in known.entries.items()}
    # an exclusion must be seen to be lifted, even if the tenant dropped the SKU
    parts = {**dict.fromkeys(excluded, ""), **parts}
    rows = [
        AvailableLicense(
            sku_id,
            part or (known.entries[sku_id].part_number if sku_id in known.entries else ""),
            known.title_of(sku_id, part or sku_id),
            sku_id in subscribed if subscribed is not None else None,
            sku_id in excluded,
        )
        for sku_id, part in parts.items()
    ]
    needle = search.casefold() if search else ""
    return sorted(
        (
            row
            for row in rows
            if needle in row.title.casefold()
            or needle in row.part_number.casefold()
            or needle == row.sku_id
        ),
        key=lambda row: (row.title.casefold(), row.sku_id),
    )


async def check_exclusions(
    ledger: Ledger,
    portal: Portal | None,
    exclusions: frozenset[SkuId],
    kept: frozenset[SkuId],
) -> None:
    """Raises InvalidInput unless Microsoft's list or the tenant knows each SKU but the `kept`."""
    added = exclusions - kept
    if not added:
        return
    known = set((await titles(ledger)).entries)
    if portal is not None:
        known |= {item.sku_id for item in await ledger.licenses.list_licenses(portal.portal_id)}
    unknown = sorted(added - known)
    # a SKU newer than Microsoft's list is known to the tenant alone
    if unknown and portal is not None:
        material = await ledger.credentials.read(portal.credential)
        tenant = await _subscribed(
            ledger, portal.cloud, portal.tenant_id, portal.client_id, material
        )
        unknown = [sku_id for sku_id in unknown if sku_id not in tenant]
    if unknown:
        raise InvalidInput(
            "exclusions",
            f"No such SKU: {', '.join(unknown[:5])}",
            remedy="Choose from the portal's available licenses.",
        )
