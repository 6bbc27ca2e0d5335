"""Decides what holds at present that receivers are told of, and what has changed. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from compliance.model import Position, SummaryRow
from compliance.remedies import remedy
from identifiers import PortalId
from monitor.run import FINISHED, Run
from portals.model import Portal
from usage.premium import TITLES, Level, PremiumPosition
from webhooks.model import TOLD_SINGLY, Alert, AlertKind, Event, Fact

_PLURALS: dict[AlertKind, str] = {
    "under_licensed": "licenses are under-licensed",
    "cannot_be_synchronized": "licenses cannot be synchronized",
    "secret_expiring": "credentials expire",
    "import_failing": "portals cannot be imported",
    "premium_overused": "tenants use premium features beyond their licenses",
    "unused": "licenses have seats that nobody holds",
    "expiring": "licenses expire",
}
_LISTED = 10
_UNUSED_SEATS = 10
_UNUSED_PERCENT = 10
# free licenses come in such lots (10,000 or 1,000,000 of them), to be used by whoever likes
_FREE_LOT = 10_000


def position_key(kind: str, portal_id: str, sku_id: str, reason: str | None) -> str:
    """What names the state of a license; another reason is another state."""
    return ":".join(part for part in (kind, portal_id, sku_id, reason) if part)


def position_kind(position: Position | SummaryRow) -> AlertKind | None:
    """The kind of alert that a position raises, None if it raises none."""
    status = position.status
    if status == "under_licensed" or status == "cannot_be_synchronized" or status == "expiring":
        return status
    if status == "over_licensed" and _much_unused(position):
        return "unused"
    return None


def _much_unused(position: Position | SummaryRow) -> bool:
    """Whether so many seats are spare that buying fewer is worth a thought; never of free lots."""
    return (
        position.available >= _UNUSED_SEATS
        and position.available * 100 >= position.entitled * _UNUSED_PERCENT
        and position.entitled % _FREE_LOT != 0
    )


def position_alert(position: Position, now: datetime) -> Alert | None:
    """The alert that a position raises, None if it raises none."""
    kind = position_kind(position)
    facts = (Fact("Consumed", position.consumed), Fact("Entitled", position.entitled))
    where = f"{position.title} of {position.portal_name}"
    if kind == "under_licensed":
        title = f"Under-licensed: {where}"
        text = (
            f"{position.consumed} are consumed and {position.entitled} entitled: "
            f"{-position.available} are missing."
        )
    elif kind == "cannot_be_synchronized":
        title = f"Cannot be synchronized: {where}"
        reason = (position.reason or "").replace("_", " ")
        text = f"The license cannot be synchronized any more: {reason}."
    elif kind == "unused":
        title = f"Unused: {where}"
        text = (
            f"{position.consumed} are consumed and {position.entitled} entitled: "
            f"nobody holds {position.available}."
        )
    elif kind == "expiring" and position.next_lifecycle_at is not None:
        title = f"Expiring: {where}"
        text = (
            f"A subscription ends or renews on {position.next_lifecycle_at:%Y-%m-%d}; "
            f"{position.consumed} seats of the license are consumed."
        )
    else:
        return None
    return Alert(
        position_key(kind, position.portal_id, position.sku_id, position.reason),
        kind,
        now,
        title,
        text,
        remedy(position.status, position.reason),
        facts=facts,
        portal_id=position.portal_id,
        sku_id=position.sku_id,
    )


def secret_alert(portal: Portal, now: datetime, warning_days: int) -> Alert | None:
    """The alert for a credential within `warning_days` of its end; a new one is another state."""
    expires_at = portal.credential.expires_at
    if expires_at is None or (expires_at - now).days > warning_days:
        return None
    verb = "expired" if expires_at <= now else "expires"
    return Alert(
        f"secret_expiring:{portal.portal_id}:{portal.credential.secret_version}",
        "secret_expiring",
        now,
        f"Credential expiring: {portal.name}",
        f"The credential of portal {portal.name} {verb} on {expires_at:%Y-%m-%d}.",
        "Create a new secret or certificate in Entra, and store it on the portal.",
        facts=(Fact("Days left", (expires_at - now).days),),
        portal_id=portal.portal_id,
    )


def import_alert(portal: Portal, run: Run, now: datetime) -> Alert | None:
    """The alert for a portal whose last import failed."""
    if run.state != "Failed":
        return None
    error = run.error
    return Alert(
        f"import_failing:{portal.portal_id}",
        "import_failing",
        now,
        f"Import failing: {portal.name}",
        error.message if error else "The import failed.",
        error.remedy if error else "Look at the portal's runs.",
        facts=(Fact("Code", error.code),) if error else (),
        portal_id=portal.portal_id,
    )


def premium_key(portal_id: PortalId, level: Level) -> str:
    """What names the use of a level of premium features beyond its licenses."""
    return f"premium_overused:{portal_id}:{level}"


def premium_alert(portal: Portal, position: PremiumPosition, now: datetime) -> Alert | None:
    """The alert for premium features that more members use than there are licenses for."""
    if not position.beyond:
        return None
    title = TITLES[position.level]
    return Alert(
        premium_key(portal.portal_id, position.level),
        "premium_overused",
        now,
        f"Used beyond its licenses: {title} of {portal.name}",
        f"{position.users} use features of {title} and {position.entitled} are licensed: "
        f"{position.beyond} are missing.",
        "Buy licenses, or leave users out of the policies that need them.",
        facts=(Fact("Users", position.users), Fact("Entitled", position.entitled)),
        portal_id=portal.portal_id,
    )


class Outcomes(msgspec.Struct, frozen=True):
    """The last finished import of each portal seen, and since when to look next time."""

    last: dict[PortalId, Run]
    since: datetime


def outcomes(runs_newest_first: Iterable[Run], now: datetime) -> Outcomes:
    """How imports ended lately. An unfinished one is looked at again next time."""
    last: dict[PortalId, Run] = {}
    since = now
    for run in runs_newest_first:
        if run.portal_id is None:
            continue
        if run.state in FINISHED:
            last.setdefault(run.portal_id, run)
        else:
            since = min(since, run.created_at)
    return Outcomes(last, since)


def ended(
    open_alerts: Iterable[Alert], held: Collection[str], unknown: Collection[str]
) -> list[Alert]:
    """The alerts whose state holds no more; nothing is concluded of `unknown` keys."""
    return [alert for alert in open_alerts if alert.key not in held and alert.key not in unknown]


def grouped(alerts: Sequence[Alert], event_ids: Mapping[AlertKind, str]) -> list[Alert]:
    """New alerts with the event that tells them: their own, or one for many of a kind.

    `event_ids` are the events for many; an alert's own is made of its key
    and its beginning, so that the same state beginning anew is another event.
    """
    many = {kind for kind in event_ids if sum(alert.kind == kind for alert in alerts) > TOLD_SINGLY}
    return [
        msgspec.structs.replace(
            alert,
            event_id=event_ids[alert.kind]
            if alert.kind in many
            else f"{alert.key}:{alert.since:%Y%m%dT%H%M%S%f}",
        )
        for alert in alerts
    ]


def event_of(alerts: Sequence[Alert]) -> Event:
    """The event that tells alerts of one event ID."""
    first = alerts[0]
    if len(alerts) == 1:
        return Event(
            first.event_id,
            first.kind,
            first.since,
            first.title,
            first.text,
            first.remedy,
            first.facts,
            first.portal_id,
            first.sku_id,
        )
    listed = sorted(alert.title.partition(": ")[2] for alert in alerts)
    rest = len(listed) - _LISTED
    names = "; ".join(listed[:_LISTED]) + (f"; and {rest} more" if rest > 0 else "")
    return Event(
        first.event_id,
        first.kind,
        first.since,
        f"{len(alerts)} {_PLURALS[first.kind]}",
        f"{names}.",
        first.remedy,
        (Fact("Number", len(alerts)),),
    )
