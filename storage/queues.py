"""The work queues, in the encoding that the Functions host expects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import BinaryBase64DecodePolicy, BinaryBase64EncodePolicy

from storage.errors import translated

if TYPE_CHECKING:
    from azure.storage.queue.aio import QueueClient, QueueServiceClient

_HIDDEN_WHILE_BROWSING_SECONDS = 30
_SECONDS_TO_LIVE = 7 * 24 * 3600


class WorkQueue:
    """Sends to and looks into queues; the Functions host receives from them."""

    def __init__(self, service: QueueServiceClient, *, prefix: str = "") -> None:
        self._service = service
        self._prefix = prefix
        self._known: set[str] = set()

    async def send(self, queue: str, message: bytes, *, delay_seconds: int = 0) -> None:
        """Adds a message, to be seen after `delay_seconds`."""
        client = self._client(queue)
        with translated(f"the queue {queue}"):
            if queue not in self._known:
                with suppress(ResourceExistsError):
                    await client.create_queue()
                self._known.add(queue)
            await client.send_message(
                message, visibility_timeout=delay_seconds, time_to_live=_SECONDS_TO_LIVE
            )

    async def length(self, queue: str) -> int:
        """About how many messages the queue holds; 0 if it does not exist."""
        with translated(f"the queue {queue}"):
            try:
                properties = await self._client(queue).get_queue_properties()
            except ResourceNotFoundError:
                return 0
        return properties.approximate_message_count or 0

    async def browse(self, queue: str, number: int) -> AsyncIterator[bytes]:
        """Up to `number` messages, which stay in the queue; none if it does not exist.

        Peeking would show the first 32 only; this hides each for half a minute,
        so that the next ones come up.
        """
        with translated(f"the queue {queue}"):
            try:
                messages = self._client(queue).receive_messages(
                    messages_per_page=min(32, number),
                    max_messages=number,
                    visibility_timeout=_HIDDEN_WHILE_BROWSING_SECONDS,
                )
                async for message in messages:
                    yield message.content
            except ResourceNotFoundError:
                return

    async def close(self) -> None:
        """Closes the connections."""
        await self._service.close()

    def _client(self, queue: str) -> QueueClient:
        return self._service.get_queue_client(
            self._prefix + queue,
            message_encode_policy=BinaryBase64EncodePolicy(),
            message_decode_policy=BinaryBase64DecodePolicy(),
        )
