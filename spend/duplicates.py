"""Which of a contact's licenses another one makes superfluous: pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from compliance.consumers import consumes
from identifiers import SkuId
from imports.model import Contact
from spend.annual import Money
from spend.plans import PlanBook


def keep_order(sku_ids: Iterable[SkuId], unit_costs: Mapping[SkuId, Money]) -> dict[SkuId, int]:
    """The rank of each license by what it costs to keep; the lower is kept rather.

    Costs of one currency are compared; licenses without a known cost come
    last. Between currencies, and at equal cost, an arbitrary but steady order
    decides: that of the currency code, then of the SKU ID.
    """

    def key(sku_id: SkuId) -> tuple[bool, str, object, SkuId]:
        cost = unit_costs.get(sku_id)
        if cost is None:
            return (True, "", 0, sku_id)
        return (False, cost.currency, cost.amount, sku_id)

    return {sku_id: rank for rank, sku_id in enumerate(sorted(sku_ids, key=key))}


def duplicates(
    contact: Contact,
    book: PlanBook,
    order: Mapping[SkuId, int],
    managed: Collection[SkuId] | None = None,
) -> dict[SkuId, SkuId]:
    """For each superfluous license of the contact, the one that covers it and is kept.

    A license is superfluous when all plans that it has enabled are enabled
    through another license of the contact too; of equal ones, the first in
    `order` is kept. Only assignments that use a seat count, and only licenses
    in `managed`, if given. Licenses without any known plan are left alone.
    """
    if len(contact.assignments) < 2:
        return {}
    held = {
        assignment.sku_id: book.enabled(assignment)
        for assignment in contact.assignments
        if (managed is None or assignment.sku_id in managed)
        and book.of_license(assignment.sku_id)
        and consumes(assignment)
    }
    return superfluous(held, order)


def superfluous(held: Mapping[SkuId, int], order: Mapping[SkuId, int]) -> dict[SkuId, SkuId]:
    """The same for sets of plans; `order` ranks every license in `held`."""
    if len(held) < 2:
        return {}
    found: dict[SkuId, SkuId] = {}
    # the largest sets first, equal ones by rank: what covers a license has come before it
    ordered = sorted(held, key=lambda sku_id: (-held[sku_id].bit_count(), order[sku_id], sku_id))
    kept: list[SkuId] = []
    for sku_id in ordered:
        covering = [k for k in kept if held[sku_id] & ~held[k] == 0]
        if covering:
            found[sku_id] = min(covering, key=lambda k: (order[k], k))
        else:
            kept.append(sku_id)
    return found
