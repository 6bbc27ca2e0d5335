"""One whole local ledger for all end-to-end tests: Azurite, simulator, host."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devhost.stack import Stack
from simulator.control import Control
from tests.e2e.admin import SECRET, Admin
from tests.e2e.leaks import leaks, left_by


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything running; the lease and the time-outs are short, so that tests are."""
    running = Stack(
        tmp_path_factory.mktemp("stack"),
        environment={
            "LEASE_SECONDS": "3",
            "GRAPH_TIMEOUT_SECONDS": "2",
            "GRAPH_MAX_RETRIES": "2",
            "WEBHOOK_RETRY_SECONDS": "1",
            "WEBHOOK_PRIVATE_HOSTS": "localhost",
        },
    )
    with running:
        yield running
        # whatever the tests did, none of their secrets shows
        keys = (SECRET, running.function_key, running.master_key)
        assert sorted(set(leaks(keys, left_by(running)))) == []


@pytest.fixture(scope="session")
def cloud(stack: Stack) -> Control:
    """The simulated cloud's control."""
    return Control(stack.simulator_url, stack.control_key, stack.ca_bundle)


@pytest.fixture(autouse=True)
def no_faults_left(cloud: Control) -> Iterator[None]:
    """Faults end with the test that wanted them."""
    yield
    cloud.clear_faults()


@pytest.fixture(scope="session")
def admin(stack: Stack) -> Iterator[Admin]:
    """An admin who calls the API."""
    with Admin(stack.api_url, stack.function_key, stack.master_key) as calling:
        yield calling
