"""A whole local Ledger365: Azurite, the simulated Microsoft cloud, and the host over both."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import secrets
import shlex
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from devhost.azurite import Azurite
from devhost.node import ROOT, NodeMissing
from devhost.processes import Child, StartFailed

_START_SECONDS = 60
_STOP_SECONDS = 15
# A schedule that does not come round while anyone is watching.
_SELDOM = "0 0 3 1 1 *"


class SimulatorEndpoint(msgspec.Struct, frozen=True):
    """What the simulator writes to `endpoint.json` once it listens."""

    url: str
    control_key: str


class HostEndpoint(msgspec.Struct, frozen=True):
    """What the host writes to `devhost.json` once it listens."""

    url: str


class Stack:
    """Starts the parts on free ports, in order, and ends them all.

    `run_dir` receives logs and endpoints. `environment` adds to or overrides
    the settings of the app. `workers` is the number of host processes. Start
    it on a thread that outlives it: on Linux its processes die with that
    thread.
    """

    def __init__(
        self,
        run_dir: Path,
        *,
        simulator: bool = True,
        devhost: bool = True,
        workers: int = 1,
        timers: bool = True,
        script_root: Path = ROOT,
        environment: Mapping[str, str] | None = None,
        storage_location: Path | None = None,
        message_lock_seconds: float = 600,
        port: int = 0,
    ) -> None:
        self.run_dir = run_dir.resolve()
        self.function_key = secrets.token_urlsafe(24)
        self.master_key = secrets.token_urlsafe(24)
        self.host_url = ""
        self.simulator_url = ""
        self.control_key = ""
        self._with_simulator = simulator
        self._with_devhost = devhost
        self._workers = workers
        self._timers = timers
        self._script_root = script_root
        self._extra = dict(environment or {})
        self._message_lock_seconds = message_lock_seconds
        self._port = port
        self._azurite = Azurite(self.run_dir, storage_location)
        self._simulator = Child("The simulator", self.run_dir / "simulator.log")
        self._host = Child("The host", self.run_dir / "devhost.log")

    @property
    def api_url(self) -> str:
        """Where the API is, without a slash at the end."""
        return f"{self.host_url}/api"

    @property
    def storage_connection(self) -> str:
        """The connection string of Azurite."""
        return self._azurite.connection_string

    @property
    def simulator_dir(self) -> Path:
        """Where the simulator keeps endpoint, certificate authority and bundle."""
        return self.run_dir / "simulator"

    @property
    def ca_bundle(self) -> Path:
        """The certificate authorities that a client of the simulator must trust."""
        return self.simulator_dir / "bundle.pem"

    @property
    def host_pid(self) -> int:
        """The process ID of the host's supervisor."""
        return self._host.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts everything and waits until it serves; ends what it started if that fails."""
        self.run_dir.mkdir(parents=True, exist_ok=True)
        try:
            self._azurite.start()
            if self._with_simulator:
                self._start_simulator()
            if self._with_devhost:
                self.start_host()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends every process; stopping twice is fine."""
        self.stop_host()
        self._simulator.stop(_STOP_SECONDS)
        self._azurite.stop()

    def restart_storage(self, away_seconds: float) -> None:
        """Ends storage and starts it again where it was; only with a storage location."""
        self._azurite.restart(away_seconds)

    def start_host(self, workers: int | None = None) -> None:
        """Starts the host over running storage, e.g. anew with another number of workers."""
        endpoint = self.run_dir / "devhost.json"
        endpoint.unlink(missing_ok=True)
        self._host.start(
            [
                *(sys.executable, "-m", "devhost"),
                *("--script-root", str(self._script_root)),
                *("--run-dir", str(self.run_dir)),
                *("--port", str(self._port)),
                *("--workers", str(workers or self._workers)),
                *("--message-lock-seconds", str(self._message_lock_seconds)),
                *(() if self._timers else ("--no-timers",)),
            ],
            {**_inherited(), **self.environment()},
            ROOT,
        )
        self._host.wait_until(endpoint.exists, _START_SECONDS)
        self.host_url = msgspec.json.decode(endpoint.read_bytes(), type=HostEndpoint).url
        self._host.wait_until(self._host_answers, _START_SECONDS)

    def stop_host(self) -> None:
        """Ends the host and leaves storage and simulator alone."""
        self._host.stop(_STOP_SECONDS + 5)

    def environment(self) -> dict[str, str]:
        """The settings of the app and of clients that talk to the same parts."""
        settings = {
            "AzureWebJobsStorage": self.storage_connection,
            "DEVHOST_FUNCTION_KEY": self.function_key,
            "DEVHOST_MASTER_KEY": self.master_key,
            "IMPORT_SCHEDULE": _SELDOM,
            "RECALCULATION_SCHEDULE": "0 0 */5 * * *",
            "DIGEST_SCHEDULE": _SELDOM,
            "CATALOGUE_SCHEDULE": _SELDOM,
            "USAGE_SCHEDULE": _SELDOM,
            "CONSOLIDATION_SCHEDULE": _SELDOM,
        }
        if self._with_simulator:
            url = self.simulator_url
            cloud = {
                "name": "Simulated",
                "login_url": url,
                "graph_url": url,
                "instance_discovery": False,
            }
            settings |= {
                "KEY_VAULT_URL": url,
                "KEY_VAULT_VERIFY_CHALLENGE": "false",
                "CLOUDS": json.dumps([cloud]),
                "CATALOGUE_URL": f"{url}/catalogue.csv",
                "IDENTITY_ENDPOINT": f"{url}/msi/token",
                "IDENTITY_HEADER": "simulated",
                "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
                "SSL_CERT_FILE": str(self.ca_bundle),
                "REQUESTS_CA_BUNDLE": str(self.ca_bundle),
                "NO_PROXY": "127.0.0.1,localhost",
            }
        return settings | self._extra

    def log_tails(self) -> str:
        """The last lines of simulator and host, for the report of a failure."""
        children = (self._simulator, self._host)
        return "\n".join(f"--- {child.name}\n{child.log_tail()}" for child in children)

    def _start_simulator(self) -> None:
        self.simulator_dir.mkdir(parents=True, exist_ok=True)
        endpoint = self.simulator_dir / "endpoint.json"
        endpoint.unlink(missing_ok=True)
        self._simulator.start(
            [sys.executable, "-m", "simulator", "--port", "0", "--dir", str(self.simulator_dir)],
            os.environ,
            ROOT,
        )
        self._simulator.wait_until(lambda: _written(endpoint), _START_SECONDS)
        read = msgspec.json.decode(endpoint.read_bytes(), type=SimulatorEndpoint)
        self.simulator_url, self.control_key = read.url.rstrip("/"), read.control_key

    def _host_answers(self) -> bool:
        connection = http.client.HTTPConnection(self.host_url.removeprefix("http://"), timeout=2)
        try:
            connection.request(
                "GET", "/admin/host/status", headers={"x-functions-key": self.master_key}
            )
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def end_on_sigterm() -> None:
    """Lets SIGTERM and SIGINT unwind the main program, so that a stack around it ends too."""
    # a shell's background job begins with SIGINT ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def _inherited() -> dict[str, str]:
    """Our environment without what would steer the app to a real account."""
    prefixes = ("AzureWebJobs", "AZURE_", "IDENTITY_", "MSI_")
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}


