"""Reads Microsoft's list of product names and service plan identifiers: pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from catalogue.model import CatalogueEntry, CatalogueServicePlan
from errors import InvalidInput
from identifiers import ServicePlanId, SkuId, canonical_guid

_TITLE = "product_display_name"
_PART_NUMBER = "string_id"
_SKU = "guid"
_PLAN_NAME = "service_plan_name"
_PLAN = "service_plan_id"
_PLAN_TITLE = "service_plans_included_friendly_names"
_REQUIRED = (_TITLE, _PART_NUMBER, _SKU)


def parse_catalogue(content: bytes) -> list[CatalogueEntry]:
    """The SKUs of the CSV file, by SKU ID.

    The list has a row per SKU and service plan, and some dirt: GUIDs in mixed
    case and with blanks, repeated rows, several names for one SKU. Of several
    names the first that is not marked as retired is taken. Rows without a
    usable GUID are passed over.

    Raises InvalidInput (field `catalogue`) if it is not that list at all, or empty.
    Source: https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference
    """
    try:
        entries = _entries(csv.reader(io.StringIO(_decoded(content), newline="")))
    except csv.Error as error:
        raise _not_the_list("is not readable as CSV") from error
    if not entries:
        raise _not_the_list("has no SKU")
    return entries


def _entries(rows: Iterator[list[str]]) -> list[CatalogueEntry]:
    header = [_normalized(name) for name in next(rows, [])]
    missing = [name for name in _REQUIRED if name not in header]
    if missing:
        raise _not_the_list(f"lacks the columns {', '.join(missing)}")
    names: dict[SkuId, tuple[str, str]] = {}
    plans: dict[SkuId, dict[str, CatalogueServicePlan]] = {}
    for values in rows:
        row = dict(zip(header, (value.strip() for value in values), strict=False))
        guid = canonical_guid(row.get(_SKU, ""))
        title = row.get(_TITLE, "")
        if guid is None or not title:
            continue
        sku_id = SkuId(guid)
        known = names.get(sku_id)
        if known is None or (_retired(known[1]) and not _retired(title)):
            names[sku_id] = (row.get(_PART_NUMBER, ""), title)
        plan_id = canonical_guid(row.get(_PLAN, ""))
        if plan_id is not None:
            plans.setdefault(sku_id, {}).setdefault(
                plan_id,
                CatalogueServicePlan(
                    ServicePlanId(plan_id), row.get(_PLAN_NAME, ""), row.get(_PLAN_TITLE, "")
                ),
            )
    return [
        CatalogueEntry(
            sku_id,
            part_number,
            title,
            tuple(sorted(plans.get(sku_id, {}).values(), key=lambda plan: plan.service_plan_id)),
        )
        for sku_id, (part_number, title) in sorted(names.items())
    ]


def _not_the_list(fault: str) -> InvalidInput:
    return InvalidInput(
        "catalogue",
        f"The list of products {fault}.",
        remedy="Check CATALOGUE_URL; it must lead to Microsoft's CSV file.",
    )


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # older copies were saved in the Windows code page
        return content.decode("cp1252", errors="replace")


def _normalized(column: str) -> str:
    # older copies call the column "String_ Id"
    return column.strip().lower().replace(" ", "")


def _retired(title: str) -> bool:
    return "retired" in title.lower()
