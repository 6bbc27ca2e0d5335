"""bandit finds nothing that is not answered."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.security.answers import ROOT, TOOLS, Answers, needs_scanners

pytestmark = [needs_scanners, pytest.mark.timeout(600)]

# Not deployed: findings of low severity are of no consequence there.
LOCAL_PARTS = {"bench", "devhost", "simulator", "torture"}


def scanned() -> list[str]:
    """Every Python file of the repository but the tests."""
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    return [name for name in listed if not name.startswith("tests/")]


def answered_on_its_lines(path: Path, lines: list[int], check: str) -> bool:
    """Whether one of the statement's lines has ruff's `noqa` of the same rule."""
    text = path.read_text().splitlines()
    rule = check.replace("B", "S", 1)
    answers = [re.search(r"# noqa: ([A-Z0-9, ]*)", text[line - 1]) for line in lines]
    return any(answer is not None and rule in answer[1] for answer in answers)


def test_every_finding_of_bandit_is_answered() -> None:
    files = scanned()
    done = subprocess.run(
        [TOOLS / "bandit", "--quiet", "--format", "json", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    report = json.loads(done.stdout)
    assert report["errors"] == []
    assert len(report["metrics"]) - 1 == len(files)
    answers = Answers("bandit", "check")
    unanswered = []
    for finding in report["results"]:
        path = finding["filename"].removeprefix("./")
        local = path.split("/")[0] in LOCAL_PARTS
        if local and finding["issue_severity"] == "LOW":
            continue
        if answered_on_its_lines(ROOT / path, finding["line_range"], finding["test_id"]):
            continue
        if not answers.has(finding["test_id"], path):
            unanswered.append(
                f"{path}:{finding['line_number']} {finding['test_id']} {finding['issue_text']}"
            )
    assert unanswered == []
