"""Who may lose which license, and why: pure.

The same rules make a preview from the ledger and judge each user again, as
read from the tenant, just before a license is taken. Unknown activity is no
reason for anything.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import Literal

import msgspec

from compliance.consumers import path_of
from compliance.model import PathKind
from identifiers import GroupId, ServicePlanId, SkuId, UserId
from imports.model import Assignment, Contact
from reclamation.model import ACTIVITY_REASONS, Exclusions, Item, Reason, Rule
from usage.activity import day_of, is_inactive, last_activity
from usage.model import Usage, UsageStatus

# A usage run older than this tells nothing of who is inactive now.
USAGE_MAX_AGE_DAYS = 7
# Writes show in reads after some minutes; a read may be trusted when this has passed.
VISIBILITY_LAG = timedelta(minutes=10)
# Direct copies beside a group's are not worth taking: they free no seat.
_INHERITED: frozenset[PathKind] = frozenset({"group", "both"})

Verdict = Literal[
    "due",
    "user_gone",
    "not_held",
    "inherited",
    "excluded",
    "became_active",
    "assigned_since",
    "activity_unknown",
    "no_longer_due",
]


class Candidate(msgspec.Struct, frozen=True):
    """A license that the rule takes from a contact, or would, if it were not inherited."""

    sku_id: SkuId
    reasons: tuple[Reason, ...]
    path: PathKind
    group_ids: tuple[GroupId, ...]
    disabled_plans: tuple[ServicePlanId, ...]
    covered_by: SkuId | None = None

    @property
    def inherited(self) -> bool:
        """Whether a group gives the license, so that taking it from the user frees nothing."""
        return self.path in _INHERITED


class Activity(msgspec.Struct, frozen=True):
    """What is known of a contact's activity; with `status` None nothing is."""

    usage: Usage | None
    status: UsageStatus | None
    today: date


class Now(msgspec.Struct, frozen=True):
    """A contact as the tenant shows it at this moment, and what is known of its activity.

    Unless `sign_ins_known`, the tenant does not tell sign-ins now.
    """

    contact: Contact
    activity: Activity
    duplicates: Mapping[SkuId, SkuId]
    sign_ins_known: bool
    last_sign_in: datetime | None


def recent(status: UsageStatus | None, now: datetime) -> UsageStatus | None:
    """The status of a usage run that is recent enough to tell who is inactive, else None."""
    if status is None or now - status.completed_at > timedelta(days=USAGE_MAX_AGE_DAYS):
        return None
    return status


def kept_out(contact: Contact, exclusions: Exclusions, members: Collection[UserId]) -> bool:
    """Whether the exclusions name the contact; `members` are those of the excluded groups."""
    if contact.user_id in exclusions.user_ids or contact.user_id in members:
        return True
    if any(p.group_id in exclusions.group_ids for a in contact.assignments for p in a.paths):
        return True
    department = _folded(contact.department)
    return department is not None and any(
        department == _folded(excluded) for excluded in exclusions.departments
    )


def _folded(text: str | None) -> str | None:
    return text.strip().casefold() if text is not None else None


def candidates(
    contact: Contact,
    activity: Activity,
    duplicates: Mapping[SkuId, SkuId],
    *,
    rule: Rule,
    sku_ids: Collection[SkuId] | None,
) -> list[Candidate]:
    """What the rule takes from the contact, each license with its reasons.

    `sku_ids` are the licenses asked for, None for all. `duplicates` maps each
    superfluous license to the one that covers it. Rooms are left alone: their
    accounts are blocked and never active by nature. So are erased contacts,
    whose IDs mean nobody to the tenant.
    """
    held = [
        assignment
        for assignment in contact.assignments
        if assignment.held and (sku_ids is None or assignment.sku_id in sku_ids)
    ]
    if not held or _is_left_alone(contact):
        return []
    reasons = _reasons(contact, activity, rule)
    found: list[Candidate] = []
    for assignment in held:
        covered_by = duplicates.get(assignment.sku_id) if rule.duplicate else None
        why = (*reasons, "duplicate") if covered_by is not None else reasons
        if why:
            found.append(_candidate(assignment, why, covered_by))
    return found


def activity_unknown(contact: Contact, activity: Activity, rule: Rule) -> bool:
    """Whether the rule asks for the contact's activity, and nothing is known of it."""
    if not rule.asks_for_activity or _is_left_alone(contact):
        return False
    days = rule.inactive_days if rule.inactive_days is not None else rule.coverage_days
    return _inactive(contact, activity, days) is None


