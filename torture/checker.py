"""Compares every table with what the simulated tenants are, sharing no code with the app.

The layout of rows is that of docs/architecture.md, read here a second time:
blocks are zlib over msgpack, the index of a license is 16 bytes an ID.
"""

from __future__ import annotations

import json
import uuid
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from torture.figures import consolidated, figures_of, prices_of
from torture.reclaimed import reclamations_of
from torture.scene import SECRET, Promises, Subject
from torture.tables import Tables, joined

# Positions in a stored contact, assignment and path.
_USER, _UPN, _ENABLED, _ASSIGNMENTS, _ERASED = 0, 1, 4, 14, 15
_SKU, _PATHS = 0, 2


def differences(
    tables: Tables,
    subjects: list[Subject],
    truths: Mapping[str, Any],
    promises: Promises,
) -> list[str]:
    """Everything that is not as it should be, a line each; `truths` are by portal ID."""
    found = [*_runs(tables, promises), *_nothing_passing(tables), *_secrets(tables)]
    portals = {r["RowKey"] for r in tables.of("Portals", "portal") if "TenantId" in r}
    known = {subject.portal_id for subject in subjects}
    if not known <= portals:
        found.append(f"portals are missing: {sorted(known - portals)}")
    for subject in subjects:
        truth = truths[subject.portal_id]
        erased = promises.erased.get(subject.portal_id, {})
        found += [
            f"{subject.name}: {line}"
            for line in (
                *_contacts(tables, subject.portal_id, truth, erased),
                *_licenses(tables, subject.portal_id, truth),
                *_groups(tables, subject.portal_id, truth),
                *_products(tables, subject.portal_id, promises),
                *_positions(tables, subject.portal_id, truth),
                *figures_of(tables, subject.portal_id, truth, erased),
                *prices_of(tables, subject.portal_id, promises),
                *reclamations_of(tables, subject.portal_id, truth, erased),
            )
        ]
    found += consolidated(tables, [truths[subject.portal_id] for subject in subjects])
    return found


def _contacts(
    tables: Tables, portal_id: str, truth: Any, erased: Mapping[str, str]
) -> Iterator[str]:
    states = {row["RowKey"]: row for row in tables.of("SyncState", portal_id)}
    layout = json.loads(joined("Data", states["layout"]))
    prefix = f"{portal_id}|{layout['generation']:06x}-{layout['block_bits']:02x}|"
    for table in ("Contacts", "Consumers"):
        strangers = [
            row
            for row in tables.under(table, f"{portal_id}|")
            if not row["PartitionKey"].startswith(prefix)
        ]
        if strangers:
            yield f"{len(strangers)} rows of {table} belong to no layout"
    contacts: dict[str, list[Any]] = {}
    for row in tables.under("Contacts", prefix):
        for contact in msgspec.msgpack.decode(zlib.decompress(joined("Data", row))):
            if contact[_USER] in contacts:
                yield f"contact {contact[_USER]} is there twice"
            contacts[contact[_USER]] = contact
    if any(name.startswith("overlay-") for name in states):
        yield "changes still lie over the blocks after a full import"
    named = {user_id for user_id, contact in contacts.items() if not _is_erased(contact)}
    nameless = len(contacts) - len(named)
    users = truth["users"]
    still_erased = [user_id for user_id in erased if user_id in users]
    if named != users.keys() - erased.keys():
        missing, extra = users.keys() - erased.keys() - named, named - users.keys()
        back = named & erased.keys()
        yield f"{len(missing)} contacts are missing, {len(extra)} too many, {len(back)} came back"
    if nameless != len(still_erased):
        yield f"{nameless} contacts are nameless instead of {len(still_erased)}"
    for user_id in sorted(named & users.keys()):
        contact, user = contacts[user_id], users[user_id]
        if (contact[_ENABLED], contact[_UPN]) != (user["enabled"], user["upn"]):
            yield f"contact {user_id} is not as the tenant has it"
        paths = {(a[_SKU], p[0]) for a in contact[_ASSIGNMENTS] for p in a[_PATHS]}
        if paths != {(sku_id, group) for sku_id, group, _, _ in user["paths"]}:
            yield f"contact {user_id} has other assignments than in the tenant"
    yield from _index(tables, prefix, contacts)


def _is_erased(contact: list[Any]) -> bool:
    return len(contact) > _ERASED and bool(contact[_ERASED])


