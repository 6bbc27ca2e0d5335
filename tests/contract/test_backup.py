"""What was exported is what is restored, to the last bit; nothing but a whole backup is."""

from __future__ import annotations

import dataclasses
import importlib
import os
import re
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from azure.data.tables import EdmType, EntityProperty

import composition
import imports.service
from compliance.messages import RecalculationMessage
from compliance.service import recalculate
from composition import Ledger
from devhost.stack import Stack
from errors import Conflict, InvalidInput, Misconfigured
from identifiers import ClientId, PortalId, TenantId
from imports.messages import ImportMessage
from portals.certificates import ClientSecretMaterial
from settings import Settings
from simulator.control import Control
from storage.backup import PASSING, TABLES, export_tables, read_backup, restore_tables
from storage.compliance import PositionStore
from storage.consumers import ConsumerStore
from storage.contacts import ContactStore
from storage.erasures import ErasureStore
from storage.groups import GroupStore
from storage.licenses import LicenseStore
from storage.portals import PortalStore
from storage.runs import RunStore
from storage.schema import SCHEMA_VERSION, STEPS, Step, schema_version, upgrade
from storage.staging import StagingStore
from storage.sync_state import SyncStateStore
from storage.tables import Row, Tables
from storage.usage import UsageStore
from tests.builders import NOW, make_portal, make_run, new_portal_id

ROOT = Path(__file__).parents[2]
OLD = ROOT / "tests/data/ledger-schema-1.jsonl"
OLD_TENANT = "5f2f2f0c-6a0d-4c57-9d0e-3f6f3e3e7a01"
SECRET = "Q~backup-secret-0123456789"


@pytest.fixture
async def ledger(settings: Settings, tables: Tables) -> AsyncIterator[Ledger]:
    """A ledger on tables of this test's own."""
    opened = composition.build(settings)
    sync_state = SyncStateStore(tables)
    contacts = ContactStore(tables, sync_state)
    erasures = ErasureStore(tables)
    yield dataclasses.replace(
        opened,
        portals=PortalStore(tables),
        licenses=LicenseStore(tables),
        groups=GroupStore(tables),
        contacts=contacts,
        consumers=ConsumerStore(tables, contacts),
        positions=PositionStore(tables),
        runs=RunStore(tables),
        sync_state=sync_state,
        staging=StagingStore(tables),
        usage=UsageStore(tables, sync_state, erasures),
        erasures=erasures,
    )
    await opened.close()


async def filled(ledger: Ledger, cloud: Control, users: int = 300) -> PortalId:
    """A portal that was imported and recalculated."""
    tenant_id = cloud.create_tenant(users=users, seed=8, blocked=0.1)
    client_id = str(uuid.uuid4())
    cloud.register(tenant_id, client_id, secret=SECRET)
    portal = make_portal(
        tenant_id=TenantId(tenant_id), client_id=ClientId(client_id), cloud="Simulated"
    )
    credential = await ledger.credentials.store(portal.portal_id, ClientSecretMaterial(SECRET))
    await ledger.portals.create(msgspec.structs.replace(portal, credential=credential))
    await worked(ledger, portal.portal_id)
    return portal.portal_id


async def worked(ledger: Ledger, portal_id: PortalId) -> None:
    """Imports and recalculates the portal."""
    run = make_run(ledger.clock(), portal_id=portal_id)
    await ledger.runs.create(run)
    message = ImportMessage(portal_id, run.run_id)
    await imports.service.import_portal(ledger, message, worker="test")
    assert (await ledger.runs.get(run.run_id)).state == "Succeeded"
    again = make_run(ledger.clock(), portal_id=portal_id, task="recalculation")
    await ledger.runs.create(again)
    await recalculate(ledger, RecalculationMessage(portal_id, again.run_id))
    assert (await ledger.runs.get(again.run_id)).state == "Succeeded"


async def lose_everything(tables: Tables) -> None:
    """Deletes every row of every table."""
    for name in [*TABLES, *PASSING]:
        await tables.delete_partitions(name, "", None)


def body(path: Path) -> bytes:
    """The file without its header, which has the time."""
    return path.read_bytes().partition(b"\n")[2]


async def test_a_ledger_that_lost_everything_is_restored_to_the_same(
    ledger: Ledger, tables: Tables, cloud: Control, tmp_path: Path
):
    portal_id = await filled(ledger, cloud)
    counts = await ledger.consumers.counts(portal_id)
    positions = await ledger.positions.list(portal_id)
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    rows = await export_tables(tables, first, datetime.now(UTC))
    assert rows > 20
    assert first.stat().st_mode & 0o077 == 0
    assert SECRET.encode() not in first.read_bytes()
    await lose_everything(tables)
    assert not await ledger.portals.list()
    assert await restore_tables(tables, first) == rows
    assert await export_tables(tables, second, datetime.now(UTC)) == rows
    assert body(second) == body(first)
    assert await ledger.consumers.counts(portal_id) == counts
    assert await ledger.positions.list(portal_id) == positions
    # and work goes on: the unchanged tenant is unchanged
    await worked(ledger, portal_id)
    page = await ledger.runs.list_page(
        now=ledger.clock(), top=1, continuation=None, task="import", portal_id=portal_id
    )
    assert page.items[0].counts["rows_written"] == 0


