"""Writes down what becomes of items, each change together with its audit entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from reclamation.model import AuditAction, AuditEntry, Item, ItemState

if TYPE_CHECKING:
    from composition import Ledger
    from identifiers import RunId
    from monitor.recorder import RunRecorder
    from reclamation.model import Reclamation

_UNDER_WAY: frozenset[ItemState] = frozenset({"planned", "unconfirmed", "restoring"})


class Note(msgspec.Struct, frozen=True):
    """A new state of an item; with an action it also goes into the audit."""

    item: Item
    state: ItemState
    action: AuditAction | None = None
    outcome: str | None = None
    message: str | None = None
    request_id: str | None = None


class Journal:
    """The record of one delivery; `settled` counts items that it brought to an end.

    `by` is who asked for what is done.
    """

    def __init__(
        self,
        ledger: Ledger,
        reclamation: Reclamation,
        run_id: RunId,
        by: str,
        recorder: RunRecorder,
    ) -> None:
        self.settled = 0
        self._ledger = ledger
        self._reclamation = reclamation
        self._run_id = run_id
        self._by = by
        self._recorder = recorder

    async def write(self, notes: Sequence[Note]) -> None:
        """Stores the items in their new states, and the audit entries with them."""
        now = self._ledger.clock()
        changes: list[tuple[Item, AuditEntry | None]] = []
        for note in notes:
            item = msgspec.structs.replace(
                note.item,
                state=note.state,
                outcome=note.outcome,
                message=note.message,
                changed_at=now,
            )
            entry = None
            if note.action is not None:
                entry = AuditEntry(
                    at=now,
                    action=note.action,
                    by=self._by,
                    portal_id=self._reclamation.portal_id,
                    portal_name=self._reclamation.portal_name,
                    run_id=self._run_id,
                    user_id=item.user_id,
                    user_principal_name=item.user_principal_name,
                    sku_id=item.sku_id,
                    title=item.title,
                    reasons=item.reasons,
                    disabled_plans=item.disabled_plans,
                    outcome=note.outcome,
                    message=note.message,
                    request_id=note.request_id,
                )
            changes.append((item, entry))
            if note.state not in _UNDER_WAY:
                self.settled += 1
                self._recorder.count(note.state, 1)
        await self._ledger.reclamations.record(self._reclamation.reclamation_id, changes)
