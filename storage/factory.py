"""Opens Table and Queue Storage: by connection string, or as the managed identity."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from azure.data.tables.aio import TableServiceClient
from azure.storage.queue.aio import QueueServiceClient

from errors import Misconfigured
from storage.queues import WorkQueue
from storage.tables import Tables

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

    from settings import Settings

_CONNECTION_SECONDS = 5
# Storage that is silent is asked twice; one that is busy, or breaks off, more often.
_RETRIES: dict[str, Any] = {
    "retry_total": 4,
    "retry_connect": 2,
    "retry_read": 1,
    "retry_backoff_factor": 0.4,
    "connection_timeout": _CONNECTION_SECONDS,
}
# The queue SDK backs off by its own names, from 15 seconds unless told otherwise.
_QUEUE_RETRIES: dict[str, Any] = {
    **_RETRIES,
    "initial_backoff": 0.4,
    "increment_base": 1.5,
    "random_jitter_range": 0.2,
}


def open_tables(
    settings: Settings, identity: Callable[[], AsyncTokenCredential], *, prefix: str = ""
) -> Tables:
    """The deployment's tables. Raises Misconfigured for a connection string that is none."""
    bounds = {**_RETRIES, "read_timeout": settings.storage_timeout_seconds}
    if settings.storage_connection:
        with _readable():
            service = TableServiceClient.from_connection_string(
                settings.storage_connection, **bounds
            )
    else:
        service = TableServiceClient(
            settings.table_service_url or "", credential=identity(), **bounds
        )
    return Tables(service, prefix=prefix)


def open_queue(
    settings: Settings, identity: Callable[[], AsyncTokenCredential], *, prefix: str = ""
) -> WorkQueue:
    """The deployment's queues. Raises Misconfigured for a connection string that is none."""
    bounds = {**_QUEUE_RETRIES, "read_timeout": settings.storage_timeout_seconds}
    if settings.storage_connection:
        with _readable():
            service = QueueServiceClient.from_connection_string(
                settings.storage_connection, **bounds
            )
    else:
        service = QueueServiceClient(
            settings.queue_service_url or "", credential=identity(), **bounds
        )
    return WorkQueue(service, prefix=prefix)


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except ValueError:
        # the SDK's text may hold the key
        raise Misconfigured(
            "AzureWebJobsStorage is not a connection string.",
            remedy="Copy the storage account's connection string again, or set "
            "AzureWebJobsStorage__accountName.",
        ) from None
