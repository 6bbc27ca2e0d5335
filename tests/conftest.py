"""What all tests share: an option, and trust in the simulator's authority."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import hypothesis
import pytest

from simulator.authority import write_certificates

# how long an example takes is the machine's matter
hypothesis.settings.register_profile("any-machine", deadline=None)
hypothesis.settings.load_profile("any-machine")

# aiohttp reads the trusted authorities when it is imported, so the authority
# must exist before any test module is.
_certificates = Path(tempfile.mkdtemp(prefix="ledger365-tests-"))
atexit.register(shutil.rmtree, _certificates, ignore_errors=True)
write_certificates(_certificates)
os.environ["SIMULATOR_CERTIFICATES"] = str(_certificates)
os.environ["SSL_CERT_FILE"] = str(_certificates / "bundle.pem")
os.environ["REQUESTS_CA_BUNDLE"] = str(_certificates / "bundle.pem")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Lets the storage tests run on a real account."""
    parser.addoption("--storage-connection", help="run the storage tests on this account")
