"""The checker of the torture finds nothing where all is well, and whatever is not."""

from __future__ import annotations

import copy
import json
import uuid
import zlib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from torture.checker import differences
from torture.scene import SECRET, Promises, Subject, Wish
from torture.tables import Tables

PORTAL, SKU, RUN, RECLAMATION = (str(uuid.UUID(int=n)) for n in (1, 2, 3, 4))
GENERATION = "00000000000001"
ADA, BOB, CARLA = (str(uuid.UUID(int=n << 96)) for n in (5, 6, 7))
KEY = f"{PORTAL}|000001-00|00"
SUBJECT = Subject("tenant", "client", PORTAL, "Contoso")
TRUTH = {
    "entitled": {SKU: 5},
    "consumed": {SKU: 2},
    "groups": {"Sales": "group"},
    "users": {
        ADA: {
            "upn": "ada@x",
            "enabled": True,
            "paths": [[SKU, None, "Active", None]],
            "seats": [SKU],
            "services": {"exchange": "2026-01-02", "teams": "2026-01-03"},
        },
        BOB: {
            "upn": "bob@x",
            "enabled": False,
            "paths": [[SKU, "group", "Active", None]],
            "seats": [SKU],
            "services": {},
        },
        CARLA: {"upn": "carla@x", "enabled": True, "paths": [], "seats": [], "services": {}},
    },
    "assigned": [[ADA, SKU, True], [ADA, SKU, False], [BOB, SKU, True]],
    "drifted": [],
}


def contact(user_id: str, name: str, enabled: bool, *assignments: Any, erased: bool = False) -> Any:
    """A contact as a block holds it."""
    return [user_id, name, None, "member", enabled, *[None] * 9, list(assignments), erased]


def usage(user_id: str) -> Any:
    """A record of a usage block."""
    return [user_id, {"exchange": "2025-12-31", "teams": "2026-01-03"}]


def state(name: str, value: Any) -> dict[str, Any]:
    """A row of the portal's state."""
    return {"PartitionKey": PORTAL, "RowKey": name, "Data0": json.dumps(value).encode()}


def item(key: str, user_id: str, **columns: Any) -> dict[str, Any]:
    """An item or audit entry of the reclamation."""
    row = {"PartitionKey": RECLAMATION, "RowKey": key, "UserId": user_id, "SkuId": SKU}
    return {**row, **columns}


def packed(*records: Any) -> bytes:
    """A block's content."""
    return zlib.compress(msgspec.msgpack.encode(records))


def good() -> tuple[dict[str, list[dict[str, Any]]], Promises]:
    """Tables that are as they should be. Carla is erased, and stands under another ID."""
    stand_in = str(uuid.UUID(int=9 << 96))
    block = packed(
        contact(ADA, "ada@x", True, [SKU, True, [[None, "Active"]]]),
        contact(BOB, "bob@x", False, [SKU, True, [["group", "Active"]]]),
        contact(stand_in, "", True, erased=True),
    )
    layout = {"generation": 1, "block_bits": 0, "partition_bits": 0}
    ids = uuid.UUID(ADA).bytes + uuid.UUID(BOB).bytes
    rows: dict[str, list[dict[str, Any]]] = {
        "Portals": [{"PartitionKey": "portal", "RowKey": PORTAL, "TenantId": "t"}],
        "SyncState": [
            state("layout", layout),
            state("usage", {"layout": layout}),
            state("spend", {"generation": GENERATION}),
        ],
        "Contacts": [{"PartitionKey": KEY, "RowKey": "000000", "Data0": block}],
        "Consumers": [{"PartitionKey": KEY, "RowKey": SKU, "Ids0": ids, "Flags0": b"ab"}],
        "Licenses": [{"PartitionKey": PORTAL, "RowKey": SKU, "EnabledUnits": 4, "WarningUnits": 1}],
        "Groups": [{"PartitionKey": PORTAL, "RowKey": "group", "DisplayName": "Sales"}],
        "Products": [{"PartitionKey": PORTAL, "RowKey": SKU, "Directory": "Here"}],
        "Compliance": [
            {"PartitionKey": PORTAL, "RowKey": SKU, "Entitled": 5, "Consumed": 2, "Available": 3}
        ],
        "ComplianceHistory": [
            {"PartitionKey": f"{PORTAL}|{SKU}", "RowKey": "1", "Consumed": 2},
            {"PartitionKey": f"{PORTAL}|{SKU}", "RowKey": "2", "Consumed": 7},
        ],
        "Usage": [{"PartitionKey": KEY, "RowKey": "000000", "Data0": packed(usage(ADA))}],
        "Spend": [
            {
                "PartitionKey": PORTAL,
                "RowKey": SKU,
                "Entitled": 5,
                "Consumed": 2,
                "SeatsJson0": '{"blocked": 1}',
            }
        ],
        "SpendFindings": [
            {
                "PartitionKey": f"{PORTAL}|{GENERATION}|waste",
                "RowKey": BOB,
                "Data0": packed([BOB, SKU, "group", "blocked", None]),
            }
        ],
        "Contracts": [{"PartitionKey": PORTAL, "RowKey": SKU, "PriceJson0": '{"amount": "7.5"}'}],
        "Consolidated": [
            {
                "PartitionKey": f"default|{GENERATION}|licenses",
                "RowKey": SKU,
                "Entitled": 5,
                "Consumed": 2,
            }
        ],
        "Reclamations": [
            {
                "PartitionKey": "reclamation",
                "RowKey": "1",
                "ReclamationId": RECLAMATION,
                "PortalId": PORTAL,
                "State": "executed",
            }
        ],
        "ReclamationItems": [
            item("i|1", BOB, State="reclaimed"),
            item("i|2", ADA, State="restored"),
            item("a|1", BOB, Action="removing"),
            item("a|2", BOB, Action="removed"),
            item("a|3", ADA, Action="removing"),
            item("a|4", ADA, Action="removed"),
            item("a|5", ADA, Action="restoring"),
            item("a|6", ADA, Action="restored"),
        ],
        "Runs": [{"PartitionKey": "202611", "RowKey": f"123-{RUN}", "State": "Succeeded"}],
        "Staging": [],
    }
    promises = Promises(
        runs={RUN},
        directories={(PORTAL, SKU): Wish("Here", ["There"])},
        amounts={(PORTAL, SKU): Wish("7.50")},
        erased={PORTAL: {CARLA: "carla@x"}},
    )
    return rows, promises


