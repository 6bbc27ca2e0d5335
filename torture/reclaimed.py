"""Compares reclamations and their audit with what the tenants were asked to take and give back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from torture.tables import Tables

_ENDED = ("ready", "preview_failed", "executed", "stopped", "undone")
Seat = tuple[str, str]


def reclamations_of(
    tables: Tables, portal_id: str, truth: Any, erased: Mapping[str, str]
) -> Iterator[str]:
    """What is wrong with the reclamations of a portal.

    Whoever was erased is left out: their audit names nobody.
    """
    own = {
        row["ReclamationId"]: row
        for row in tables.of("Reclamations", "reclamation")
        if row["PortalId"] == portal_id
    }
    for reclamation_id, row in own.items():
        if row["State"] not in _ENDED:
            yield f"reclamation {reclamation_id} was left {row['State']}"
    asked: Counter[tuple[Seat, str]] = Counter()
    done: Counter[tuple[Seat, str]] = Counter()
    kept: Counter[Seat] = Counter()
    for row in tables.rows.get("ReclamationItems", ()):
        if row["PartitionKey"] not in own or row["UserId"] in erased:
            continue
        seat = (row["UserId"], row["SkuId"])
        if row["RowKey"].startswith("a|"):
            action = row["Action"]
            (asked if action in ("removing", "restoring") else done)[seat, action] += 1
        elif row["State"] in ("planned", "restoring") and (
            own[row["PartitionKey"]]["State"] == "executed"
        ):
            yield f"an item of {row['PartitionKey']} is still {row['State']}"
        elif row["State"] == "reclaimed":
            kept[seat] += 1
    taken = Counter((user, sku) for user, sku, gone in truth["assigned"] if gone)
    given = Counter((user, sku) for user, sku, gone in truth["assigned"] if not gone)
    for what, happened, action in (
        ("taken", taken, "removing"),
        ("given back", given, "restoring"),
    ):
        for seat, times in happened.items():
            if seat[0] not in erased and asked[seat, action] < times:
                yield f"{seat} was {what} without a word in the audit"
    # of what others took or gave meanwhile, nobody can tell whose doing it was
    others = {(user, sku) for user, sku in truth["drifted"]}
    for (seat, action), times in done.items():
        if seat in others or seat[0] not in truth["users"]:
            continue
        in_truth = {"removed": taken, "restored": given}.get(action)
        if in_truth is not None and in_truth[seat] < times:
            yield f"{seat} was {action} {times} times by the audit, and {in_truth[seat]} in truth"
    for seat, times in kept.items():
        if done[seat, "removed"] < times:
            yield f"{seat} counts as reclaimed without an audit entry that says so"
