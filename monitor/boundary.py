"""The edge of a queue function: what a failed message does to its run."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from errors import LedgerError
from identifiers import RunId
from monitor.recorder import RunRecorder
from monitor.run import FINISHED

if TYPE_CHECKING:
    import azure.functions as func

    from composition import Ledger

logger = logging.getLogger("ledger365.monitor")

# host.json sets the same number as maxDequeueCount
MAX_ATTEMPTS = 5


@asynccontextmanager
async def settle(
    ledger: Ledger,
    run_id: RunId,
    message: func.QueueMessage,
    given_up: Callable[[], Awaitable[None]] | None = None,
) -> AsyncIterator[None]:
    """Lets a failure go on to the host, which tries the message again; notes it on the run.

    At the fifth attempt the run ends as failed, `given_up` is called, and the
    host moves the message to the poison queue.
    """
    try:
        yield
    except Exception as error:
        logger.exception("Run %s: attempt %s failed", run_id, message.dequeue_count)
        attempt = message.dequeue_count or 1
        await note_attempt(ledger, run_id, error, attempt)
        if attempt >= MAX_ATTEMPTS and given_up is not None:
            await given_up()
        raise


async def note_attempt(ledger: Ledger, run_id: RunId, error: Exception, attempt: int) -> None:
    """Writes a failed attempt into the run's log, and ends the run at the last one."""
    recorder = RunRecorder(ledger.runs, await ledger.runs.get(run_id), ledger.clock)
    if recorder.run.state in FINISHED:
        return
    known = error if isinstance(error, LedgerError) else None
    cause = known.message if known else f"an unexpected {type(error).__name__}"
    if attempt < MAX_ATTEMPTS:
        recorder.log("warning", f"Attempt {attempt} of {MAX_ATTEMPTS} failed: {cause}")
        await recorder.flush()
        return
    await recorder.fail(
        LedgerError(
            f"Given up after {MAX_ATTEMPTS} attempts: {cause}",
            remedy=known.remedy
            if known
            else "Look up the run in Application Insights, mend the cause, and start it again.",
            code=known.code if known else "gave_up",
        )
    )
