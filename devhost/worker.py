"""One worker process: indexes the app, serves HTTP, runs timers and queues, ends in order."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn

from devhost.connections import open_queue
from devhost.converters import Delivery, ScheduleStatus, queue_message, timer_request
from devhost.host_config import HostConfig, HostConfigError, read_host_config
from devhost.http_front import HttpFront
from devhost.indexing import (
    HttpTrigger,
    Index,
    IndexedFunction,
    IndexingError,
    QueueTrigger,
    TimerTrigger,
    index_app,
    load_app,
)
from devhost.invocation import Invoker
from devhost.keys import Keys
from devhost.leash import die_with_parent
from devhost.queues import LOCK, QueueListener
from devhost.timers import StatusFile, TimerListener

# EX_CONFIG of sysexits.h: starting again would fail again
EXIT_CONFIGURATION = 78
EXIT_STUCK = 75
GRACE_SECONDS = 10

logger = logging.getLogger("devhost.worker")

_LOG_LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": logging.CRITICAL + 10,
}


class _Server(uvicorn.Server):
    """uvicorn, leaving signals to the worker."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Worker:
    """The parts of one worker; `run` serves until `stop`."""

    def __init__(
        self,
        index: Index,
        config: HostConfig,
        keys: Keys,
        *,
        run_dir: Path,
        runs_timers: bool,
        message_lock: timedelta,
    ) -> None:
        self.exit_code = 0
        self._stopping = asyncio.Event()
        self._invoker = Invoker(
            config.function_timeout,
            threads=int(os.environ.get("PYTHON_THREADPOOL_THREAD_COUNT") or 0) or None,
            on_stuck=self._stuck,
        )
        self._by_hand: set[asyncio.Task[None]] = set()
        front = HttpFront(index, self._invoker, keys, self._start_by_hand)
        self._server = _Server(
            uvicorn.Config(
                front.asgi(),
                log_config=None,
                access_log=False,
                lifespan="off",
                ws="none",
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        status_file = StatusFile(run_dir / "timers.json")
        self._listeners: list[TimerListener | QueueListener] = []
        for function in index.functions:
            trigger = function.trigger
            if isinstance(trigger, QueueTrigger):
                self._listeners.append(self._queue(function, trigger, config, message_lock))
            elif isinstance(trigger, TimerTrigger) and runs_timers:
                self._listeners.append(self._timer(function, trigger, status_file))

    async def run(self, listening: socket.socket) -> None:
        """Serves until `stop`, then gives running functions some seconds."""
        serving = asyncio.create_task(self._server.serve(sockets=[listening]))
        listeners = [asyncio.create_task(listener.listen()) for listener in self._listeners]
        stopping = asyncio.create_task(self._stopping.wait())
        # a listener only ends by itself if it is broken, and then the worker is
        await asyncio.wait({serving, stopping, *listeners}, return_when=asyncio.FIRST_COMPLETED)
        self._server.should_exit = True
        for listener in self._listeners:
            listener.stop()
        await self._invoker.drain(0 if self.exit_code else GRACE_SECONDS)
        ended = await asyncio.gather(serving, *listeners, return_exceptions=True)
        stopping.cancel()
        for outcome in ended:
            if isinstance(outcome, Exception):
                logger.error("A listener broke", exc_info=outcome)
                self.exit_code = self.exit_code or 1

    def stop(self) -> None:
        """Begins an orderly end."""
        self._stopping.set()

    def _stuck(self) -> None:
        self.exit_code = EXIT_STUCK
        self.stop()

    def _queue(
        self, function: IndexedFunction, trigger: QueueTrigger, config: HostConfig, lock: timedelta
    ) -> QueueListener:
        return QueueListener(
            open_queue(os.environ, trigger.connection, trigger.queue),
            open_queue(os.environ, trigger.connection, f"{trigger.queue}-poison"),
            config.queues,
            lambda delivery: self._invoker.invoke(function, _argument(function, delivery)),
            lock=lock,
        )

    def _timer(
        self, function: IndexedFunction, trigger: TimerTrigger, store: StatusFile
    ) -> TimerListener:
        def run(past_due: bool, status: ScheduleStatus | None) -> Awaitable[None]:
            return self._run_timer(function, past_due=past_due, status=status)

        return TimerListener(function.name, trigger, store, run, lambda: datetime.now(UTC))

    async def _run_timer(
        self, function: IndexedFunction, *, past_due: bool, status: ScheduleStatus | None
    ) -> None:
        try:
            await self._invoker.invoke(function, timer_request(past_due=past_due, status=status))
        except Exception:
            logger.exception("%s failed", function.name)

    async def _start_by_hand(self, function: IndexedFunction, text: str) -> None:
        if isinstance(function.trigger, TimerTrigger):
            work = self._run_timer(function, past_due=False, status=None)
        else:
            work = self._run_message(function, text)
        task = asyncio.create_task(work)
        self._by_hand.add(task)
        task.add_done_callback(self._by_hand.discard)

    async def _run_message(self, function: IndexedFunction, text: str) -> None:
        delivery = Delivery("", "", 1, text.encode(), None, None, None)
        try:
            await self._invoker.invoke(function, _argument(function, delivery))
        except Exception:
            logger.exception("%s failed", function.name)


def _argument(function: IndexedFunction, delivery: Delivery) -> object:
    if function.parameter_type is str:
        return delivery.content.decode()
    if function.parameter_type is bytes:
        return delivery.content
    return queue_message(delivery)


def _describe(index: Index) -> None:
    for function in index.functions:
        if isinstance(function.trigger, HttpTrigger):
            route = function.trigger.route
            where = "/".join(
                s.text if s.kind == "literal" else f"{{{s.text}}}" for s in route.segments
            )
            logger.info("%s: [%s] /%s", function.name, ",".join(sorted(route.methods)), where)
        elif isinstance(function.trigger, TimerTrigger):
            logger.info("%s: timer %s", function.name, function.trigger.schedule.expression)
        else:
            logger.info("%s: queue %s", function.name, function.trigger.queue)
    for name in index.disabled:
        logger.warning("%s is disabled.", name)


async def _serve(arguments: argparse.Namespace, index: Index, config: HostConfig) -> int:
    keys = Keys(os.environ["DEVHOST_FUNCTION_KEY"], os.environ["DEVHOST_MASTER_KEY"])
    worker = Worker(
        index,
        config,
        keys,
        run_dir=arguments.run_dir,
        runs_timers=arguments.timers,
        message_lock=timedelta(seconds=arguments.message_lock_seconds),
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    await worker.run(socket.socket(fileno=arguments.socket_fd))
    return worker.exit_code


def _configure_logging(number: int, level: str) -> None:
    logging.basicConfig(
        level=_LOG_LEVELS.get(level.lower(), logging.INFO),
        format=f"%(asctime)s {number} %(levelname)-7s %(name)s: %(message)s",
    )
    # the SDKs log every request at INFO
    for name in ("azure", "msal", "httpx", "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)


def main(argv: Sequence[str]) -> int:
    """Runs one worker, as the supervisor starts it; the result is the exit code."""
    parser = argparse.ArgumentParser(prog="python -m devhost.worker")
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--number", type=int, required=True)
    parser.add_argument("--socket-fd", type=int, required=True)
    parser.add_argument("--script-root", type=Path, required=True)
    parser.add_argument("--run-dir", type=Path, required=True)
    parser.add_argument("--timers", action="store_true")
    parser.add_argument("--message-lock-seconds", type=float, default=LOCK.total_seconds())
    arguments = parser.parse_args(argv)
    die_with_parent(arguments.parent)
    try:
        config = read_host_config(arguments.script_root / "host.json")
        _configure_logging(arguments.number, config.log_level)
        index = index_app(load_app(arguments.script_root), os.environ, config.route_prefix)
    except (HostConfigError, IndexingError) as error:
        print(f"The function app cannot be served: {error}", file=sys.stderr)
        return EXIT_CONFIGURATION
    if arguments.number == 0:
        _describe(index)
    for name, why in index.in_error.items():
        logger.error("The function %s is in error and not served: %s", name, why)
    return asyncio.run(_serve(arguments, index, config))


if __name__ == "__main__":
    code = main(sys.argv[1:])
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # a stuck function's thread would keep the interpreter waiting
    os._exit(code)
