"""What may import what."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PURE = [
    "compliance/consumers.py",
    "compliance/model.py",
    "compliance/position.py",
    "compliance/reclamation.py",
    "compliance/remedies.py",
    "compliance/tally.py",
    "compliance/term.py",
    "consolidation/matching.py",
    "consolidation/model.py",
    "consolidation/positions.py",
    "consolidation/progress.py",
    "imports/model.py",
    "imports/reconcile.py",
    "catalogue/parse.py",
    "portals/model.py",
    "reclamation/model.py",
    "spend/annual.py",
    "spend/chargeback.py",
    "spend/currencies.py",
    "spend/duplicates.py",
    "spend/figures.py",
    "spend/forecast.py",
    "spend/joined.py",
    "spend/model.py",
    "spend/plans.py",
    "spend/renewals.py",
    "spend/rightsizing.py",
    "spend/shares.py",
    "spend/tally.py",
    "spend/waste.py",
    "storage/blocks.py",
    "exports/columns.py",
    "exports/formulas.py",
    "exports/odata.py",
    "webhooks/address.py",
    "webhooks/changes.py",
    "webhooks/model.py",
    "webhooks/payload.py",
    "usage/activity.py",
    "usage/cut.py",
    "usage/families.py",
    "usage/hybrid.py",
    "usage/merge.py",
    "usage/model.py",
    "usage/services.py",
    "usage/tally.py",
]
IMPURE = {"azure", "msgraph", "os", "time", "asyncio", "httpx", "logging", "composition"}
OWNERS = {
    "msgraph": {"graph"},
    "azure.data.tables": {"storage"},
    "azure.storage.queue": {"storage"},
    "azure.keyvault": {"portals"},
}


def imported(path: Path) -> set[str]:
    """The modules that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("module", PURE)
def test_the_core_knows_no_service_and_no_clock(module):
    roots = {name.split(".")[0] for name in imported(ROOT / module)}
    assert roots & IMPURE == set()


@pytest.mark.parametrize("package", sorted(OWNERS))
def test_an_sdk_is_imported_by_its_edge_alone(package):
    users = {
        path.relative_to(ROOT).parts[0]
        for path in ROOT.glob("*/*.py")
        if path.relative_to(ROOT).parts[0]
        not in ("tests", "devhost", "simulator", "bench", "torture")
        if any(name == package or name.startswith(package + ".") for name in imported(path))
    }
    assert users <= OWNERS[package]


def test_the_simulator_shares_nothing_with_the_app():
    ours = {path.name for path in ROOT.iterdir() if path.is_dir()} | {
        path.stem for path in ROOT.glob("*.py")
    }
    for path in (ROOT / "simulator").glob("*.py"):
        roots = {name.split(".")[0] for name in imported(path)}
        assert roots & ours <= {"simulator"}, path


def test_indexing_the_functions_loads_no_cloud_sdk():
    program = (
        "import sys, function_app\n"
        "heavy = ('msgraph', 'kiota_http', 'httpx', 'aiohttp', 'cryptography', 'msal',"
        " 'azure.identity', 'azure.keyvault', 'azure.data', 'azure.storage', 'opentelemetry',"
        " 'azure.monitor')\n"
        "print([m for m in sys.modules if m.startswith(heavy)])"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_contracts_take_guids_in_the_one_form_that_addresses_take():
    contracts = [path for path in ROOT.glob("*/*contract.py") if path.parent.name != "web"]
    assert contracts
    assert [path for path in contracts if "uuid" in imported(path)] == []