async def test_every_type_of_value_survives(tables: Tables, tmp_path: Path):
    row: Row = {
        "PartitionKey": "a %7C 'b' ü",
        "RowKey": "🦊",
        "Text": "line\nbreak \u2028 \x7f 🦊",
        "Empty": "",
        "Flag": False,
        "Small": -(2**31) + 1,
        "Large": EntityProperty(2**53 + 1, EdmType.INT64),
        "LargeTyped": EntityProperty(5, EdmType.INT64),
        "Share": 0.1 + 0.2,
        "At": datetime(2026, 2, 28, 23, 59, 59, 123456, UTC),
        "Bytes": bytes(range(256)),
    }
    table = await tables.table("Runs")
    await tables.submit(table, [("upsert", row)])
    before = await table.get_entity(row["PartitionKey"], row["RowKey"])
    file = tmp_path / "types.jsonl"
    await export_tables(tables, file, NOW)
    await lose_everything(tables)
    await restore_tables(tables, file)
    after = await table.get_entity(row["PartitionKey"], row["RowKey"])
    assert dict(after) == dict(before)
    assert {k: type(v) for k, v in after.items()} == {k: type(v) for k, v in before.items()}


async def test_nothing_is_overwritten_unless_that_is_said(tables: Tables, tmp_path: Path):
    portals = PortalStore(tables)
    await portals.create(make_portal(name="Before"))
    file = tmp_path / "one.jsonl"
    await export_tables(tables, file, NOW)
    later = await portals.create(make_portal(name="Later"))
    with pytest.raises(Conflict, match="Portals is not empty"):
        await restore_tables(tables, file)
    assert later.portal_id in {p.portal_id for p in await portals.list()}
    await restore_tables(tables, file, replace=True)
    assert [p.name for p in await portals.list()] == ["Before"]


async def test_a_file_that_is_not_whole_changes_nothing(tables: Tables, tmp_path: Path):
    portals = PortalStore(tables)
    await portals.create(make_portal())
    file = tmp_path / "whole.jsonl"
    await export_tables(tables, file, NOW)
    lines = file.read_text().splitlines(keepends=True)
    damaged = {
        "its end is missing": lines[:-1],
        "rows instead of": [lines[0], *lines[2:]],
        "goes on after": [*lines, lines[1]],
        "line 2 cannot be read": [lines[0], "{}\n", *lines[2:]],
        "does not begin": lines[1:],
        "newer release": [re.sub(r'(version":)\d+', r"\g<1>999", lines[0]), *lines[1:]],
        "does not know": [lines[0], lines[1].replace('"Portals"', '"Porters"'), *lines[2:]],
    }
    for why, content in damaged.items():
        broken = tmp_path / "broken.jsonl"
        broken.write_text("".join(content))
        with pytest.raises(InvalidInput, match=f"(?i){why}"):
            await restore_tables(tables, broken, replace=True)
    assert len(await portals.list()) == 1
    assert sum(1 for _ in read_backup(file)) == len(lines) - 2


@pytest.mark.parametrize("kind", ["lease", "usage-lease"])
async def test_work_under_way_is_not_exported_half(kind: str, tables: Tables, tmp_path: Path):
    state = SyncStateStore(tables)
    portal_id = new_portal_id()
    lease = await state.acquire_lease(
        portal_id, owner="worker", run_id=make_run().run_id, now=NOW, seconds=60, kind=kind
    )
    file = tmp_path / "busy.jsonl"
    with pytest.raises(Conflict, match="were imported"):
        await export_tables(tables, file, NOW)
    assert os.listdir(tmp_path) == []
    # a lease that has expired is nobody's; it is not worth keeping either
    await export_tables(tables, file, NOW + timedelta(minutes=2))
    assert kind not in {line.row for line in read_backup(file)}
    await state.release_lease(lease)


def test_every_table_is_exported_or_known_to_pass():
    named = set()
    for path in (ROOT / "storage").glob("*.py"):
        module = importlib.import_module(f"storage.{path.stem}")
        named |= {
            value
            for name, value in vars(module).items()
            if name.isupper() and isinstance(value, str) and re.fullmatch("[A-Z][A-Za-z]+", value)
        }
    assert len(named) > 15
    assert named <= {*TABLES, *PASSING}


def test_the_command_exports_and_restores(tmp_path: Path):
    file = tmp_path / "by-hand.jsonl"
    with Stack(tmp_path / "stack", simulator=False, devhost=False) as storage:

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(  # noqa: S603 - our own program
                [sys.executable, "-m", "storage.backup", *arguments],
                cwd=ROOT,
                env={**os.environ, **storage.environment()},
                capture_output=True,
                text=True,
                check=False,
            )

        restored = run("restore", str(OLD))
        assert (
            restored.stdout
            == f"{len(OLD.read_text().splitlines()) - 2} rows restored from {OLD}.\n"
        )
        exported = run("export", str(file))
        assert (exported.returncode, exported.stderr) == (0, "")
        assert body(file) == body(OLD)
        refused = run("restore", str(file))
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "--replace" in refused.stderr
        assert "Traceback" not in refused.stderr
        assert run("restore", str(file), "--replace").returncode == 0
        missing = run("restore", str(tmp_path / "missing.jsonl"))
        assert (missing.returncode, "Traceback" in missing.stderr) == (1, False)


