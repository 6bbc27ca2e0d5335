"""Azurite and the simulated cloud, once for all contract tests."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import NoReturn

import pytest
from azure.data.tables.aio import TableServiceClient
from azure.storage.queue.aio import QueueServiceClient

from devhost.stack import Stack
from settings import Settings, read_settings
from simulator.control import Control
from storage.factory import open_queue, open_tables
from storage.queues import WorkQueue
from storage.tables import Tables


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Azurite and simulator, without the host; clients in this process trust the simulator."""
    running = Stack(tmp_path_factory.mktemp("parts"), devhost=False)
    with running:
        before = dict(os.environ)
        os.environ.update(running.environment())
        yield running
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def settings(parts: Stack, pytestconfig: pytest.Config) -> Settings:
    """The settings of an app on those parts."""
    environment = {
        **parts.environment(),
        "GRAPH_TIMEOUT_SECONDS": "2",
        "GRAPH_MAX_RETRIES": "2",
    }
    real = pytestconfig.getoption("--storage-connection")
    if real:
        environment["AzureWebJobsStorage"] = real
    return read_settings(environment)


@pytest.fixture
async def tables(settings: Settings) -> AsyncIterator[Tables]:
    """Tables that no other test uses."""
    prefix = f"T{uuid.uuid4().hex[:10]}"
    opened = open_tables(settings, _no_identity, prefix=prefix)
    yield opened
    await opened.close()
    # a real account outlives the tests
    async with TableServiceClient.from_connection_string(settings.storage_connection or "") as all_:
        async for table in all_.list_tables():
            if table.name.startswith(prefix):
                await all_.delete_table(table.name)


@pytest.fixture
async def queue(settings: Settings) -> AsyncIterator[WorkQueue]:
    """Queues that no other test uses."""
    prefix = f"q{uuid.uuid4().hex[:10]}-"
    opened = open_queue(settings, _no_identity, prefix=prefix)
    yield opened
    await opened.close()
    async with QueueServiceClient.from_connection_string(settings.storage_connection or "") as all_:
        async for queue in all_.list_queues(name_starts_with=prefix):
            await all_.delete_queue(queue)


@pytest.fixture
def cloud(parts: Stack) -> Iterator[Control]:
    """The simulated cloud's control; faults end with the test."""
    control = Control(parts.simulator_url, parts.control_key, parts.ca_bundle)
    yield control
    control.clear_faults()


def _no_identity() -> NoReturn:
    raise AssertionError("a connection string needs no identity")
