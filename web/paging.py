"""Pages of lists that are computed as a whole, such as sums by department."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from errors import InvalidInput
from web.contract import PageQuery

Item = TypeVar("Item")


def page_of(items: Sequence[Item], query: PageQuery) -> tuple[Sequence[Item], str | None]:
    """The items of the page, and the position after it; None at the end."""
    start = 0
    if query.continuation is not None:
        if not (query.continuation.isascii() and query.continuation.isdigit()):
            raise InvalidInput(
                "continuation",
                "The continuation cannot be read.",
                remedy="Pass the continuation of the page before unchanged, or leave it out.",
            )
        start = int(query.continuation)
    end = start + query.top
    return items[start:end], str(end) if end < len(items) else None
