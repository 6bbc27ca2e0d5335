"""One position per SKU and per product over all portals of a repository: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from compliance.model import Position, Status
from consolidation.model import ConsolidatedLicense, ConsolidatedProduct
from identifiers import PortalId, SkuId, TenantId
from imports.model import Product

# In these states a position's numbers are not those of the tenant.
_NOT_COUNTED = frozenset({"cannot_be_synchronized", "not_calculable"})
_NEVER = datetime.min.replace(tzinfo=UTC)


def is_counted(position: Position) -> bool:
    """Whether the position's units count."""
    return position.managed and position.status not in _NOT_COUNTED


def folded_title(title: str) -> str:
    """What products of one title have in common."""
    return " ".join(title.split()).casefold()


def of_each_tenant(
    positions: Iterable[Position], tenants: Mapping[PortalId, TenantId]
) -> list[Position]:
    """The managed positions, each tenant's SKU once.

    Of several portals that connect a tenant, the one imported last speaks for
    a SKU, and one that counts before one that does not.
    """
    best: dict[tuple[TenantId, SkuId], Position] = {}

    def rank(position: Position) -> tuple[bool, datetime, PortalId]:
        return (is_counted(position), position.imported_at or _NEVER, position.portal_id)

    for position in positions:
        if not position.managed:
            continue
        key = (tenants[position.portal_id], position.sku_id)
        known = best.get(key)
        if known is None or rank(position) > rank(known):
            best[key] = position
    return sorted(best.values(), key=lambda p: (p.sku_id, p.portal_id))


def consolidated_licenses(
    positions: Sequence[Position], persons: Mapping[SkuId, int]
) -> list[ConsolidatedLicense]:
    """The positions of each SKU together; each tenant's SKU must come once."""
    by_sku: dict[SkuId, list[Position]] = {}
    for position in positions:
        by_sku.setdefault(position.sku_id, []).append(position)
    found = []
    for sku_id, same in sorted(by_sku.items()):
        counted = [position for position in same if is_counted(position)]
        statuses: Counter[Status] = Counter(position.status for position in same)
        found.append(
            ConsolidatedLicense(
                sku_id=sku_id,
                title=same[0].title,
                sku_part_number=same[0].sku_part_number,
                portal_ids=tuple(position.portal_id for position in same),
                entitled=sum(position.entitled for position in counted),
                consumed=sum(position.consumed for position in counted),
                available=sum(position.available for position in counted),
                shortfall=sum(max(0, -position.available) for position in counted),
                spare=sum(max(0, position.available) for position in counted),
                persons=persons.get(sku_id, 0),
                statuses=dict(statuses),
            )
        )
    return found


def consolidated_products(
    licenses: Sequence[ConsolidatedLicense],
    products: Iterable[Product],
    persons: Mapping[str, int],
) -> list[ConsolidatedProduct]:
    """The licenses of each title together, with the directories their products are filed in.

    `persons` are holders by folded title, each person once.
    """
    directories: dict[SkuId, set[str]] = {}
    for product in products:
        directories.setdefault(product.sku_id, set()).add(product.directory)
    by_title: dict[str, list[ConsolidatedLicense]] = {}
    for license_ in licenses:
        by_title.setdefault(folded_title(license_.title), []).append(license_)
    return [
        ConsolidatedProduct(
            title=same[0].title,
            sku_ids=tuple(license_.sku_id for license_ in same),
            portal_ids=tuple(sorted({p for license_ in same for p in license_.portal_ids})),
            directories=tuple(
                sorted({d for item in same for d in directories.get(item.sku_id, ())})
            ),
            entitled=sum(license_.entitled for license_ in same),
            consumed=sum(license_.consumed for license_ in same),
            available=sum(license_.available for license_ in same),
            persons=persons.get(title, 0),
        )
        for title, same in sorted(by_title.items())
    ]
