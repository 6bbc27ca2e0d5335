"""One position per SKU and product over all portals."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from compliance.model import Position
from compliance.position import position
from consolidation.positions import (
    consolidated_licenses,
    consolidated_products,
    folded_title,
    of_each_tenant,
)
from identifiers import PortalId, TenantId
from imports.model import Product
from tests.builders import (
    NOW,
    OTHER_SKU,
    SKU,
    make_circumstances,
    make_counts,
    make_license,
)

ONE, TWO, COPY = (PortalId(name) for name in ("one", "two", "one-again"))
TENANTS = {ONE: TenantId("t1"), TWO: TenantId("t2"), COPY: TenantId("t1")}


def of(portal_id: PortalId, consumed: int = 4, **changes: Any) -> Position:
    circumstances = {
        name: changes.pop(name)
        for name in ("imported_at", "managed", "excluded")
        if name in changes
    }
    license_ = make_license(portal_id=portal_id, **changes)
    return position(license_, make_counts(consumed), make_circumstances(**circumstances), None)


def test_units_of_all_portals_are_added_and_shortfalls_do_not_cancel_spare_ones():
    chosen = of_each_tenant([of(ONE, 4), of(TWO, 13)], TENANTS)
    (license_,) = consolidated_licenses(chosen, {SKU: 15})
    assert (license_.entitled, license_.consumed, license_.available) == (20, 17, 3)
    assert (license_.shortfall, license_.spare, license_.persons) == (3, 6, 15)
    assert license_.portal_ids == (ONE, TWO)
    assert license_.statuses == {"over_licensed": 1, "under_licensed": 1}


def test_a_tenant_that_two_portals_connect_counts_once_by_the_later_import():
    late = of(COPY, 5, imported_at=NOW + timedelta(hours=1))
    (chosen,) = of_each_tenant([of(ONE, 4), late], TENANTS)
    assert (chosen.portal_id, chosen.consumed) == (COPY, 5)


def test_a_position_that_counts_speaks_before_a_later_one_that_does_not():
    excluded = of(COPY, imported_at=NOW + timedelta(hours=1), excluded=True)
    (chosen,) = of_each_tenant([excluded, of(ONE)], TENANTS)
    assert chosen.portal_id == ONE


def test_unmanaged_licenses_are_left_out_and_others_that_do_not_count_show_their_status():
    chosen = of_each_tenant([of(ONE, managed=False), of(TWO, excluded=True)], TENANTS)
    (license_,) = consolidated_licenses(chosen, {})
    assert (license_.entitled, license_.consumed) == (0, 0)
    assert license_.statuses == {"cannot_be_synchronized": 1}


def test_licenses_of_one_title_are_one_product():
    same = of(TWO, 2, sku_id=OTHER_SKU, title="microsoft  365 E3 ")
    chosen = of_each_tenant([of(ONE, 4), same], TENANTS)
    licenses = consolidated_licenses(chosen, {SKU: 4, OTHER_SKU: 2})
    products = [
        Product(ONE, SKU, "One Microsoft 365 E3", "Software/Office", True, NOW),
        Product(TWO, OTHER_SKU, "Two Microsoft 365 E3", "Microsoft 365/Two", False, NOW),
    ]
    title = folded_title("Microsoft 365 E3")
    (product,) = consolidated_products(licenses, products, {title: 5})
    assert (product.title, product.persons) == ("Microsoft 365 E3", 5)
    assert (product.entitled, product.consumed, product.available) == (20, 6, 14)
    assert product.sku_ids == (SKU, OTHER_SKU)
    assert product.directories == ("Microsoft 365/Two", "Software/Office")
    assert msgspec.structs.asdict(product)["portal_ids"] == (ONE, TWO)
