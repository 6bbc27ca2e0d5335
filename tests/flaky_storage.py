"""A TCP relay before Azurite that loses answers, or never gives any."""

from __future__ import annotations

import asyncio
import re
from types import TracebackType
from typing import Self


class FlakyStorage:
    """Relays calls to tables or queues of a connection string; use as an async context manager.

    `lose` loses the answers to the next requests that contain a text: they
    reach storage, and their connection breaks when it answers. While `silent`,
    connections are taken, and nothing is ever answered.
    """

    def __init__(self, connection_string: str, service: str = "Table") -> None:
        self._endpoint = re.compile(rf"{service}Endpoint=http://([0-9.]+):([0-9]+)/")
        self._service = service
        found = self._endpoint.search(connection_string)
        assert found is not None
        self._upstream = (found.group(1), int(found.group(2)))
        self._original = connection_string
        self._text = b""
        self._left = 0
        self._then_silent = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.silent = False
        self.lost = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def connection_string(self) -> str:
        """The connection string that leads through here."""
        port = self._server.sockets[0].getsockname()[1]
        here = f"{self._service}Endpoint=http://127.0.0.1:{port}/"
        return self._endpoint.sub(here, self._original)

    def lose(self, number: int, *, containing: str, then_silent: bool = False) -> None:
        """Loses the answers to the next `number` requests that contain the text."""
        self._text, self._left = containing.encode(), number
        self._then_silent = then_silent

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await self._relayed(reader, writer)
        finally:
            writer.close()

    async def _relayed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection(*self._upstream)
        doomed = asyncio.Event()

        async def forth() -> None:
            while part := await reader.read(65536):
                if self.silent:
                    continue
                if self._left and self._text in part:
                    self._left -= 1
                    self.lost += 1
                    doomed.set()
                upstream_writer.write(part)
                await upstream_writer.drain()
                if doomed.is_set() and self._left == 0:
                    self.silent = self._then_silent

        async def back() -> None:
            while (part := await upstream_reader.read(65536)) and not doomed.is_set():
                writer.write(part)
                await writer.drain()

        directions = [asyncio.create_task(forth()), asyncio.create_task(back())]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            upstream_writer.close()
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