async def test_tables_of_an_older_release_are_upgraded_and_serve(
    ledger: Ledger, tables: Tables, cloud: Control
):
    await restore_tables(tables, OLD)
    (portal,) = await ledger.portals.list()
    # an import that an older release had handed over
    state, staging = await tables.table("SyncState"), await tables.table("Staging")
    checkpoint = {"PartitionKey": portal.portal_id, "RowKey": "checkpoint", "Data0": b"{}"}
    chunk: Row = {"PartitionKey": portal.portal_id, "RowKey": "00-000000-ab", "Data0": b"x"}
    await tables.submit(state, [("upsert", checkpoint)])
    await tables.submit(staging, [("upsert", chunk)])
    assert await schema_version(tables) == 1
    assert await upgrade(tables) == 1
    assert await schema_version(tables) == SCHEMA_VERSION
    assert await upgrade(tables) == SCHEMA_VERSION
    assert await ledger.sync_state.read(portal.portal_id, "checkpoint") is None
    assert await tables.get(staging, portal.portal_id, chunk["RowKey"]) is None

    contacts = [c async for block in ledger.contacts.blocks(portal.portal_id) for c in block]
    assert len(contacts) == 14
    assert not any(contact.erased for contact in contacts)
    positions = {p.sku_part_number: p for p in await ledger.positions.list(portal.portal_id)}
    assert {k: (p.entitled, p.consumed) for k, p in positions.items()} == {
        "SPE_E3": (9, 12),
        "POWER_BI_PRO": (20, 11),
        "VISIOCLIENT": (14, 7),
    }
    page = await ledger.runs.list_page(
        now=datetime(2026, 11, 30, tzinfo=UTC), top=10, continuation=None
    )
    assert {run.state for run in page.items} == {"Succeeded"}
    assert {run.requested_by for run in page.items} == {None}
    products = {p.name: p for p in await ledger.licenses.list_products(portal.portal_id)}
    moved = [p.directory for p in products.values() if p.moved]
    assert moved == ["Software/Office"]

    # the next import finds the same tenant, and nothing to change but how rows are written
    cloud.create_tenant(
        tenant_id=OLD_TENANT, seed=21, users=14, licenses_per_user=2, guests=0.1, blocked=0.1,
        errors=0.1,
        skus=[
            {"part_number": "SPE_E3", "enabled": 9},
            {"part_number": "POWER_BI_PRO", "enabled": 20},
            {"part_number": "VISIOCLIENT", "enabled": 14},
        ],
        groups=[{"name": "Sales", "skus": ["VISIOCLIENT"], "share": 0.4}],
    )  # fmt: skip
    cloud.register(OLD_TENANT, portal.client_id, secret=SECRET)
    credential = await ledger.credentials.store(portal.portal_id, ClientSecretMaterial(SECRET))
    await ledger.portals.update(msgspec.structs.replace(portal, credential=credential), etag=None)
    await worked(ledger, portal.portal_id)
    truth = cloud.truth(OLD_TENANT, users=True)
    after = [c async for block in ledger.contacts.blocks(portal.portal_id) for c in block]
    assert {c.user_id for c in after} == truth["users"].keys()
    assert {p.sku_id: p.consumed for p in await ledger.positions.list(portal.portal_id)} == truth[
        "consumed"
    ]


async def test_an_empty_account_has_this_releases_version(tables: Tables):
    assert await upgrade(tables) == SCHEMA_VERSION
    assert await schema_version(tables) == SCHEMA_VERSION


async def test_a_step_that_broke_off_is_repeated_and_none_is_skipped(tables: Tables):
    done: list[int] = []
    fails = [3]

    def step(version: int) -> Step:
        async def apply(tables: Tables) -> None:
            if fails and fails[0] == version:
                fails.clear()
                raise ConnectionError
            done.append(version)

        return Step(version, f"Step {version}", apply)

    await PortalStore(tables).create(make_portal())
    steps = (step(2), step(3), step(4))
    with pytest.raises(ConnectionError):
        await upgrade(tables, steps)
    assert await schema_version(tables) == 1
    await upgrade(tables, steps)
    assert done == [2, 2, 3, 4]
    await upgrade(tables, (*steps, step(5)))
    assert done == [2, 2, 3, 4, 5]
    assert [s.version for s in STEPS] == list(range(2, SCHEMA_VERSION + 1))


async def test_a_newer_releases_tables_are_left_alone(tables: Tables):
    table = await tables.table("Schema")
    await tables.submit(
        table, [("upsert", {"PartitionKey": "schema", "RowKey": "version", "Version": 999})]
    )
    with pytest.raises(Misconfigured, match="version 999"):
        await upgrade(tables)
    assert await schema_version(tables) == 999