def found(rows: Any, promises: Promises) -> list[str]:
    """The differences."""
    return differences(Tables(rows), [SUBJECT], {PORTAL: TRUTH}, promises)


def block_of(*contacts: Any) -> Callable[[Any], None]:
    """Puts other contacts into the block."""

    def change(rows: Any) -> None:
        rows["Contacts"][0]["Data0"] = packed(*contacts)

    return change


def setting(table: str, column: str, value: Any, row: int = 0) -> Callable[[Any], None]:
    """Sets a column of a table's row, the first one unless said otherwise."""

    def change(rows: Any) -> None:
        rows[table][row][column] = value

    return change


def adding(table: str, **row: Any) -> Callable[[Any], None]:
    """Adds a row to a table."""

    def change(rows: Any) -> None:
        rows[table].append(row)

    return change


WRONG: list[tuple[str, Callable[[Any], None]]] = [
    ("portals are missing", lambda rows: rows["Portals"].clear()),
    ("contacts are missing", block_of(contact(ADA, "ada@x", True, [SKU, True, []]))),
    ("is not as the tenant has it", block_of(contact(ADA, "eve@x", True, [SKU, True, []]))),
    ("has other assignments", block_of(contact(ADA, "ada@x", True))),
    ("1 came back", block_of(contact(CARLA, "carla@x", True))),
    ("nameless instead of 1", block_of(contact(ADA, "ada@x", True))),
    (
        "is there twice",
        block_of(contact(ADA, "ada@x", True), contact(ADA, "ada@x", True)),
    ),
    ("consumers are too many", setting("Consumers", "Ids0", uuid.UUID(CARLA).bytes * 2)),
    ("has flags for others", setting("Consumers", "Flags0", b"a")),
    ("rows of Contacts belong to no layout", adding("Contacts", PartitionKey=f"{PORTAL}|0|")),
    ("licenses entitle to", setting("Licenses", "EnabledUnits", 9)),
    ("groups are", setting("Groups", "DisplayName", "Purchasing")),
    ("products are not those", lambda rows: rows["Products"].clear()),
    ("was moved to Here", setting("Products", "Directory", "Elsewhere")),
    ("consumed are", setting("Compliance", "Consumed", 3)),
    ("entitled are", setting("Compliance", "Entitled", 6)),
    ("does not add up", setting("Compliance", "Available", 4)),
    ("does not end with its position", setting("ComplianceHistory", "Consumed", 1)),
    ("promised are not there", lambda rows: rows["Runs"].clear()),
    ("promised have no end", setting("Runs", "State", "Running")),
    ("without saying why", setting("Runs", "State", "Failed")),
    (
        "nobody was promised have no end",
        adding("Runs", PartitionKey="m", RowKey="1-x", State="Queued"),
    ),
    ("staged chunks", adding("Staging", PartitionKey=PORTAL, RowKey="00")),
    ("a lease was left", adding("SyncState", PartitionKey=PORTAL, RowKey="lease")),
    ("changes still lie over", adding("SyncState", PartitionKey=PORTAL, RowKey="overlay-1")),
    ("1 persons is kept whom nobody", setting("Usage", "Data0", packed(usage(CARLA)))),
    ("usage of 1 contacts is not", setting("Usage", "Data0", packed([ADA, {}]))),
    ("has no spend", lambda rows: rows["Spend"].clear()),
    ("entitled, consumed and blocked", setting("Spend", "SeatsJson0", '{"blocked": 2}')),
    ("0 wasted seats of the blocked are listed of 1", lambda r: r["SpendFindings"].clear()),
    ("price of", setting("Contracts", "PriceJson0", '{"amount": "8"}')),
    ("consolidated are", setting("Consolidated", "Consumed", 3)),
    ("was left executing", setting("Reclamations", "State", "executing")),
    ("is still planned", setting("ReclamationItems", "State", "planned")),
    (
        "counts as reclaimed without an audit entry",
        setting("ReclamationItems", "Action", "not_removed", row=3),
    ),
    ("was taken without a word", lambda rows: rows["ReclamationItems"].pop(2)),
    ("was given back without a word", lambda rows: rows["ReclamationItems"].pop(6)),
    (
        "was removed 2 times by the audit, and 1",
        lambda rows: rows["ReclamationItems"].append(item("a|9", BOB, Action="removed")),
    ),
    ("a secret stands in Portals", setting("Portals", "Description", f"it is {SECRET}")),
]


def test_nothing_is_found_where_all_is_well():
    rows, promises = good()
    assert found(rows, promises) == []
    # what was asked for and not confirmed may have happened
    rows["Products"][0]["Directory"] = "There"
    assert found(rows, promises) == []


@pytest.mark.parametrize(("line", "change"), WRONG, ids=[line for line, _ in WRONG])
def test_a_difference_is_found(line: str, change: Callable[[Any], None]):
    rows, promises = good()
    damaged = copy.deepcopy(rows)
    change(damaged)
    assert any(line in difference for difference in found(damaged, promises))
