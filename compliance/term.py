"""The term of a subscription, read from its dates: pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from imports.model import Subscription

Term = Literal["trial", "monthly", "yearly", "three_year", "unknown"]
# Length in days, and how far the calendar strays from it: a month may have 28 days.
_DAYS: tuple[tuple[Term, float, float], ...] = (
    ("monthly", 30.4375, 3),
    ("yearly", 365.25, 4),
    ("three_year", 1095.75, 4),
)


def term_of(subscription: Subscription, now: datetime) -> Term:
    """Trial, monthly, yearly or three-year.

    Graph names no term. A subscription renews at whole terms after its
    creation, so the longest term of which the time between creation and next
    lifecycle date is a multiple is taken for it, and of which no more is left
    at `now` than there is of it. Unknown if none fits, and in a last month
    that may be of a month as well as of a year.
    """
    if subscription.is_trial:
        return "trial"
    if subscription.created_at is None or subscription.next_lifecycle_at is None:
        return "unknown"
    days = (subscription.next_lifecycle_at - subscription.created_at).total_seconds() / 86_400
    left = (subscription.next_lifecycle_at - now).total_seconds() / 86_400
    fitting: list[Term] = [
        term
        for term, length, slack in _DAYS
        if round(days / length) >= 1
        and abs(days - round(days / length) * length) <= slack
        and max(left, subscription.longest_left_days) <= length + slack
    ]
    if not fitting or (fitting[0] == "monthly" and len(fitting) > 1):
        return "unknown"
    return fitting[-1]


def days_until(moment: datetime | None, now: datetime) -> int | None:
    """Whole days from `now` to `moment`, negative when it is past; None if there is no moment."""
    return None if moment is None else (moment - now).days
