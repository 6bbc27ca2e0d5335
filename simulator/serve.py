"""Serves the simulated cloud over TLS on loopback."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from simulator.authority import CERTIFICATE_FILES, write_certificates
from simulator.cloud import Cloud


class BreakableProtocol(HttpToolsProtocol):
    """Lets the application see its connection, to break it when a fault wants that."""

    def on_headers_complete(self) -> None:
        """The request's head has arrived."""
        super().on_headers_complete()
        self.scope["simulator.transport"] = self.transport  # type: ignore[typeddict-unknown-key]


class Server(uvicorn.Server):
    """Writes endpoint.json once it listens."""

    def __init__(self, config: uvicorn.Config, directory: Path, endpoint: dict[str, str]) -> None:
        super().__init__(config)
        self._directory = directory
        self._endpoint = endpoint

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts listening."""
        await super().startup(sockets)
        partial = self._directory / "endpoint.json.part"
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(self._endpoint))
        partial.rename(self._directory / "endpoint.json")


def serve(
    directory: Path, port: int, identity_header: str, certificates: Path | None = None
) -> None:
    """Serves until it is told to stop; port 0 takes a free one.

    With `certificates`, those that `write_certificates` wrote there are used,
    for clients that must trust the authority before the server starts.
    """
    if certificates is None:
        write_certificates(directory)
    else:
        directory.mkdir(parents=True, exist_ok=True)
        for name in CERTIFICATE_FILES:
            shutil.copyfile(certificates / name, directory / name)
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    control_key = secrets.token_urlsafe(24)
    endpoint = {
        "url": f"https://localhost:{listening.getsockname()[1]}",
        "control_key": control_key,
        "ca": str(directory / "ca.pem"),
        "identity_header": identity_header,
    }
    config = uvicorn.Config(
        Cloud(control_key, identity_header),
        http=BreakableProtocol,
        loop="uvloop",
        lifespan="off",
        log_level="warning",
        access_log=False,
        ssl_certfile=str(directory / "server.pem"),
        ssl_keyfile=str(directory / "server.key"),
        timeout_keep_alive=120,
    )
    Server(config, directory, endpoint).run(sockets=[listening])
