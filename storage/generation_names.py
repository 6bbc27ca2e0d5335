"""Names for data that is written beside its predecessor and switched to as a whole."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

from identifiers import RunId

# Longer than any computation; what is older and not in use was left by one that was killed.
ABANDONED_AFTER = timedelta(days=1)


def new_generation(now: datetime) -> str:
    """A name that sorts by time and that no other worker chooses."""
    return f"{_milliseconds(now)}-{secrets.token_hex(4)}"


def generation_of(run_id: RunId, began: datetime) -> str:
    """The name for what a run writes, whichever worker goes on with it."""
    return f"{_milliseconds(began)}-{run_id[-8:]}"


def began_at(generation: str) -> datetime:
    """When the work on a generation began, in UTC."""
    return datetime.fromtimestamp(int(generation.partition("-")[0]) / 1000, UTC)


def oldest_kept(now: datetime) -> str:
    """What the names of abandoned generations sort before."""
    return _milliseconds(now - ABANDONED_AFTER)


def _milliseconds(moment: datetime) -> str:
    return f"{int(moment.timestamp() * 1000):013d}"