def _index(tables: Tables, prefix: str, contacts: Mapping[str, list[Any]]) -> Iterator[str]:
    """The index of consumers says the same as the contacts."""
    holders: Counter[tuple[str, str]] = Counter(
        (assignment[_SKU], user_id)
        for user_id, contact in contacts.items()
        for assignment in contact[_ASSIGNMENTS]
    )
    indexed: Counter[tuple[str, str]] = Counter()
    for row in tables.under("Consumers", prefix):
        packed = joined("Ids", row)
        if len(joined("Flags", row)) * 16 != len(packed):
            yield f"the index of {row['RowKey']} has flags for others than its IDs"
        for at in range(0, len(packed), 16):
            indexed[row["RowKey"], str(uuid.UUID(bytes=packed[at : at + 16]))] += 1
    if indexed != holders:
        yield f"{(indexed - holders).total()} consumers are too many, " + (
            f"{(holders - indexed).total()} missing"
        )


def _licenses(tables: Tables, portal_id: str, truth: Any) -> Iterator[str]:
    units = {
        row["RowKey"]: row["EnabledUnits"] + row["WarningUnits"]
        for row in tables.of("Licenses", portal_id)
        if row.get("RemovedAt") is None
    }
    if units != truth["entitled"]:
        yield f"licenses entitle to {units} instead of {truth['entitled']}"


def _groups(tables: Tables, portal_id: str, truth: Any) -> Iterator[str]:
    groups = {row["DisplayName"]: row["RowKey"] for row in tables.of("Groups", portal_id)}
    if groups != truth["groups"]:
        yield f"groups are {groups} instead of {truth['groups']}"


def _products(tables: Tables, portal_id: str, promises: Promises) -> Iterator[str]:
    products = {row["RowKey"]: row for row in tables.of("Products", portal_id)}
    if products.keys() != {row["RowKey"] for row in tables.of("Licenses", portal_id)}:
        yield "products are not those of the licenses"
    for (portal, sku_id), wish in promises.directories.items():
        if portal != portal_id or wish.confirmed is None or sku_id not in products:
            continue
        directory = products[sku_id]["Directory"]
        if not wish.allows(directory):
            yield f"product {sku_id} is in {directory}, and was moved to {wish.confirmed}"


def _positions(tables: Tables, portal_id: str, truth: Any) -> Iterator[str]:
    positions = {row["RowKey"]: row for row in tables.of("Compliance", portal_id)}
    consumed = {sku_id: row["Consumed"] for sku_id, row in positions.items()}
    entitled = {sku_id: row["Entitled"] for sku_id, row in positions.items()}
    if consumed != truth["consumed"]:
        yield f"consumed are {consumed} instead of {truth['consumed']}"
    if entitled != truth["entitled"]:
        yield f"entitled are {entitled} instead of {truth['entitled']}"
    for sku_id, row in positions.items():
        if row["Available"] != row["Entitled"] - row["Consumed"]:
            yield f"position {sku_id} does not add up"
        history = tables.of("ComplianceHistory", f"{portal_id}|{sku_id}")
        newest = min(history, key=lambda day: str(day["RowKey"]), default=None)
        if newest is None or newest["Consumed"] != row["Consumed"]:
            yield f"the history of {sku_id} does not end with its position"


def _runs(tables: Tables, promises: Promises) -> Iterator[str]:
    runs = {row["RowKey"].split("-", 1)[1]: row for row in tables.rows.get("Runs", ())}
    lost = promises.runs - runs.keys()
    if lost:
        yield f"{len(lost)} runs that were promised are not there"
    open_ = [
        run_id
        for run_id, row in runs.items()
        if row["State"] in ("Queued", "Running") and not row.get("ChildCount")
    ]
    promised = promises.runs.intersection(open_)
    if promised:
        yield f"{len(promised)} runs that were promised have no end"
    if len(open_) > len(promised):
        yield f"{len(open_) - len(promised)} runs that nobody was promised have no end"
    silent = [r for r, row in runs.items() if row["State"] == "Failed" and "ErrorJson0" not in row]
    if silent:
        yield f"{len(silent)} runs failed without saying why"


def _nothing_passing(tables: Tables) -> Iterator[str]:
    if tables.rows.get("Staging"):
        yield f"{len(tables.rows['Staging'])} staged chunks were left"
    for row in tables.rows.get("SyncState", ()):
        if row["RowKey"] in ("checkpoint", "lease"):
            yield f"a {row['RowKey']} was left"


def _secrets(tables: Tables) -> Iterator[str]:
    for table, rows in tables.rows.items():
        if any(SECRET in str(value) for row in rows for value in row.values()):
            yield f"a secret stands in {table}"
