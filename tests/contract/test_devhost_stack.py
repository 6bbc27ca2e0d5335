"""The local stack as a whole: it ends without a trace, however it ends; the demo is right."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")


def _processes_of(run_dir: Path) -> list[str]:
    """Command lines of the processes that run in `run_dir` or name it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = process.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode()
            where = os.readlink(process / "cwd")
        except OSError:
            # it ended meanwhile, or waits to be reaped
            continue
        if str(run_dir) in command or where.startswith(str(run_dir)):
            found.append(command)
    return found


def _until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stack_leaves_no_process_however_it_ends(tmp_path: Path, number: signal.Signals) -> None:
    stack = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "devhost.stack", "--run-dir", str(tmp_path), "--workers", "2"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    with stack:
        assert stack.stdout is not None
        assert stack.stdout.readline().startswith(b"API")
        # the stack, Azurite twice, the simulator, the supervisor and its workers
        assert len(_processes_of(tmp_path)) >= 7
        stack.send_signal(number)
        stack.wait(30)
        _until(lambda: not _processes_of(tmp_path))


def test_the_demo_shows_what_the_tenants_hold_and_ends(tmp_path: Path) -> None:
    demo = subprocess.run(
        [sys.executable, "-m", "devhost.demo"],
        cwd=ROOT,
        env={**os.environ, "ONCE": "1", "DEMO_RUN_DIR": str(tmp_path), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "Every number equals what the tenants themselves hold." in demo.stdout
    assert "cannot be synchronized: excluded from import" in demo.stdout
    assert not _processes_of(tmp_path)
