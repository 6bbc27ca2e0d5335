"""Azurite's table and queue services as child processes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from devhost.node import azurite_script, find_node
from devhost.processes import Child, StartFailed, accepts_connections, free_port

# Public knowledge, the same for every emulator.
# Source: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
_START_SECONDS = 60
_PORT_TRIES = 3


class Azurite:
    """Storage for one stack; in memory unless `location` names a directory to keep."""

    def __init__(self, run_dir: Path, location: Path | None = None) -> None:
        self._run_dir = run_dir
        self._location = location
        self._children: list[Child] = []
        self._ports: dict[str, int] = {}
        self.connection_string = ""

    def start(self) -> None:
        """Starts both services on free ports; raises StartFailed or NodeMissing."""
        ports = {service: self._start(service) for service in ("queue", "table")}
        self._ports = ports
        self.connection_string = (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
            f"QueueEndpoint=http://127.0.0.1:{ports['queue']}/{ACCOUNT};"
            f"TableEndpoint=http://127.0.0.1:{ports['table']}/{ACCOUNT};"
        )

    def restart(self, away_seconds: float) -> None:
        """Ends both services, and starts them on their ports after a while; needs a location."""
        self.stop()
        time.sleep(away_seconds)
        for service, port in self._ports.items():
            self._start(service, port)

    def stop(self) -> None:
        """Ends both services; what was in memory is gone."""
        for child in self._children:
            if self._location:
                # one that keeps files writes them when interrupted, and not at SIGTERM
                child.stop(grace_seconds=20, ask=signal.SIGINT)
            else:
                child.stop(grace_seconds=1)
        self._children.clear()

    def _start(self, service: str, fixed_port: int | None = None) -> int:
        if self._location is not None:
            self._location.mkdir(parents=True, exist_ok=True)
            storage = ["--location", str(self._location)]
        else:
            storage = ["--inMemoryPersistence"]
        for attempt in range(_PORT_TRIES):
            port = fixed_port or free_port()
            child = Child(f"Azurite {service}", self._run_dir / f"azurite-{service}.log")
            self._children.append(child)
            child.start(
                [
                    *(str(find_node().executable), str(azurite_script(service))),
                    *(f"--{service}Host", "127.0.0.1", f"--{service}Port", str(port)),
                    *("--skipApiVersionCheck", "--disableTelemetry", "--silent"),
                    *storage,
                ],
                os.environ,
                self._run_dir,
            )
            try:
                child.wait_until(lambda: accepts_connections(port), _START_SECONDS)  # noqa: B023
            except StartFailed:
                # another process may have taken the port in between
                if child.is_running() or attempt == _PORT_TRIES - 1:
                    raise
            else:
                break
        return port
