"""Calls one function as the Python worker does: context, thread pool, time limit."""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

from devhost.indexing import IndexedFunction

logger = logging.getLogger("devhost.invocation")


class FunctionTimedOut(Exception):
    """The function ran longer than host.json's functionTimeout."""


@dataclass(frozen=True)
class TraceContext:
    """W3C trace context of one invocation."""

    trace_parent: str
    trace_state: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """What a function with a parameter named `context` receives.

    The worker's own class is likewise no subclass of azure.functions.Context.
    """

    invocation_id: str
    function_name: str
    function_directory: str
    trace_context: TraceContext
    thread_local_storage: threading.local = field(default_factory=threading.local)
    retry_context: None = None


class Invoker:
    """Runs functions; knows which are running, so that shutdown can wait for them.

    `on_stuck` is called when a synchronous function outlives its time limit:
    a thread cannot be stopped, so the process has to go, as on the host.
    """

    def __init__(
        self, timeout: timedelta | None, *, threads: int | None, on_stuck: Callable[[], None]
    ) -> None:
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="function")
        self._on_stuck = on_stuck
        self._running: set[asyncio.Task[object]] = set()

    async def invoke(
        self, function: IndexedFunction, value: object, *, trace_parent: str | None = None
    ) -> object:
        """What the function returns; raises what it raises, or FunctionTimedOut."""
        task = asyncio.create_task(self._call(function, value, trace_parent))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await task

    async def drain(self, grace_seconds: float) -> None:
        """Waits for running functions, then cancels what is left."""
        if self._running:
            logger.info("Waiting for %d running functions.", len(self._running))
            await asyncio.wait(self._running, timeout=grace_seconds)
        left = set(self._running)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _call(
        self, function: IndexedFunction, value: object, trace_parent: str | None
    ) -> object:
        invocation_id = str(uuid.uuid4())
        arguments = {function.parameter: value}
        if function.wants_context:
            parent = trace_parent or f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
            arguments["context"] = Context(
                invocation_id, function.name, str(function.directory), TraceContext(parent)
            )
        started = time.monotonic()
        limit = asyncio.timeout(self._timeout.total_seconds() if self._timeout else None)
        logger.debug("Executing %s (Id=%s)", function.name, invocation_id)
        try:
            async with limit:
                returned = await self._run(function, arguments)
        except TimeoutError as error:
            if not limit.expired():
                raise
            logger.error(
                "%s ran longer than %s (Id=%s)", function.name, self._timeout, invocation_id
            )
            if not function.is_async:
                self._on_stuck()
            raise FunctionTimedOut(f"{function.name} ran longer than {self._timeout}.") from error
        if returned is not None and not function.returns:
            raise RuntimeError(f"{function.name} has no output binding, but returned a value.")
        logger.debug(
            "Executed %s (Id=%s, Duration=%dms)",
            function.name,
            invocation_id,
            (time.monotonic() - started) * 1000,
        )
        return returned

    async def _run(self, function: IndexedFunction, arguments: dict[str, object]) -> object:
        if function.is_async:
            awaited: object = await function.call(**arguments)  # type: ignore[misc]  # is_async
            return awaited
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: function.call(**arguments))