def _is_left_alone(contact: Contact) -> bool:
    return contact.kind == "room" or contact.erased


def _candidate(
    assignment: Assignment, reasons: tuple[Reason, ...], covered_by: SkuId | None
) -> Candidate:
    return Candidate(
        assignment.sku_id,
        reasons,
        path_of(assignment),
        tuple(path.group_id for path in assignment.paths if path.group_id is not None),
        assignment.disabled_plans,
        covered_by,
    )


def _reasons(contact: Contact, activity: Activity, rule: Rule) -> tuple[Reason, ...]:
    found: list[Reason] = []
    never = last_activity(activity.usage, activity.status) is None
    if rule.inactive_days is not None and _inactive(contact, activity, rule.inactive_days):
        found.append("never_active" if never else "inactive")
    elif rule.never_active and never and _inactive(contact, activity, rule.coverage_days):
        found.append("never_active")
    if rule.blocked and contact.account_enabled is False:
        found.append("blocked")
    if rule.guest and contact.kind == "guest":
        found.append("guest")
    return tuple(found)


def _inactive(contact: Contact, activity: Activity, days: int) -> bool | None:
    return is_inactive(contact, activity.usage, activity.status, today=activity.today, days=days)


def with_sign_in(usage: Usage | None, user_id: UserId, last_sign_in: datetime | None) -> Usage:
    """The usage with the last sign-in as the tenant tells it now, if that is later."""
    known = usage if usage is not None else Usage(user_id)
    if last_sign_in is None:
        return known
    stored = day_of(known.last_sign_in)
    day = last_sign_in.date()
    if stored is not None and stored >= day:
        return known
    return msgspec.structs.replace(known, last_sign_in=day.isoformat())


def verdict(
    item: Item,
    now: Now | None,
    *,
    rule: Rule,
    exclusions: Exclusions,
    members: Collection[UserId],
    previewed_at: datetime,
    excluded_skus: Collection[SkuId] = (),
) -> Verdict:
    """Whether the license of a previewed item may still be taken, as the tenant shows it now.

    `now` is None for a user who is gone. `excluded_skus` are those that the
    portal leaves alone. Only reasons that the preview gave
    count; a sign-in since then voids all but those that it cannot contradict.
    """
    if now is None:
        return "user_gone"
    assignment = next((a for a in now.contact.assignments if a.sku_id == item.sku_id), None)
    if assignment is None or not assignment.held:
        return "not_held"
    if item.sku_id in excluded_skus or kept_out(now.contact, exclusions, members):
        return "excluded"
    if path_of(assignment) in _INHERITED:
        return "inherited"
    if _assigned_after(assignment, previewed_at):
        return "assigned_since"
    found = candidates(now.contact, now.activity, now.duplicates, rule=rule, sku_ids=(item.sku_id,))
    standing = set(item.reasons) & {reason for one in found for reason in one.reasons}
    if now.last_sign_in is not None and now.last_sign_in > previewed_at:
        standing -= ACTIVITY_REASONS | {"guest"}
        if not standing:
            return "became_active"
    if not now.sign_ins_known and _rested_on_sign_ins(now.activity.status):
        standing -= ACTIVITY_REASONS
    if standing:
        return "due"
    if not ACTIVITY_REASONS & set(item.reasons):
        return "no_longer_due"
    if not now.sign_ins_known and _rested_on_sign_ins(now.activity.status):
        return "activity_unknown"
    return (
        "activity_unknown"
        if activity_unknown(now.contact, now.activity, rule)
        else ("became_active")
    )


def _assigned_after(assignment: Assignment, moment: datetime) -> bool:
    for path in assignment.paths:
        if path.group_id is None and path.updated_at is not None:
            try:
                updated = datetime.fromisoformat(path.updated_at)
            except ValueError:
                continue
            if updated.tzinfo is not None and updated > moment:
                return True
    return False


def _rested_on_sign_ins(status: UsageStatus | None) -> bool:
    """Whether the tenant told its sign-ins when usage was read, so that it should now."""
    return (
        status is not None and "sign_ins" in status.tasks and "sign_ins" not in status.unavailable
    )


def waits_for_visibility(item: Item, decided: Verdict, now: datetime) -> bool:
    """Whether a read may be too old to tell that the license is gone already.

    So after a removal whose answer was lost: the license still shows, and is
    not to be taken any more, yet may have been taken.
    """
    if item.state != "unconfirmed" or decided in ("due", "not_held", "user_gone"):
        return False
    return item.changed_at is not None and now - item.changed_at < VISIBILITY_LAG
