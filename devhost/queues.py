"""Runs one queue function: polling, visibility, retries, and the poison queue."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError

from devhost.converters import Delivery

if TYPE_CHECKING:
    from azure.storage.queue import QueueMessage
    from azure.storage.queue.aio import QueueClient

    from devhost.host_config import Queues

logger = logging.getLogger("devhost.queues")

# The host asks again after 100 ms, then ever later, up to maxPollingInterval.
MIN_POLLING_INTERVAL = timedelta(milliseconds=100)
# The host hides a message for ten minutes and renews that while its function runs;
# host.json's visibilityTimeout only delays the next try after a failure.
LOCK = timedelta(minutes=10)

RunDelivery = Callable[[Delivery], Awaitable[object]]


class QueueListener:
    """Feeds the messages of one queue to `run`, which raises if the function failed.

    `lock` is how long a message stays hidden when the process dies.
    """

    def __init__(
        self,
        queue: QueueClient,
        poison: QueueClient,
        options: Queues,
        run: RunDelivery,
        *,
        lock: timedelta = LOCK,
    ) -> None:
        self._queue = queue
        self._poison = poison
        self._options = options
        self._run = run
        self._lock_seconds = max(2, int(lock.total_seconds()))
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    async def listen(self) -> None:
        """Polls until `stop`, then waits for the messages in hand."""
        interval = MIN_POLLING_INTERVAL
        while not self._stopping.is_set():
            try:
                batch = await self._receive()
            except AzureError as error:
                logger.warning("Queue %s: %s", self._queue.queue_name, error)
                batch = []
            for message in batch:
                task = asyncio.create_task(self._process(message))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            if batch:
                interval = MIN_POLLING_INTERVAL
                await self._until_capacity()
            else:
                await self._pause(interval)
                grown = interval * random.uniform(1.5, 2.5)  # noqa: S311 - spreads the load
                interval = min(grown, max(self._options.max_polling_interval, MIN_POLLING_INTERVAL))
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._queue.close()
        await self._poison.close()

    def stop(self) -> None:
        """Takes no further message."""
        self._stopping.set()

    async def _receive(self) -> list[QueueMessage]:
        count = self._options.batch_size
        try:
            pages = self._queue.receive_messages(
                messages_per_page=count,
                max_messages=count,
                visibility_timeout=self._lock_seconds,
            )
            return [message async for message in pages]
        except ResourceNotFoundError:
            await _create(self._queue)
            return []

    async def _until_capacity(self) -> None:
        while (
            len(self._running) > self._options.new_batch_threshold and not self._stopping.is_set()
        ):
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait({*self._running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()

    async def _pause(self, interval: timedelta) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), interval.total_seconds())

    async def _process(self, message: QueueMessage) -> None:
        receipt = _Receipt(self._queue, message, self._lock_seconds)
        try:
            await self._deliver(message, receipt)
        except AzureError as error:
            # another instance has the message by now, or storage is away: it comes back
            logger.warning("Message %s of %s: %s", message.id, self._queue.queue_name, error)

    async def _deliver(self, message: QueueMessage, receipt: _Receipt) -> None:
        content = self._decoded(message.content)
        count = message.dequeue_count or 1
        if content is None or count > self._options.max_dequeue_count:
            await self._give_up(message, receipt)
            return
        renewing = asyncio.create_task(receipt.keep())
        try:
            await self._run(_delivery(message, content))
            failed = False
        except asyncio.CancelledError:
            await _stopped(renewing)
            await receipt.release(timedelta())
            raise
        except Exception:
            logger.exception(
                "Message %s of %s failed, delivery %d of %d",
                message.id,
                self._queue.queue_name,
                count,
                self._options.max_dequeue_count,
            )
            failed = True
        await _stopped(renewing)
        if not failed:
            await receipt.delete()
        elif count >= self._options.max_dequeue_count:
            await self._give_up(message, receipt)
        else:
            await receipt.release(self._options.visibility_timeout)

    async def _give_up(self, message: QueueMessage, receipt: _Receipt) -> None:
        logger.error(
            "Message %s of %s goes to %s",
            message.id,
            self._queue.queue_name,
            self._poison.queue_name,
        )
        try:
            await self._poison.send_message(message.content)
        except ResourceNotFoundError:
            await _create(self._poison)
            await self._poison.send_message(message.content)
        await receipt.delete()

    def _decoded(self, text: str) -> bytes | None:
        if self._options.message_encoding == "none":
            return text.encode()
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            return None


class _Receipt:
    """Our hold on a message; each renewal changes the pop receipt."""

    def __init__(self, queue: QueueClient, message: QueueMessage, lock_seconds: int) -> None:
        self._queue = queue
        self._message_id = message.id
        self._pop_receipt = message.pop_receipt
        self._lock_seconds = lock_seconds

    async def keep(self) -> None:
        """Renews the hold, for as long as the task runs."""
        while True:
            await asyncio.sleep(self._lock_seconds / 2)
            try:
                await self._hide(self._lock_seconds)
            except AzureError as error:
                logger.warning("Message %s could not be renewed: %s", self._message_id, error)

    async def release(self, delay: timedelta) -> None:
        """Shows the message again after `delay`."""
        await self._hide(int(delay.total_seconds()))

    async def delete(self) -> None:
        await self._queue.delete_message(self._message_id, self._pop_receipt)

    async def _hide(self, seconds: int) -> None:
        updated = await self._queue.update_message(
            self._message_id, self._pop_receipt, visibility_timeout=seconds
        )
        self._pop_receipt = updated.pop_receipt


async def _stopped(renewing: asyncio.Task[None]) -> None:
    renewing.cancel()
    with suppress(asyncio.CancelledError):
        await renewing


async def _create(queue: QueueClient) -> None:
    with suppress(ResourceExistsError):
        await queue.create_queue()


def _delivery(message: QueueMessage, content: bytes) -> Delivery:
    return Delivery(
        message_id=message.id,
        pop_receipt=message.pop_receipt or "",
        dequeue_count=message.dequeue_count or 1,
        content=content,
        inserted_on=message.inserted_on,
        expires_on=message.expires_on,
        next_visible_on=message.next_visible_on,
    )
