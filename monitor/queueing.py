"""Stores runs and sends the messages that workers take them from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import msgspec

from errors import LedgerError
from monitor.recorder import RunRecorder
from monitor.run import Run

if TYPE_CHECKING:
    from composition import Ledger


async def queue_run(ledger: Ledger, run: Run, queue: str, message: msgspec.Struct) -> None:
    """Stores a new run and sends its message; ends it if that cannot be sent."""
    await ledger.runs.create(run)
    async with sent_or_failed(ledger, run):
        await ledger.queue.send(queue, msgspec.json.encode(message))


@asynccontextmanager
async def sent_or_failed(
    ledger: Ledger, run: Run, *, unless: tuple[type[LedgerError], ...] = ()
) -> AsyncIterator[None]:
    """Ends the run if the body cannot send its message, which nobody would work on.

    Errors of the classes `unless` are the caller's to settle.
    """
    try:
        yield
    except unless:
        raise
    except LedgerError as error:
        with suppress(LedgerError):
            await RunRecorder(ledger.runs, run, ledger.clock).fail(error)
        raise
