"""An entry of Microsoft's list of product names and service plan identifiers."""

from __future__ import annotations

import msgspec

from identifiers import ServicePlanId, SkuId


class CatalogueServicePlan(msgspec.Struct, frozen=True):
    """A service plan as the list names it."""

    service_plan_id: ServicePlanId
    name: str
    friendly_name: str


class CatalogueEntry(msgspec.Struct, frozen=True):
    """One SKU of the list."""

    sku_id: SkuId
    part_number: str
    title: str
    service_plans: tuple[CatalogueServicePlan, ...] = ()
