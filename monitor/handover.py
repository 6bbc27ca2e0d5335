"""Hands what is left of a run to a new message of its queue: another worker goes on with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from errors import Stuck

if TYPE_CHECKING:
    from consolidation.messages import ConsolidationMessage
    from imports.messages import ImportMessage
    from monitor.recorder import RunRecorder
    from reclamation.messages import ReclamationMessage
    from storage.queues import WorkQueue
    from usage.messages import UsageMessage

# How long to leave a portal to the run that holds its lease.
LEASE_WAIT_SECONDS = 5
MAX_ATTEMPTS = 1000


class OutOfTime(Exception):
    """The time budget is spent; where to go on is stored, and a new message goes on there."""


async def hand_over(
    queue: WorkQueue,
    name: str,
    message: ConsolidationMessage | ImportMessage | ReclamationMessage | UsageMessage,
    recorder: RunRecorder,
    *,
    code: str,
    delay_seconds: int = 0,
) -> None:
    """Stores what the run has to tell, and queues its next attempt, to be seen after the delay.

    Raises Stuck, of the code, instead of queueing more than MAX_ATTEMPTS.
    """
    if message.attempt >= MAX_ATTEMPTS:
        raise Stuck(
            f"The {recorder.run.task} run was handed over {MAX_ATTEMPTS} times without an end.",
            remedy="Look at the portal's other runs; one of them may be stuck.",
            code=code,
        )
    await recorder.flush()
    following = msgspec.structs.replace(message, attempt=message.attempt + 1)
    await queue.send(name, msgspec.json.encode(following), delay_seconds=delay_seconds)
