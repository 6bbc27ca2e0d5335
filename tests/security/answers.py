"""The written answers to what scanners find."""

import os
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".tools/security/bin"
RUNTIME = ROOT / ".tools/runtime/bin/python"


def _up_to_date(tools: str, requirements: str) -> bool:
    """Whether these tools are installed as they are pinned today."""
    stamp, pins = ROOT / ".tools" / tools / ".installed", ROOT / requirements
    return stamp.exists() and stamp.stat().st_mtime >= pins.stat().st_mtime


# In CI they must be there: a missing scanner fails, it does not pass.
needs_scanners = pytest.mark.skipif(
    not _up_to_date("security", "requirements-security.txt") and not os.environ.get("CI"),
    reason="the scanners are not installed, or older than their pins; `make scan` does it",
)
needs_runtime = pytest.mark.skipif(
    not _up_to_date("runtime", "requirements.txt") and not os.environ.get("CI"),
    reason="the app's packages are not installed apart, or older than their pins; see `make scan`",
)


class Answers:
    """The answers of one scanner; remembers which were needed."""

    def __init__(self, scanner: str, key: str) -> None:
        listed = tomllib.loads((ROOT / "tests/security/answers.toml").read_text())[scanner]
        self._answers = [
            (answer[key], pattern, answer["reason"])
            for answer in listed
            for pattern in answer["paths"]
        ]
        self._used: set[tuple[str, str]] = set()

    def has(self, found: str, path: str) -> bool:
        """Whether that finding in that file is answered."""
        for check, pattern, reason in self._answers:
            if check == found and fnmatch(path, pattern) and reason.strip():
                self._used.add((check, pattern))
                return True
        return False

    def unused(self) -> set[tuple[str, str]]:
        """Answers to what was not found."""
        return {(check, pattern) for check, pattern, _ in self._answers} - self._used
