"""Compares usage, spend, contracts and the consolidated inventory with the tenants."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from torture.scene import Promises
from torture.tables import Tables, joined, nested, packed

# Of the others, more than one report tells.
_SERVICES = ("onedrive", "sharepoint", "skype_for_business", "yammer", "teams")
# Positions in a stored usage and finding.
_USER, _LAST_ACTIVITY = 0, 1
_SKU, _CAUSE = 1, 3


def figures_of(
    tables: Tables, portal_id: str, truth: Any, erased: Mapping[str, str]
) -> Iterator[str]:
    """What is wrong with the usage and spend of a portal."""
    yield from _usage(tables, portal_id, truth["users"], erased)
    blocked = Counter(
        sku_id
        for user in truth["users"].values()
        if not user["enabled"]
        for sku_id in user["seats"]
    )
    rows = {row["RowKey"]: row for row in tables.of("Spend", portal_id)}
    for sku_id, entitled in truth["entitled"].items():
        row = rows.get(sku_id)
        if row is None:
            yield f"license {sku_id} has no spend"
            continue
        told = (row["Entitled"], row["Consumed"], nested("Seats", row)["blocked"])
        if told != (entitled, truth["consumed"][sku_id], blocked[sku_id]):
            yield f"the spend of {sku_id} rests on {told} entitled, consumed and blocked"
    states = {row["RowKey"]: row for row in tables.of("SyncState", portal_id)}
    generation = json.loads(joined("Data", states["spend"]))["generation"]
    listed = Counter(
        finding[_SKU]
        for finding in packed(tables.of("SpendFindings", f"{portal_id}|{generation}|waste"))
        if finding[_CAUSE] == "blocked"
    )
    if listed != blocked:
        yield f"{listed.total()} wasted seats of the blocked are listed of {blocked.total()}"


def _usage(
    tables: Tables, portal_id: str, users: Mapping[str, Any], erased: Mapping[str, str]
) -> Iterator[str]:
    states = {row["RowKey"]: row for row in tables.of("SyncState", portal_id)}
    layout = json.loads(joined("Data", states["usage"]))["layout"]
    prefix = f"{portal_id}|{layout['generation']:06x}-{layout['block_bits']:02x}|"
    known = {record[_USER]: record for record in packed(tables.under("Usage", prefix))}
    strangers = known.keys() - (users.keys() - erased.keys())
    if strangers:
        yield f"usage of {len(strangers)} persons is kept whom nobody knows"
    wrong = 0
    for user_id in users.keys() - erased.keys():
        told = known[user_id][_LAST_ACTIVITY] if user_id in known else {}
        services = users[user_id]["services"]
        wrong += any(told.get(name) != services.get(name) for name in _SERVICES)
    if wrong:
        yield f"the usage of {wrong} contacts is not what the reports tell"


def prices_of(tables: Tables, portal_id: str, promises: Promises) -> Iterator[str]:
    """Contracts that are not as they were last confirmed."""
    rows = {row["RowKey"]: row for row in tables.of("Contracts", portal_id)}
    for (portal, sku_id), wish in promises.amounts.items():
        if portal != portal_id or wish.confirmed is None:
            continue
        price = nested("Price", rows[sku_id]) if sku_id in rows else None
        amount = f"{Decimal(price['amount']):.2f}" if price else None
        if not wish.allows(amount):
            yield f"the price of {sku_id} is {amount}, and {wish.confirmed} was confirmed"


def consolidated(tables: Tables, truths: list[Any]) -> Iterator[str]:
    """What is wrong with the position over all tenants."""
    entitled: Counter[str] = Counter()
    consumed: Counter[str] = Counter()
    for truth in truths:
        entitled.update(truth["entitled"])
        consumed.update(truth["consumed"])
    expected = {sku_id: (entitled[sku_id], consumed[sku_id]) for sku_id in entitled}
    generations: dict[str, dict[str, tuple[int, int]]] = {}
    for row in tables.under("Consolidated", "default|"):
        _, generation, name = row["PartitionKey"].split("|")
        if name == "licenses":
            units = (row["Entitled"], row["Consumed"])
            generations.setdefault(generation, {})[row["RowKey"]] = units
    newest = generations[max(generations)] if generations else None
    if newest != expected:
        yield f"consolidated are {newest} instead of {expected}"
