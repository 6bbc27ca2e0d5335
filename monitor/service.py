"""Reads runs, derives the state of those that have children, and reviews poison queues."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from compliance.messages import QUEUE as RECALCULATIONS
from errors import LedgerError, NotFound
from identifiers import RunId
from imports.messages import QUEUE as IMPORTS
from imports.messages import ImportMessage
from imports.service import continue_after
from monitor.recorder import RunRecorder
from monitor.run import FINISHED, Run, State
from reclamation.messages import QUEUE as RECLAMATIONS
from reclamation.messages import ReclamationMessage
from reclamation.service import end_early
from usage.messages import QUEUE as USAGE

if TYPE_CHECKING:
    from composition import Ledger

_POISON_LOOKED_AT = 32


def state_of_children(states: Sequence[State], child_count: int) -> State:
    """What a parent's state is: finished when all its children are."""
    finished = [state for state in states if state in FINISHED]
    if len(finished) < child_count:
        return "Running" if finished or "Running" in states else "Queued"
    if all(state == "Succeeded" for state in finished):
        return "Succeeded"
    return "Failed" if all(state == "Failed" for state in finished) else "PartiallySucceeded"


async def as_children_make_it(ledger: Ledger, run: Run) -> Run:
    """The run with the state and counts that follow from its children."""
    if run.state in FINISHED:
        return run
    derived, _ = await with_children(ledger, run)
    return derived


async def with_children(ledger: Ledger, run: Run) -> tuple[Run, Sequence[Run]]:
    """The run as its children make it, and the children.

    A parent seen finished is stored so, and not derived again.
    """
    if run.child_count == 0:
        return run, ()
    children = await ledger.runs.children(run)
    if run.state in FINISHED:
        return run, children
    state = state_of_children([child.state for child in children], run.child_count)
    totals: Counter[str] = Counter({"portals": run.child_count})
    for child in children:
        totals[child.state.lower()] += 1
    started = [child.started_at for child in children if child.started_at is not None]
    ended = [child.finished_at for child in children if child.finished_at is not None]
    derived = msgspec.structs.replace(
        run,
        state=state,
        counts=dict(totals),
        started_at=min(started, default=None),
        finished_at=max(ended, default=None) if state in FINISHED else None,
    )
    if state in FINISHED:
        await ledger.runs.save(derived)
    return derived, children


class _RunMessage(msgspec.Struct, frozen=True):
    """What the messages of all queues have in common."""

    run_id: RunId


async def review_poison_queues(ledger: Ledger) -> int:
    """Ends the runs of poisoned messages as failed; returns how many.

    A worker that dies takes the chance to say so with it; its message still
    reaches the poison queue, and stays there to be looked at.
    """
    ended = 0
    for queue in (IMPORTS, RECALCULATIONS, RECLAMATIONS, USAGE):
        for content in await ledger.queue.peek(f"{queue}-poison", _POISON_LOOKED_AT):
            try:
                run = await ledger.runs.get(msgspec.json.decode(content, type=_RunMessage).run_id)
            except (msgspec.DecodeError, NotFound):
                continue
            if run.state not in FINISHED:
                recorder = RunRecorder(ledger.runs, run, ledger.clock)
                if queue == IMPORTS:
                    await continue_after(ledger, msgspec.json.decode(content, type=ImportMessage))
                if queue == RECLAMATIONS:
                    await end_early(ledger, msgspec.json.decode(content, type=ReclamationMessage))
                await recorder.fail(
                    LedgerError(
                        "The worker ended without a word at every attempt.",
                        remedy="Look for crashes or exhausted memory in Application Insights; "
                        f"the message is in the queue {queue}-poison.",
                        code="gave_up",
                    )
                )
                ended += 1
    return ended
