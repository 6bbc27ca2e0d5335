"""detect-secrets finds no credential in what is committed."""

import base64
import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.security.answers import ROOT, TOOLS, Answers, needs_scanners

pytestmark = [needs_scanners, pytest.mark.timeout(600)]

# Guesses by words, and everything here is about secrets; in Python ruff's S105 to S107 do it.
NOT_ASKED = ("--disable-plugin", "KeywordDetector")


def tracked() -> list[str]:
    """Every file of the repository."""
    return subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")[:-1]


def findings(files: list[str], root: Path = ROOT) -> list[tuple[str, str, int]]:
    """Kind, file and line of everything that looks like a secret; nothing is asked of a network."""
    done = subprocess.run(
        [TOOLS / "detect-secrets", "scan", "--no-verify", *NOT_ASKED, *files],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        timeout=500,
    )
    found = json.loads(done.stdout)["results"]
    return [
        (secret["type"], path, secret["line_number"])
        for path, secrets in found.items()
        for secret in secrets
    ]


def test_whatever_looks_like_a_secret_is_answered() -> None:
    answers = Answers("secret", "kind")
    files = [name for name in tracked() if (ROOT / name).is_file() and name != "package-lock.json"]
    found = findings(files)
    assert found, "the scanner sees not even Azurite's published key"
    assert [finding for finding in found if not answers.has(*finding[:2])] == []
    assert answers.unused() == set()


def test_the_scanner_sees_a_secret(tmp_path: Path) -> None:
    key = base64.b64encode(os.urandom(64)).decode()
    (tmp_path / "planted.py").write_text(f'CONNECTION = "AccountName=st;AccountKey={key}"\n')
    assert findings(["planted.py"], tmp_path)
