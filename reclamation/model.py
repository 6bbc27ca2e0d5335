"""What a reclamation is: a preview of who would lose what, and what became of it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import msgspec

from compliance.model import PathKind
from identifiers import GroupId, PortalId, ReclamationId, RunId, ServicePlanId, SkuId, UserId

Reason = Literal["inactive", "never_active", "blocked", "guest", "duplicate"]
# Reasons that rest on what is known of a contact's activity.
ACTIVITY_REASONS: frozenset[Reason] = frozenset({"inactive", "never_active"})

ReclamationState = Literal[
    "preparing", "ready", "preview_failed", "executing", "executed", "stopped", "undoing", "undone"
]
ItemState = Literal[
    "planned",
    "inherited",
    "unconfirmed",
    "reclaimed",
    "skipped",
    "failed",
    "restoring",
    "restored",
    "not_restored",
]
# What an execution still has to do, and what an undo may give back.
OPEN_STATES: tuple[ItemState, ...] = ("planned", "unconfirmed")
RESTORABLE_STATES: tuple[ItemState, ...] = (
    "reclaimed",
    "unconfirmed",
    "restoring",
    "not_restored",
)
AuditAction = Literal["removing", "removed", "not_removed", "restoring", "restored", "not_restored"]


class Rule(msgspec.Struct, frozen=True):
    """Whom licenses are taken from; a contact that meets any part is meant.

    `inactive_days` is after how many days without activity; None leaves
    inactivity out. `coverage_days` are the days that reports must cover for
    `never_active` to be believed.
    """

    inactive_days: int | None = None
    never_active: bool = False
    blocked: bool = False
    guest: bool = False
    duplicate: bool = False
    coverage_days: int = 90

    @property
    def asks_for_activity(self) -> bool:
        """Whether the rule needs to know when contacts were last active."""
        return self.inactive_days is not None or self.never_active


class Exclusions(msgspec.Struct, frozen=True):
    """Who keeps everything: contacts, members of groups (nested ones too), departments."""

    user_ids: frozenset[UserId] = frozenset()
    group_ids: tuple[GroupId, ...] = ()
    departments: tuple[str, ...] = ()


class Reclamation(msgspec.Struct, frozen=True):
    """A preview, and what became of it; `etag` is set by storage.

    `sku_ids` are the licenses it is about, None for all of a user's licenses.
    `account` counts items by state. `unknown_activity` counts contacts that
    hold such a license and that the rule left alone since nothing is known of
    their activity. `savings` are the yearly sums by currency, as exact
    fractions, of what the preview planned; `unpriced` counts planned items
    without a known cost. `reclaimed_savings` are those of what was taken and
    not given back. `*_by` is who asked. While the preview is being made, it
    covers the contacts up to `previewed_until`, and so do its sums.
    """

    reclamation_id: ReclamationId
    portal_id: PortalId
    portal_name: str
    rule: Rule
    exclusions: Exclusions
    state: ReclamationState
    created_at: datetime
    expires_at: datetime
    previewed_by: str
    preview_run_id: RunId
    sku_ids: tuple[SkuId, ...] | None = None
    account: dict[ItemState, int] = {}
    unknown_activity: int = 0
    savings: dict[str, str] = {}
    unpriced: int = 0
    reclaimed_savings: dict[str, str] = {}
    executed_by: str | None = None
    executed_at: datetime | None = None
    execution_run_id: RunId | None = None
    undone_by: str | None = None
    undone_at: datetime | None = None
    undo_run_id: RunId | None = None
    previewed_until: UserId | None = None
    etag: str | None = None


class Item(msgspec.Struct, frozen=True):
    """One license of one contact: why it would go, and what became of it.

    `outcome` and `message` say why the item is in its state, where that needs
    saying. `group_ids` are the groups through which the license comes.
    `covered_by` is the license that makes a duplicate superfluous.
    `annual_cost` is an exact fraction in `currency`, None if unknown.
    `changed_at` is when the state last changed.
    """

    user_id: UserId
    sku_id: SkuId
    user_principal_name: str
    title: str
    sku_part_number: str
    reasons: tuple[Reason, ...]
    path: PathKind
    state: ItemState
    display_name: str | None = None
    department: str | None = None
    group_ids: tuple[GroupId, ...] = ()
    covered_by: SkuId | None = None
    last_activity: date | None = None
    disabled_plans: tuple[ServicePlanId, ...] = ()
    annual_cost: str | None = None
    currency: str | None = None
    outcome: str | None = None
    message: str | None = None
    changed_at: datetime | None = None


class AuditEntry(msgspec.Struct, frozen=True):
    """One thing done, or tried, to a license of a user; never changed after it is written."""

    at: datetime
    action: AuditAction
    by: str
    portal_id: PortalId
    portal_name: str
    run_id: RunId
    user_id: UserId
    user_principal_name: str
    sku_id: SkuId
    title: str
    reasons: tuple[Reason, ...]
    disabled_plans: tuple[ServicePlanId, ...] = ()
    outcome: str | None = None
    message: str | None = None
    request_id: str | None = None
