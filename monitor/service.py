"""Reads runs, derives the state of those that have children, and reviews poison queues."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from compliance.messages import QUEUE as RECALCULATIONS
from consolidation.messages import QUEUE as CONSOLIDATIONS
from errors import LedgerError, NotFound
from identifiers import PortalId, RunId
from imports.messages import QUEUE as IMPORTS
from imports.messages import ImportMessage
from imports.service import continue_after
from monitor.parents import short_of_children
from monitor.recorder import RunRecorder
from monitor.run import CHILDREN_WINDOW, FINISHED, Run, RunError, State, Task
from reclamation.messages import QUEUE as RECLAMATIONS
from reclamation.messages import ReclamationMessage
from reclamation.service import end_early
from usage.messages import QUEUE as USAGE

if TYPE_CHECKING:
    from composition import Ledger
    from storage.tables import Page

_POISON_LOOKED_AT = 5000


def state_of_children(states: Sequence[State], child_count: int) -> State:
    """What a parent's state is: finished when all its children are."""
    finished = [state for state in states if state in FINISHED]
    if len(finished) < child_count:
        return "Running" if finished or "Running" in states else "Queued"
    if all(state == "Succeeded" for state in finished):
        return "Succeeded"
    return "Failed" if all(state == "Failed" for state in finished) else "PartiallySucceeded"


async def list_runs(
    ledger: Ledger,
    *,
    top: int,
    continuation: str | None,
    task: Task | None = None,
    portal_id: PortalId | None = None,
    state: State | None = None,
    parent_run_id: RunId | None = None,
) -> Page[Run]:
    """Runs that match, newest first; of those with children, their state as it follows from them.

    A page may be short, or empty, and still continue.
    """
    page = await ledger.runs.list_page(
        now=ledger.clock(),
        top=top,
        continuation=continuation,
        task=task,
        portal_id=portal_id,
        state=state,
        parent_run_id=parent_run_id,
    )
    runs = [await as_children_make_it(ledger, run) for run in page.items]
    matching = [run for run in runs if state in (None, run.state)]
    return msgspec.structs.replace(page, items=matching)


async def as_children_make_it(ledger: Ledger, run: Run) -> Run:
    """The run with the state and counts that follow from its children."""
    if run.state in FINISHED or run.child_count == 0:
        return run
    derived, _ = await with_children(ledger, run)
    return derived


async def with_children(ledger: Ledger, run: Run) -> tuple[Run, Sequence[Run]]:
    """The run as its children make it, and the children.

    A parent seen finished is stored so, and not derived again.
    """
    if run.child_count == 0:
        # a recalculation by hand asked for the import before it, and ends by itself
        own = await ledger.runs.children(run) if run.task == "recalculation" else ()
        return run, own
    children = await ledger.runs.children(run)
    if run.state in FINISHED:
        return run, children
    if len(children) < run.child_count and ledger.clock() > run.created_at + CHILDREN_WINDOW:
        # whoever queued them died over it
        run = short_of_children(run, len(children), ledger.clock())
    state = state_of_children([child.state for child in children], run.child_count)
    if run.error is not None and state == "Succeeded":
        state = "PartiallySucceeded" if children else "Failed"
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
        finished_at=max(ended, default=ledger.clock()) if state in FINISHED else None,
        error=run.error or (_all_failed(run.child_count) if state == "Failed" else None),
    )
    if state in FINISHED:
        await ledger.runs.save(derived)
    return derived, children


def _all_failed(children: int) -> RunError:
    return RunError(
        code="children_failed",
        message=f"All {children} runs that it started failed.",
        remedy="Look at them; each says why.",
    )


class _RunMessage(msgspec.Struct, frozen=True):
    """What the messages of all queues have in common."""

    run_id: RunId


async def review_poison_queues(ledger: Ledger) -> int:
    """Ends the runs of poisoned messages as failed; returns how many.

    A worker that dies takes the chance to say so with it; its message still
    reaches the poison queue, and stays there to be looked at.
    """
    ended = 0
    for queue in (IMPORTS, RECALCULATIONS, RECLAMATIONS, USAGE, CONSOLIDATIONS):
        async for content in ledger.queue.browse(f"{queue}-poison", _POISON_LOOKED_AT):
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
