"""checkov finds nothing in the template that infra/checkov.toml does not answer."""

import json
import os
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.infra.bicep import INFRA, MODULES, ROOT

CHECKOV = ROOT / ".tools/checkov/bin/checkov"

pytestmark = [
    pytest.mark.skipif(
        not CHECKOV.exists() and not os.environ.get("CI"),
        reason="checkov is not installed; `make scan` does it",
    ),
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def report() -> dict[str, dict[str, list[dict[str, object]]]]:
    """What checkov says; it looks nothing up in the network."""
    done = subprocess.run(
        [
            CHECKOV,
            *("--directory", str(INFRA), "--framework", "bicep"),
            *("--skip-download", "--compact", "--output", "json"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
        env={**os.environ, "LOG_LEVEL": "ERROR"},
    )
    assert "Failed to run check" not in done.stderr, done.stderr
    found: dict[str, dict[str, list[dict[str, object]]]] = json.loads(done.stdout)
    return found


def findings(report: dict[str, dict[str, list[dict[str, object]]]]) -> set[tuple[str, str]]:
    """Check and resource of everything that failed."""
    return {
        (str(failed["check_id"]), str(failed["resource"]).rsplit(".", 1)[1])
        for failed in report["results"]["failed_checks"]
    }


def answers() -> dict[tuple[str, str], str]:
    """The written answer to each finding."""
    listed = tomllib.loads((INFRA / "checkov.toml").read_text())["answer"]
    return {
        (answer["check"], resource): answer["reason"].strip()
        for answer in listed
        for resource in answer["resources"]
    }


def test_every_finding_is_answered_in_writing(report) -> None:
    assert findings(report) - set(answers()) == set()
    assert all(len(reason) > 20 for reason in answers().values())


def test_no_answer_outlives_its_finding(report) -> None:
    assert set(answers()) - findings(report) == set()


def test_checkov_read_every_module(report) -> None:
    assert report["summary"]["parsing_errors"] == 0
    passed = report["results"]["passed_checks"] + report["results"]["failed_checks"]
    seen = {Path(str(check["file_path"])).name for check in passed}
    assert {"storage.bicep", "key-vault.bicep", "function-app.bicep"} <= seen
    assert seen <= {module.name for module in MODULES}
