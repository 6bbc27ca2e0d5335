"""Cuts pages whose items give several rows each, so that no page has more rows than asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from errors import InvalidInput

Row = TypeVar("Row")
# Reads so many items from a position; returns their rows, and the position after them.
ReadPage = Callable[[int, "str | None"], Awaitable[tuple[list[Row], "str | None"]]]


class _Place(msgspec.Struct, frozen=True, array_like=True):
    """A page of `size` items from `at`, of whose rows so many are `given` already."""

    at: str | None
    given: int
    size: int


async def cut_page(
    read: ReadPage[Row], *, top: int, continuation: str | None
) -> tuple[list[Row], str | None]:
    """Up to `top` rows, and the position after them, None at the end.

    Raises InvalidInput for a position that was not given here.
    """
    place = _place(continuation) if continuation is not None else _Place(None, 0, top)
    rows, following = await read(place.size, place.at)
    page = rows[place.given : place.given + top]
    given = place.given + len(page)
    if given < len(rows):
        return page, _text(_Place(place.at, given, place.size))
    return page, _text(_Place(following, 0, top)) if following is not None else None


def _text(place: _Place) -> str:
    return msgspec.json.encode(place).decode()


def _place(continuation: str) -> _Place:
    try:
        place = msgspec.json.decode(continuation, type=_Place)
    except msgspec.DecodeError:
        place = _Place(None, -1, 0)
    if place.given < 0 or place.size < 1:
        raise InvalidInput(
            "continuation",
            "The continuation cannot be read.",
            remedy="Pass the continuation of the page before unchanged, or leave it out.",
        )
    return place
