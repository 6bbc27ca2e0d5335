"""Fetching the list of products from a real server that cheats, and keeping the list that was."""

from __future__ import annotations

import asyncio
import gzip
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from catalogue.download import download
from catalogue.service import CatalogueCache, refresh
from errors import GraphUnreachable, InvalidInput
from storage.catalogue import CatalogueStore
from storage.tables import Tables
from tests.builders import NOW

HEADER = "Product_Display_Name,String_Id,GUID"
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[str]:
    """The address of a server that answers every request so."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer(writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/list.csv"


async def sent(body: bytes, headers: str, writer: asyncio.StreamWriter) -> None:
    """A whole answer."""
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body)
    await writer.drain()


async def dripped(writer: asyncio.StreamWriter) -> None:
    """An answer that comes byte by byte, and never stops."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


def catalogue_of(skus: int) -> bytes:
    """A list of so many SKUs."""
    rows = [f"Product {n},PART_{n},{uuid.UUID(int=n)}" for n in range(1, skus + 1)]
    return "\n".join([HEADER, *rows, ""]).encode()


def ledger_of(tables: Tables, url: str) -> Any:
    """The parts of a ledger that keep the list."""
    return SimpleNamespace(
        clock=lambda: NOW,
        catalogue=CatalogueStore(tables),
        catalogue_cache=CatalogueCache(),
        download=download,
        settings=SimpleNamespace(catalogue_url=url),
    )


async def test_a_list_that_lost_many_skus_is_refused_and_the_stored_one_stays(tables: Tables):
    for skus, accepted in ((100, True), (79, False), (0, False), (85, True)):
        async with server(partial(sent, catalogue_of(skus), "")) as url:
            ledger = ledger_of(tables, url)
            before = len(await ledger.catalogue.entries())
            if accepted:
                assert await refresh(ledger) == skus
            else:
                with pytest.raises(InvalidInput) as refused:
                    await refresh(ledger)
                assert refused.value.field == "catalogue"
                assert len(await ledger.catalogue.entries()) == before


async def test_a_list_that_drips_is_given_up():
    async with server(dripped) as url:
        began = time.monotonic()
        with pytest.raises(GraphUnreachable) as given_up:
            await download(url, total_seconds=0.5)
        assert time.monotonic() - began < 2
        assert "0.5 seconds" in given_up.value.message


async def test_a_small_answer_is_not_unpacked_into_a_large_one():
    packed = gzip.compress(bytes(50_000_000))
    async with server(partial(sent, packed, "Content-Encoding: gzip\r\n")) as url:
        fetched = await download(url)
    assert fetched is not None
    assert len(fetched.content) == len(packed)
