"""Assigns again what a reclamation took, with the same plans disabled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from compliance.consumers import assignments
from compliance.reclamation import VISIBILITY_LAG
from errors import GraphError
from graph.assign_license import ChangeAnswer, LicenseChange
from graph.current_users import CurrentUser, current_users
from monitor.handover import OutOfTime
from reclamation.journal import Journal, Note
from reclamation.model import RESTORABLE_STATES, Item, Reclamation
from reclamation.sending import (
    ItemKey,
    Stalled,
    by_user,
    is_transient,
    key_of,
    send,
    stalled_by,
)

if TYPE_CHECKING:
    from composition import Ledger
    from graph.client import GraphClient


class Undo:
    """One pass over what a reclamation took and has not given back.

    With `again`, items that could not be given back before are tried too.
    """

    def __init__(
        self,
        ledger: Ledger,
        graph: GraphClient,
        reclamation: Reclamation,
        journal: Journal,
        *,
        again: bool,
    ) -> None:
        self._ledger = ledger
        self._graph = graph
        self._reclamation = reclamation
        self._journal = journal
        self._states = [s for s in RESTORABLE_STATES if again or s != "not_restored"]
        self._stalled: Stalled | None = None

    async def run(
        self, check: Callable[[], Awaitable[object]], out_of_time: Callable[[], bool]
    ) -> None:
        """Goes through the items, twenty users at a time; `check` may forbid the next ones.

        Raises OutOfTime or Stalled if something is left for later, GraphError
        if a whole batch fails; items keep exactly what became of them.
        """
        items = self._ledger.reclamations.items(self._reclamation.reclamation_id, self._states)
        async for users in by_user(items):
            await check()
            await self._give_back(users)
            if self._stalled is not None and self._stalled.throttled:
                raise self._stalled
            if out_of_time():
                raise OutOfTime
        if self._stalled is not None:
            raise self._stalled

    async def _give_back(self, users: Sequence[Sequence[Item]]) -> None:
        found = await current_users(self._graph, [items[0].user_id for items in users])
        settled: list[Note] = []
        due: list[list[Item]] = []
        for items in users:
            current = found[items[0].user_id]
            if isinstance(current, GraphError) and is_transient(current):
                self._stalled = self._stalled or stalled_by(current)
                continue
            wanted: list[Item] = []
            for item in items:
                note = self._settled(item, current)
                if note is None:
                    wanted.append(item)
                else:
                    settled.append(note)
            if wanted:
                due.append(wanted)
        sending = [Note(item, "restoring", "restoring") for items in due for item in items]
        await self._journal.write([*settled, *sending])
        if not due:
            return
        answers = await send(self._graph, due, _assignment)
        await self._journal.write(
            [
                note
                for items in due
                for item in items
                if (note := self._answered(item, answers)) is not None
            ]
        )

    def _settled(self, item: Item, current: CurrentUser | GraphError | None) -> Note | None:
        """What is clear without asking; None if the license is to be assigned."""
        if current is None:
            return Note(item, "not_restored", outcome="user_gone")
        if isinstance(current, GraphError):
            return Note(item, "not_restored", outcome="unreadable", message=current.message)
        if not _holds_directly(current, item) or not self._is_visible(item):
            return None
        if item.state == "unconfirmed":
            return Note(item, "failed", "not_removed", "still_held")
        if item.state == "restoring":
            return Note(item, "restored", "restored", "confirmed_later")
        return Note(item, "restored", outcome="already_held")

    def _is_visible(self, item: Item) -> bool:
        """Whether what was last done to the item shows in reads by now."""
        return item.changed_at is None or self._ledger.clock() - item.changed_at > VISIBILITY_LAG

    def _answered(self, item: Item, answers: dict[ItemKey, ChangeAnswer]) -> Note | None:
        """What became of a license that was assigned; None if that is still open."""
        answer = answers[key_of(item)]
        if answer.error is None:
            return Note(item, "restored", "restored", request_id=answer.request_id)
        if answer.outcome in ("throttled", "uncertain"):
            self._stalled = stalled_by(answer.error)
            return None
        said = answer.error.microsoft_message or answer.error.message
        return Note(item, "not_restored", "not_restored", answer.outcome, said, answer.request_id)


def _holds_directly(current: CurrentUser, item: Item) -> bool:
    user = current.user
    for held in assignments(user.assigned_licenses, user.license_assignment_states):
        if held.sku_id == item.sku_id and held.held:
            return not held.paths or any(path.group_id is None for path in held.paths)
    return False


def _assignment(items: Sequence[Item]) -> LicenseChange:
    return LicenseChange(items[0].user_id, add={item.sku_id: item.disabled_plans for item in items})
