"""Child processes on a leash: started with a log, awaited until ready, ended as a group."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from devhost import leash

POLL_SECONDS = 0.05
_LOG_TAIL_LINES = 20


class StartFailed(Exception):
    """A process ended or did not become ready; carries the end of its log."""


class Child:
    """One process in a group of its own, which dies with the thread that started it (Linux)."""

    def __init__(self, name: str, log_path: Path) -> None:
        self.name = name
        self.log_path = log_path
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process ID, which is the group's too; raises StartFailed if not started."""
        if self._process is None:
            raise StartFailed(f"{self.name} is not running.")
        return self._process.pid

    def start(self, command: Sequence[str], environment: Mapping[str, str], cwd: Path) -> None:
        """Starts `command`; its output goes to the log, nothing is read by it."""
        leashed = [sys.executable, "-I", "-S", leash.__file__, str(os.getpid()), *command]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                leashed,
                env=dict(environment),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Polls `ready`; raises StartFailed if the process ends or the time is up."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.is_running():
                raise StartFailed(f"{self.name} ended:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise StartFailed(f"{self.name} was not ready in time:\n{self.log_tail()}")
            time.sleep(POLL_SECONDS)

    def is_running(self) -> bool:
        """Whether the process has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def stop(self, grace_seconds: float, *, ask: signal.Signals = signal.SIGTERM) -> None:
        """Asks the process to end by a signal, then kills what is left of its group."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(ask)
            with suppress(subprocess.TimeoutExpired):
                process.wait(grace_seconds)
        # macOS refuses to signal a group of zombies
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def log_tail(self) -> str:
        """The last lines of the log."""
        text = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        return "\n".join(text.splitlines()[-_LOG_TAIL_LINES:])


def free_port() -> int:
    """A TCP port of the loopback that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


def accepts_connections(port: int) -> bool:
    """Whether something listens on the loopback's `port`."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
