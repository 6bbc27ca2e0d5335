"""Decides from a contact's usage when it was last active, and whether that counts as inactive.

Unknown is a state of its own: without a report and without a sign-in, nothing
is said of a contact, least of all that it is inactive. Recent activity is
proof whatever it comes from; its absence proves something only where a fresh
report of all services lists the contact, or sign-ins are known.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from usage.model import ACTIVE_USERS, REPORTS_OF, Service

if TYPE_CHECKING:
    from imports.model import Contact
    from usage.model import Usage, UsageStatus

Category = Literal["used", "rarely_used", "unused", "unreported"]

# A contact that is new may not have had its first day at work.
NEW_CONTACT_DAYS = 30
USED_DAYS = 30
RARELY_USED_DAYS = 90
# After this, what a report did not show may have happened since.
STALE_DAYS = 14


def last_activity(usage: Usage | None, status: UsageStatus | None) -> date | None:
    """The latest of all service dates and the last sign-in; None if nothing is known of either."""
    if usage is None or status is None:
        return None
    found = [*usage.last_activity.values(), usage.last_sign_in]
    return max((day for text in found if (day := day_of(text)) is not None), default=None)


def is_inactive(
    contact: Contact,
    usage: Usage | None,
    status: UsageStatus | None,
    *,
    today: date,
    days: int,
) -> bool | None:
    """Whether the contact was inactive for more than `days` days; None if that is unknown.

    A contact that was never active counts once it is more than 30 days old,
    and only while the reports cover `days` and list it; of rooms, to which
    nobody signs in, they do not tell. What ends before the last `days` days
    begin tells nothing of them, so that a report some days old makes nobody
    inactive for fewer days.
    """
    last = last_activity(usage, status)
    if last is not None:
        if (today - last).days <= days:
            return False
        return True if _tells_of_absence(usage, status, today, days) else None
    if contact.kind == "room" or not _never_active(usage, status, ACTIVE_USERS, today, days):
        return None
    if not _reaches(status, today, days):
        return None
    created = day_of(contact.created_at)
    return (today - created).days > NEW_CONTACT_DAYS if created is not None else None


class UsePeriod:
    """The period within which a service counts as used, as of a usage run; for many contacts.

    It ends with the service's report, some days before `today`. Reports that
    are too old tell of use within as many days from `today`, and not of its
    absence.
    """

    def __init__(self, status: UsageStatus | None, today: date) -> None:
        self._services: dict[Service, tuple[frozenset[str], date]] = {}
        if status is None:
            return
        for service, reports in REPORTS_OF.items():
            ages = {r: age for r in reports if (age := _age(status, r, today)) is not None}
            fresh = {report: age for report, age in ages.items() if age <= STALE_DAYS}
            lag = max(0, min(fresh.values(), default=0))
            begins = today - timedelta(days=status.period_days + lag)
            self._services[service] = (frozenset(fresh), begins)

    def is_used(self, usage: Usage | None, service: Service) -> bool | None:
        """Whether a contact used the service within the period; None if that is unknown."""
        known = self._services.get(service)
        if usage is None or known is None:
            return None
        fresh, begins = known
        text = usage.last_activity.get(service)
        last = _day_of_report(text) if text is not None else None
        if last is not None and last >= begins:
            return True
        # of somebody with a date, a fresh report would have shown a later one
        told = fresh if last is not None else fresh.intersection(usage.reported)
        return False if told else None


def service_activity(usage: Usage | None, service: Service) -> date | None:
    """When the contact last used the service; None if never, or if nothing tells."""
    return day_of(usage.last_activity.get(service)) if usage is not None else None


def covered_services(status: UsageStatus | None) -> frozenset[Service]:
    """The services of which a report was read; of the others nothing is known."""
    if status is None:
        return frozenset()
    return frozenset(
        service
        for service, reports in REPORTS_OF.items()
        if any(report in status.refreshed_on for report in reports)
    )


def category(
    usage: Usage | None,
    status: UsageStatus | None,
    service: Service | None = None,
    *,
    today: date,
    used_days: int = USED_DAYS,
    rarely_used_days: int = RARELY_USED_DAYS,
) -> Category:
    """How much a contact uses a service, or any service at all.

    Used within `used_days`, rarely used within `rarely_used_days`, else
    unused; unreported when unknown.
    """
    if service is None:
        last = last_activity(usage, status)
        reports: tuple[str, ...] = (ACTIVE_USERS,)
        tells = _tells_of_absence(usage, status, today, used_days)
    else:
        last = service_activity(usage, service)
        reports = REPORTS_OF[service]
        tells = any(_is_fresh(status, report, today) for report in reports)
    if last is None:
        listed = any(_never_active(usage, status, r, today, rarely_used_days) for r in reports)
        return "unused" if listed else "unreported"
    age = (today - last).days
    if age <= used_days:
        return "used"
    if not tells:
        return "unreported"
    return "rarely_used" if age <= rarely_used_days else "unused"


@lru_cache(4096)
def _day_of_report(text: str) -> date | None:
    return day_of(text)


def day_of(text: str | None) -> date | None:
    """The day of an ISO date or time; None for none, and for year 1, which stands for never."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        return None
    return day if day.year > 1 else None


def _never_active(
    usage: Usage | None, status: UsageStatus | None, report: str, today: date, days: int
) -> bool:
    """Whether a report that covers `days` lists the contact; asked when it shows no date."""
    return (
        usage is not None
        and status is not None
        and report in usage.reported
        and _is_fresh(status, report, today)
        and status.period_days >= days
    )


def _tells_of_absence(
    usage: Usage | None, status: UsageStatus | None, today: date, days: int
) -> bool:
    """Whether who was active within the last `days` days might have shown."""
    if usage is None or status is None:
        return False
    if ACTIVE_USERS in usage.reported and _reaches(status, today, days):
        return True
    read = (today - status.completed_at.date()).days
    signs_in = usage.last_sign_in is not None and "sign_ins" in status.tasks
    return signs_in and read <= STALE_DAYS and read < days


def _reaches(status: UsageStatus | None, today: date, days: int) -> bool:
    """Whether the report of active users, not too old, ends within the last `days` days."""
    age = _age(status, ACTIVE_USERS, today)
    return age is not None and age <= STALE_DAYS and age < days


def _is_fresh(status: UsageStatus | None, report: str, today: date) -> bool:
    """Whether the report was read, and is not too old."""
    age = _age(status, report, today)
    return age is not None and age <= STALE_DAYS


def _age(status: UsageStatus | None, report: str, today: date) -> int | None:
    """How many days ago the report ends; None if it was not read."""
    refreshed = day_of(status.refreshed_on.get(report)) if status is not None else None
    return (today - refreshed).days if refreshed is not None else None
