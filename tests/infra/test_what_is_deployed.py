"""What azd uploads is the app whole, and nothing else."""

import ast
import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.infra.bicep import ROOT

READ_BY_THE_HOST = {"function_app.py", "host.json", "requirements.txt", "constraints.txt"}


def top_level() -> set[str]:
    """The first path segments of everything in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return {Path(name).parts[0] for name in listed}


def ignored(name: str) -> bool:
    """Whether .funcignore leaves that name out."""
    return any(fnmatch(name, pattern.removeprefix("/")) for pattern in patterns())


def patterns() -> list[str]:
    """What .funcignore has; a leading slash means this folder, and none means any."""
    return (ROOT / ".funcignore").read_text().split()


def imported_by_the_app() -> set[str]:
    """First path segments of all modules that function_app.py comes to import."""
    seen: set[str] = set()
    waiting = ["function_app"]
    while waiting:
        name = waiting.pop()
        path = ROOT / (name.replace(".", "/") + ".py")
        if name in seen or not path.is_file():
            continue
        seen.add(name)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                waiting += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                waiting.append(node.module)
                waiting += [f"{node.module}.{alias.name}" for alias in node.names]
    return {name.split(".")[0] if "." in name else f"{name}.py" for name in seen}


def test_everything_that_the_app_imports_is_deployed() -> None:
    kept = {name for name in top_level() if not ignored(name)}
    assert (imported_by_the_app() | READ_BY_THE_HOST) - kept == set()


def test_nothing_is_deployed_but_code_and_what_the_host_reads() -> None:
    """No tests, simulators, tools, documents, local settings or development requirements."""
    for name in {name for name in top_level() if not ignored(name)} - READ_BY_THE_HOST:
        assert name not in {"bench", "devhost", "docs", "infra", "simulator", "tests", "torture"}
        assert name.endswith(".py") or any((ROOT / name).glob("*.py")), name


@pytest.mark.parametrize(
    "name",
    [
        *("ledger.jsonl", "portal.json", "sbom.cdx.json", "local.settings.json", "contacts.csv"),
        *("app.key", "app.crt", "app.pem", "app.pfx", ".env", "Ledger365_env", "contacts.xlsx"),
    ],
)
def test_what_the_documented_commands_leave_is_neither_deployed_nor_committed(name: str) -> None:
    """A backup or a credential in this folder must not travel with the code."""
    assert ignored(name)
    kept = subprocess.run(["git", "check-ignore", "--quiet", name], cwd=ROOT, check=False)
    assert kept.returncode == 0, name


def test_nothing_deployed_is_left_out_by_a_pattern_for_another_folder() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    anywhere = [pattern for pattern in patterns() if not pattern.startswith("/")]
    for name in listed:
        first, *inner = Path(name).parts
        if not ignored(first):
            assert not [part for part in inner if any(fnmatch(part, p) for p in anywhere)], name


def test_the_packages_that_are_installed_in_azure_are_pinned() -> None:
    first, *pins = (ROOT / "requirements.txt").read_text().splitlines()
    assert first == "-c constraints.txt"
    heading, *more = (ROOT / "constraints.txt").read_text().splitlines()
    assert heading.startswith("#")
    for line in pins + more:
        assert re.fullmatch(r"[\w.-]+==[\w.]+", line), line
    names = [line.partition("==")[0] for line in pins + more]
    assert len(set(names)) == len(names)
