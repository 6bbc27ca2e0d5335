"""The part of the demo about money: contracts, usage, and the saving that they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

# What Contoso pays; Copilot comes with no price, and the store's licenses are nobody's business.
CONTRACTS: dict[str, dict[str, Any]] = {
    "SPE_E3": {"amount": "37500.00", "currency": "EUR", "frequency": "monthly"},
    "POWER_BI_PRO": {"amount": "31200", "currency": "EUR", "frequency": "yearly"},
    "VISIOCLIENT": {"amount": "75600", "currency": "USD", "frequency": "three_yearly"},
    "WINDOWS_STORE": {"managed": False},
}
EFFECTIVE = "2026-01-01"


def contract_of(part_number: str) -> dict[str, Any] | None:
    """The body that enters the contract of a license, None for one without."""
    contract = CONTRACTS.get(part_number)
    if contract is None or not contract.get("managed", True):
        return contract
    return {**contract, "effectiveDate": EFFECTIVE}


def wrong_waste(spends: Sequence[Row], truth: Row) -> list[str]:
    """Where waste differs from what the simulator knows of its tenant."""
    blocked: dict[str, int] = {}
    for user in truth["users"].values():
        for sku_id in user["seats"]:
            blocked[sku_id] = blocked.get(sku_id, 0) + (not user["enabled"])
    wrong = []
    for spend in spends:
        waste, sku_id = spend["waste"], spend["skuId"]
        if waste is None:
            continue
        spare = max(0, truth["entitled"][sku_id] - truth["consumed"][sku_id])
        paid = truth["entitled"][sku_id] - spare
        expected = {"neverAssigned": spare, "blocked": min(paid, blocked.get(sku_id, 0))}
        wrong += [
            f"{spend['skuPartNumber']}: {waste[cause]['seats']} seats {cause}, in truth {number}."
            for cause, number in expected.items()
            if waste[cause]["seats"] != number
        ]
    return wrong
