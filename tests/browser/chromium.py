"""Chromium for the browser tests: the system's, else Playwright's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.async_api import Playwright

# root needs no sandbox; the rest keeps Chromium from calling anyone but the page's server
FLAGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-client-side-phishing-detection",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-first-run",
    "--no-pings",
)
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_DOWNLOAD_SECONDS = 90


def find_chromium(playwright: Playwright) -> Path | None:
    """A Chromium to run, downloaded by Playwright if need be; None if there is none to be had."""
    for name in _NAMES:
        found = shutil.which(name)
        if found:
            return Path(found)
    own = Path(playwright.chromium.executable_path)
    return own if own.exists() or (_download() and own.exists()) else None


def _download() -> bool:
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    try:
        done = subprocess.run(  # noqa: S603 - Playwright's own command
            command, capture_output=True, timeout=_DOWNLOAD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def skipping_is_a_failure() -> bool:
    """Whether tests must run: CI installs Chromium, so its absence is a defect there."""
    return os.environ.get("BROWSER_TESTS_REQUIRED") == "1"
