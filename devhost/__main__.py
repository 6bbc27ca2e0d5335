"""The command line: `python -m devhost` serves the function app of the current directory."""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from devhost.queues import LOCK
from devhost.supervisor import Options, SettingsError, local_settings, supervise


def main(argv: Sequence[str]) -> int:
    """Serves until a signal; the result is the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m devhost",
        description="Serves a function app as the Azure Functions host does.",
    )
    parser.add_argument("--script-root", type=Path, default=Path.cwd(), help="has host.json")
    parser.add_argument("--run-dir", type=Path, help="for the endpoint and timer status")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7071, help="0 chooses a free one")
    parser.add_argument("--workers", type=int, default=1, help="processes that share the work")
    parser.add_argument("--no-timers", action="store_true", help="timers run only by hand")
    parser.add_argument(
        "--message-lock-seconds",
        type=float,
        default=LOCK.total_seconds(),
        help="how long a message stays hidden if a worker dies; the real host takes 600",
    )
    arguments = parser.parse_args(argv)
    root = arguments.script_root.resolve()
    options = Options(
        script_root=root,
        run_dir=(arguments.run_dir or root / ".run" / "devhost").resolve(),
        host=arguments.host,
        port=arguments.port,
        workers=max(1, arguments.workers),
        timers=not arguments.no_timers,
        message_lock_seconds=arguments.message_lock_seconds,
    )
    try:
        values = local_settings(root / "local.settings.json")
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    defaults = {"FUNCTIONS_WORKER_RUNTIME": "python", "AZURE_FUNCTIONS_ENVIRONMENT": "Development"}
    environment = {**defaults, **values, **os.environ}
    for name, shown in (
        ("DEVHOST_FUNCTION_KEY", "Function key"),
        ("DEVHOST_MASTER_KEY", "Master key"),
    ):
        if not environment.get(name):
            environment[name] = secrets.token_urlsafe(32)
            print(f"{shown}: {environment[name]}", flush=True)
    return asyncio.run(supervise(options, environment))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
