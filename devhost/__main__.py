"""The command line: `python -m devhost` serves the function app of the current directory."""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from devhost.queues import LOCK
from devhost.supervisor import Options, SettingsError, local_settings, supervise


def read_options(argv: Sequence[str]) -> Options:
    """The options of the command line."""
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
    return Options(
        script_root=root,
        run_dir=(arguments.run_dir or root / ".run" / "devhost").resolve(),
        host=arguments.host,
        port=arguments.port,
        workers=max(1, arguments.workers),
        timers=not arguments.no_timers,
        message_lock_seconds=arguments.message_lock_seconds,
    )


def host_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` with what the host itself sets; a missing access key is made and printed."""
    complete = {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        **environment,
    }
    for name, shown in (
        ("DEVHOST_FUNCTION_KEY", "Function key"),
        ("DEVHOST_MASTER_KEY", "Master key"),
    ):
        if not complete.get(name):
            complete[name] = secrets.token_urlsafe(32)
            print(f"{shown}: {complete[name]}", flush=True)
    return complete


def main(argv: Sequence[str]) -> int:
    """Serves until a signal; the result is the exit code."""
    options = read_options(argv)
    try:
        values = local_settings(options.script_root / "local.settings.json")
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    return asyncio.run(supervise(options, host_environment({**values, **os.environ})))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
