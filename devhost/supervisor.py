"""Starts the workers of one host, replaces those that die, and ends them together."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from devhost.worker import EXIT_CONFIGURATION, GRACE_SECONDS

logger = logging.getLogger("devhost.supervisor")

# The host gives up on a worker that will not stay up after as many tries.
MAX_QUICK_DEATHS = 3
QUICK_DEATH_SECONDS = 10


class SettingsError(Exception):
    """local.settings.json cannot be used."""


class Endpoint(msgspec.Struct, frozen=True):
    """Where the host listens; written to `devhost.json` in the run directory."""

    url: str
    pid: int


@dataclass(frozen=True)
class Options:
    """What the command line decides."""

    script_root: Path
    run_dir: Path
    host: str
    port: int
    workers: int
    timers: bool
    message_lock_seconds: float


class _LocalSettings(msgspec.Struct):
    values: dict[str, str] = msgspec.field(name="Values", default={})
    is_encrypted: bool = msgspec.field(name="IsEncrypted", default=False)


def local_settings(path: Path) -> dict[str, str]:
    """The Values of a local.settings.json, none if it is missing; as Core Tools read it."""
    try:
        settings = msgspec.json.decode(path.read_bytes(), type=_LocalSettings)
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    if settings.is_encrypted:
        raise SettingsError(f"{path} is encrypted; only Core Tools can read it.")
    return settings.values


async def supervise(options: Options, environment: Mapping[str, str]) -> int:
    """Serves until SIGTERM or SIGINT; the result is the exit code.

    `environment` must hold both access keys. Workers share one listening
    socket; only the first runs timers.
    """
    options.run_dir.mkdir(parents=True, exist_ok=True)
    with socket.create_server((options.host, options.port), backlog=2048) as listening:
        host, port = listening.getsockname()[:2]
        endpoint = Endpoint(f"http://{host}:{port}", os.getpid())
        path = options.run_dir / "devhost.json"
        path.write_bytes(msgspec.json.encode(endpoint))
        print(f"Listening on {endpoint.url}", flush=True)
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        environment = {"WEBSITE_HOSTNAME": f"{host}:{port}", **environment}
        try:
            kept = [
                asyncio.create_task(_keep(n, options, listening, environment, stopping))
                for n in range(options.workers)
            ]
            codes = await asyncio.gather(*kept)
        finally:
            path.unlink(missing_ok=True)
        return max(codes)


async def _keep(
    number: int,
    options: Options,
    listening: socket.socket,
    environment: Mapping[str, str],
    stopping: asyncio.Event,
) -> int:
    """Keeps worker `number` running until `stopping`; a failure sets it for all."""
    quick_deaths = 0
    while True:
        started = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *_command(number, options, listening),
            env=environment,
            pass_fds=[listening.fileno()],
        )
        ended = asyncio.create_task(process.wait())
        stopped = asyncio.create_task(stopping.wait())
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if stopping.is_set():
            return await _end(process, ended)
        code = await ended
        quick = time.monotonic() - started < QUICK_DEATH_SECONDS
        quick_deaths = quick_deaths + 1 if quick else 0
        if code == EXIT_CONFIGURATION or quick_deaths >= MAX_QUICK_DEATHS:
            stopping.set()
            return code if code > 0 else 1
        logger.warning("Worker %d ended with %d and is started again.", number, code)


async def _end(process: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> int:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    done, _ = await asyncio.wait({ended}, timeout=GRACE_SECONDS + 5)
    if not done:
        process.kill()
    code = await ended
    # on Ctrl-C the terminal may reach a worker before its handlers are set
    return 0 if code in (0, -signal.SIGTERM, -signal.SIGINT) else max(code, 1)


def _command(number: int, options: Options, listening: socket.socket) -> list[str]:
    command = [
        *(sys.executable, "-m", "devhost.worker"),
        *("--parent", str(os.getpid())),
        *("--number", str(number)),
        *("--socket-fd", str(listening.fileno())),
        *("--script-root", str(options.script_root)),
        *("--run-dir", str(options.run_dir)),
        *("--message-lock-seconds", str(options.message_lock_seconds)),
    ]
    return [*command, "--timers"] if options.timers and number == 0 else command