def _written(path: Path) -> bool:
    try:
        msgspec.json.decode(path.read_bytes())
    except (FileNotFoundError, msgspec.DecodeError):
        return False
    return True


def main(argv: Sequence[str]) -> int:
    """Runs a stack until Ctrl-C, and prints how to reach it."""
    parser = argparse.ArgumentParser(prog="python -m devhost.stack", description=__doc__)
    parser.add_argument("--run-dir", type=Path, default=ROOT / ".run" / "stack")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--no-timers", action="store_true")
    parser.add_argument("--no-devhost", action="store_true", help="storage and simulator only")
    arguments = parser.parse_args(argv)
    end_on_sigterm()
    stack = Stack(
        arguments.run_dir,
        devhost=not arguments.no_devhost,
        workers=arguments.workers,
        port=arguments.port,
        timers=not arguments.no_timers,
    )
    try:
        with stack:
            if stack.host_url:
                print(f"API        {stack.api_url}")
            print(f"Simulator  {stack.simulator_url}, control key {stack.control_key}")
            print(f"Logs       {stack.run_dir}\n")
            for name, value in stack.environment().items():
                print(f"export {name}={shlex.quote(value)}")
            sys.stdout.flush()
            while True:
                time.sleep(3600)
    except (StartFailed, NodeMissing) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
