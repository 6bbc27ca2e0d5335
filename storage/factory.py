"""Opens Table and Queue Storage: by connection string, or as the managed identity."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from azure.data.tables.aio import TableServiceClient
from azure.storage.queue.aio import QueueServiceClient

from storage.queues import WorkQueue
from storage.tables import Tables

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

    from settings import Settings

# Bounded, so that an unreachable account is reported in seconds, not minutes.
_BOUNDS: dict[str, Any] = {
    "retry_total": 4,
    "retry_connect": 2,
    "retry_backoff_factor": 0.4,
    "connection_timeout": 5,
    "read_timeout": 60,
}
# The queue SDK backs off by its own names, from 15 seconds unless told otherwise.
_QUEUE_BOUNDS: dict[str, Any] = {
    **_BOUNDS,
    "initial_backoff": 0.4,
    "increment_base": 1.5,
    "random_jitter_range": 0.2,
}


def open_tables(
    settings: Settings, identity: Callable[[], AsyncTokenCredential], *, prefix: str = ""
) -> Tables:
    """The deployment's tables."""
    if settings.storage_connection:
        service = TableServiceClient.from_connection_string(settings.storage_connection, **_BOUNDS)
    else:
        service = TableServiceClient(
            settings.table_service_url or "", credential=identity(), **_BOUNDS
        )
    return Tables(service, prefix=prefix)


def open_queue(
    settings: Settings, identity: Callable[[], AsyncTokenCredential], *, prefix: str = ""
) -> WorkQueue:
    """The deployment's queues."""
    if settings.storage_connection:
        service = QueueServiceClient.from_connection_string(
            settings.storage_connection, **_QUEUE_BOUNDS
        )
    else:
        service = QueueServiceClient(
            settings.queue_service_url or "", credential=identity(), **_QUEUE_BOUNDS
        )
    return WorkQueue(service, prefix=prefix)
