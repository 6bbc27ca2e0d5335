"""The app's own packages: enough to run what is deployed, and listed in full."""

import json
import re
import shutil
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.security.answers import ROOT, RUNTIME, TOOLS, needs_runtime, needs_scanners

pytestmark = pytest.mark.timeout(600)


def deployed(target: Path) -> list[str]:
    """Copies what .funcignore leaves over to `target`; returns the modules in it."""
    patterns = [p.removeprefix("/") for p in (ROOT / ".funcignore").read_text().split()]
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    modules = []
    for name in listed:
        if any(fnmatch(Path(name).parts[0], pattern) for pattern in patterns):
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target / name)
        if name.endswith(".py"):
            modules.append(name.removesuffix(".py").replace("/", "."))
    return modules


@needs_runtime
def test_what_is_deployed_runs_on_the_packages_of_requirements_txt(tmp_path: Path) -> None:
    modules = deployed(tmp_path)
    assert "function_app" in modules
    program = (
        "import importlib\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "import function_app\n"
        "print(len(function_app.app.get_functions()))\n"
    )
    done = subprocess.run(
        [RUNTIME, "-W", "ignore", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20


@needs_runtime
@needs_scanners
def test_the_bill_of_materials_lists_every_package_of_the_app(tmp_path: Path) -> None:
    target = tmp_path / "sbom.cdx.json"
    subprocess.run(
        [
            TOOLS / "cyclonedx-py",
            *("environment", "--pyproject", str(ROOT / "pyproject.toml")),
            *("--output-format", "JSON", "--output-file", str(target)),
            RUNTIME,
        ],
        check=True,
        capture_output=True,
        timeout=500,
    )
    bill = json.loads(target.read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "ledger365"
    listed = {(c["name"].lower().replace("_", "-"), c["version"]) for c in bill["components"]}
    pinned = "".join((ROOT / f"{name}.txt").read_text() for name in ("requirements", "constraints"))
    pins = re.findall(r"^([\w.-]+)==(\S+)$", pinned, re.MULTILINE)
    # what packages need in turn is listed, and pinned, too
    assert {(name.lower(), version) for name, version in pins} == listed
    assert all(component.get("purl") for component in bill["components"])
    assert not {"pytest", "ruff", "pip", "checkov"} & {name for name, _ in listed}
