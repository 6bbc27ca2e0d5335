"""Takes the licenses of a preview from their users, each after another look at the user."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TYPE_CHECKING

import msgspec

from compliance.reclamation import (
    Now,
    Verdict,
    verdict,
    waits_for_visibility,
    with_sign_in,
)
from errors import GraphError
from graph.assign_license import ChangeAnswer, LicenseChange, Outcome
from graph.current_users import CurrentUser, current_users
from imports.reconcile import contact_of
from monitor.handover import OutOfTime
from reclamation.journal import Journal, Note
from reclamation.model import OPEN_STATES, Item, ItemState, Reclamation
from reclamation.sending import (
    ItemKey,
    Stalled,
    by_user,
    is_transient,
    key_of,
    not_visible_yet,
    send,
    stalled_by,
)

if TYPE_CHECKING:
    from composition import Ledger
    from graph.client import GraphClient
    from identifiers import UserId
    from portals.model import Portal
    from reclamation.evidence import Evidence
    from usage.model import Usage

# What a refusal makes of an item, unless it is a failure.
_STATES: dict[Outcome, ItemState] = {
    "inherited": "inherited",
    "not_held": "skipped",
    "user_gone": "skipped",
}


class Execution:
    """One pass over what a reclamation still has to do.

    `members` are those of the excluded groups, read anew.
    """

    def __init__(
        self,
        ledger: Ledger,
        graph: GraphClient,
        portal: Portal,
        reclamation: Reclamation,
        evidence: Evidence,
        members: Collection[UserId],
        journal: Journal,
    ) -> None:
        self._ledger = ledger
        self._graph = graph
        self._portal = portal
        self._reclamation = reclamation
        self._evidence = evidence
        self._members = members
        self._journal = journal
        self._stalled: Stalled | None = None

    async def run(
        self, check: Callable[[], Awaitable[object]], out_of_time: Callable[[], bool]
    ) -> None:
        """Goes through the open items, twenty users at a time; `check` may forbid the next ones.

        Raises OutOfTime or Stalled if something is left for later, GraphError
        if a whole batch fails; items keep exactly what became of them.
        """
        items = self._ledger.reclamations.items(self._reclamation.reclamation_id, OPEN_STATES)
        async for users in by_user(items):
            await check()
            await self._take(users)
            if self._stalled is not None and self._stalled.throttled:
                raise self._stalled
            if out_of_time():
                raise OutOfTime
        if self._stalled is not None:
            raise self._stalled

    async def _take(self, users: Sequence[Sequence[Item]]) -> None:
        user_ids = [items[0].user_id for items in users]
        found = await current_users(self._graph, user_ids)
        usages = await self._ledger.usage.get_many(self._reclamation.portal_id, user_ids)
        settled: list[Note] = []
        due: list[list[Item]] = []
        for items in users:
            user_id = items[0].user_id
            current = found[user_id]
            if isinstance(current, GraphError):
                settled += self._unreadable(items, current)
                continue
            now = self._now(current, usages.get(user_id)) if current is not None else None
            wanted = [item for item in items if self._is_due(item, now, settled)]
            if wanted and now is not None:
                due.append([_as_held(item, now) for item in wanted])
        sending = [Note(item, "unconfirmed", "removing") for items in due for item in items]
        await self._journal.write([*settled, *sending])
        if not due:
            return
        answers = await send(self._graph, due, _removal)
        await self._journal.write(
            [
                note
                for items in due
                for item in items
                if (note := self._answered(item, answers)) is not None
            ]
        )

    def _now(self, current: CurrentUser, usage: Usage | None) -> Now:
        contact = contact_of(current.user, (), ())
        known = with_sign_in(usage, contact.user_id, current.last_sign_in)
        duplicates = (
            self._evidence.duplicates_of(contact) if self._reclamation.rule.duplicate else {}
        )
        return Now(
            contact,
            self._evidence.activity(known),
            duplicates,
            current.sign_ins_known,
            current.last_sign_in,
        )

    def _is_due(self, item: Item, now: Now | None, settled: list[Note]) -> bool:
        """Whether to take the license; if not, what became of the item is added to `settled`."""
        decided = verdict(
            item,
            now,
            rule=self._reclamation.rule,
            exclusions=self._reclamation.exclusions,
            members=self._members,
            previewed_at=self._reclamation.created_at,
            excluded_skus=self._portal.exclusions,
        )
        if decided == "due":
            return True
        if waits_for_visibility(item, decided, self._ledger.clock()):
            self._stalled = self._stalled or not_visible_yet()
        else:
            settled.append(_decided(item, decided))
        return False

    def _unreadable(self, items: Sequence[Item], error: GraphError) -> list[Note]:
        if is_transient(error):
            self._stalled = self._stalled or stalled_by(error)
            return []
        return [
            Note(item, "skipped", outcome="unreadable", message=error.message) for item in items
        ]

    def _answered(self, item: Item, answers: dict[ItemKey, ChangeAnswer]) -> Note | None:
        """What became of a license that was asked for; None if that is still open."""
        answer = answers[key_of(item)]
        # an earlier delivery, or an earlier try, may have taken it
        doubtful = answer.uncertain or item.state == "unconfirmed"
        if answer.error is None or (answer.outcome == "not_held" and doubtful):
            outcome = None if answer.error is None else "confirmed_later"
            return Note(item, "reclaimed", "removed", outcome, request_id=answer.request_id)
        if answer.outcome in ("throttled", "uncertain"):
            self._stalled = stalled_by(answer.error)
            return None if doubtful else Note(item, "planned", "not_removed", answer.outcome)
        said = answer.error.microsoft_message or answer.error.message
        state = _STATES.get(answer.outcome, "failed")
        return Note(item, state, "not_removed", answer.outcome, said, answer.request_id)


def _as_held(item: Item, now: Now) -> Item:
    """The item with the plans that are disabled at this moment, for an undo."""
    for assignment in now.contact.assignments:
        if assignment.sku_id == item.sku_id:
            return msgspec.structs.replace(item, disabled_plans=assignment.disabled_plans)
    return item


def _removal(items: Sequence[Item]) -> LicenseChange:
    return LicenseChange(items[0].user_id, remove=tuple(item.sku_id for item in items))


def _decided(item: Item, decided: Verdict) -> Note:
    if decided == "not_held" and item.state == "unconfirmed":
        # asked for by a delivery that did not live to hear the answer
        return Note(item, "reclaimed", "removed", "confirmed_later")
    if decided == "inherited":
        return Note(item, "inherited", outcome="inherited")
    return Note(item, "skipped", outcome=decided)
