"""Opens the storage queue that a `connection` setting points to, as the host resolves it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azure.storage.queue.aio import QueueClient


def has_connection(environment: Mapping[str, str], name: str) -> bool:
    """Whether the settings of the connection `name` exist."""
    return _connection_string(environment, name) is not None or bool(_service(environment, name))


def open_queue(environment: Mapping[str, str], name: str, queue: str) -> QueueClient:
    """A client of `queue` over the connection `name`; texts pass unencoded.

    The setting holds a connection string, or `<name>__queueServiceUri` or
    `<name>__accountName` name an account that the signed-in identity may use.
    Source: https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger#connections
    """
    from azure.storage.queue.aio import QueueClient

    text = _connection_string(environment, name)
    if text is not None:
        return QueueClient.from_connection_string(text, queue)
    from azure.identity.aio import DefaultAzureCredential

    return QueueClient(_service(environment, name), queue, credential=DefaultAzureCredential())


def _connection_string(environment: Mapping[str, str], name: str) -> str | None:
    return environment.get(name) or environment.get(f"AzureWebJobs{name}") or None


def _service(environment: Mapping[str, str], name: str) -> str:
    uri = environment.get(f"{name}__queueServiceUri")
    account = environment.get(f"{name}__accountName")
    if uri:
        return uri
    return f"https://{account}.queue.core.windows.net" if account else ""
