"""Follows what changed in a tenant since its last import, where that is enough.

Graph's delta query tells who changed, with all licenses; it does not tell when
only the way to a license, or its state, changed. So a full read comes at
intervals, when somebody asks for an import by hand, and whenever in doubt.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from errors import DeltaExpired
from graph.models import ChangedUser
from graph.users import user_changes
from identifiers import GroupId, SkuId, UserId
from imports.model import ImportSummary
from imports.reconcile import contact_of, dropped_too_far
from storage.blocks import Layout, encode_contact
from storage.overlay import MAX_BYTES, MAX_CONTACTS, Overlay

if TYPE_CHECKING:
    from collections.abc import Collection

    from composition import Ledger
    from graph.client import GraphClient
    from identifiers import PortalId
    from monitor.recorder import RunRecorder
    from portals.model import Portal

DELTA_KIND = "delta"
# Beyond every fourth contact, reading all of them costs about the same.
_MAX_SHARE = 4


class DeltaState(msgspec.Struct, frozen=True):
    """Where the next import goes on: the delta link, and what the full read before it found.

    `excluded` are the SKUs that the stored contacts lack. `rooms` are the
    casefolded mail addresses of the tenant's rooms, None if they could not be
    read.
    """

    link: str
    full_read_at: datetime
    excluded: tuple[SkuId, ...]
    rooms: tuple[str, ...] | None


class UserChanges(msgspec.Struct, frozen=True):
    """Everybody who changed since the state was saved, as they are now; by user ID."""

    state: DeltaState
    layout: Layout
    overlay: Overlay
    users: dict[UserId, ChangedUser]
    link: str

    @property
    def removed(self) -> int:
        """How many users are gone."""
        return sum(user.removed is not None for user in self.users.values())

    def unknown_groups(self, known: Collection[GroupId]) -> bool:
        """Whether somebody got a license through a group that is not among the known ones."""
        return any(
            way.assigned_by_group is not None and way.assigned_by_group not in known
            for user in self.users.values()
            for way in user.license_assignment_states or ()
        )

    def may_have_new_room(self) -> bool:
        """Whether somebody may be a room not known yet: rooms' accounts may not sign in."""
        rooms = self.state.rooms
        return rooms is not None and any(
            user.account_enabled is False
            and user.mail is not None
            and user.mail.casefold() not in rooms
            for user in self.users.values()
        )


def full_read_due(
    state: DeltaState | None,
    previous: ImportSummary,
    exclusions: Collection[SkuId],
    *,
    now: datetime,
    full_read_hours: int,
    minimum_contacts: int,
) -> str | None:
    """Why all users must be read, None if following the changes is enough."""
    if state is None:
        return "no earlier import to go on from"
    if set(state.excluded) != set(exclusions):
        return "the exclusions changed"
    if previous.contact_count < minimum_contacts:
        return "the tenant is small"
    if state.full_read_at + timedelta(hours=full_read_hours) <= now:
        return f"the last full read is {full_read_hours} hours old"
    return None


async def read_changes(
    ledger: Ledger,
    portal: Portal,
    graph: GraphClient,
    previous: ImportSummary,
    recorder: RunRecorder,
) -> UserChanges | None:
    """Who changed since the last import; None, and why in the run's log, if all must be read.

    Raises GraphError when the changes cannot be read to their end.
    """
    stored = await ledger.sync_state.read(portal.portal_id, DELTA_KIND)
    state = msgspec.json.decode(stored, type=DeltaState) if stored is not None else None
    reason = full_read_due(
        state,
        previous,
        portal.exclusions,
        now=ledger.clock(),
        full_read_hours=ledger.settings.full_enumeration_hours,
        minimum_contacts=ledger.settings.delta_minimum_contacts,
    )
    standing = await ledger.contacts.standing(portal.portal_id) if reason is None else None
    if state is not None and standing is not None:
        try:
            changes = await _collect(graph, state, standing, previous.contact_count)
        except DeltaExpired as expired:
            reason = f"Graph no longer knows what changed ({expired.microsoft_code or 'gone'})"
        else:
            reason = _too_much(changes, previous, ledger.settings.removal_hold_percent)
            if reason is None:
                return changes
    recorder.log("info", f"All users are read: {reason}.")
    return None


async def _collect(
    graph: GraphClient, state: DeltaState, standing: tuple[Layout, Overlay], contact_count: int
) -> UserChanges:
    layout, overlay = standing
    users: dict[UserId, ChangedUser] = {}
    link: str | None = None
    async for page in user_changes(graph, state.link):
        # the later of two entries is the newer one
        users.update((user.id, user) for user in page.value)
        link = page.delta_link
        if len(users) > MAX_CONTACTS or len(users) * _MAX_SHARE > contact_count:
            break
    return UserChanges(state, layout, overlay, users, link or state.link)


def _too_much(changes: UserChanges, previous: ImportSummary, hold_percent: int) -> str | None:
    count = len(changes.users)
    if count > MAX_CONTACTS or count * _MAX_SHARE > previous.contact_count:
        return f"at least {count} users changed"
    if dropped_too_far(
        previous.contact_count, previous.contact_count - changes.removed, hold_percent
    ):
        return f"{changes.removed} users are told to be gone"
    carried = len(changes.overlay.merged(dict.fromkeys(changes.users)))
    if carried > MAX_CONTACTS or carried * _MAX_SHARE > previous.contact_count:
        return f"{carried} contacts changed since the last full read"
    return None


async def apply_changes(
    ledger: Ledger,
    portal_id: PortalId,
    changes: UserChanges,
    rooms: Collection[str],
    excluded: Collection[SkuId],
    recorder: RunRecorder,
) -> bool:
    """Makes the contacts and consumers say what changed; False if that became too much to carry.

    Applying the same changes again changes nothing.
    """
    erasures = await ledger.erasures.of(portal_id)
    overlay = changes.overlay.merged(
        {
            erasures.shown_id(user_id): None
            if user.removed is not None
            else encode_contact(erasures.shown(contact_of(user, rooms, excluded)))
            for user_id, user in changes.users.items()
        }
    )
    if len(overlay.encode()) > MAX_BYTES:
        recorder.log("info", "All users are read: too much changed since the last full read.")
        return False
    written = 0
    if changes.users:
        written = await ledger.contacts.save_overlay(portal_id, changes.layout, overlay)
    recorder.set_count("contacts_changed", len(changes.users) - changes.removed)
    recorder.set_count("contacts_removed", changes.removed)
    recorder.set_count("rows_written", written)
    return True
