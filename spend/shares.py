"""Seats by department and by country, for the chargeback of what they cost: pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from identifiers import SkuId
from imports.model import Contact
from spend.model import Dimension

# What is beyond counts as one: a tenant's texts must not decide how much memory is used.
MAX_VALUES = 5_000


class SeatShare(msgspec.Struct, array_like=True):
    """Consumed seats of one license, and how many of them are wasted."""

    seats: int = 0
    wasted: int = 0


class Share(msgspec.Struct, array_like=True):
    """The seats of the contacts that share a department or country.

    `value` is its first spelling, None for contacts without one. `overflow`
    holds everything beyond the first 5,000 values.
    """

    value: str | None
    overflow: bool = False
    licenses: dict[SkuId, SeatShare] = {}


class ShareTally:
    """Counts seats by one dimension; upper and lower case, and blanks at the ends, are the same."""

    def __init__(self, dimension: Dimension) -> None:
        self._dimension = dimension
        self._shares: dict[str | None, Share] = {}
        self._overflow = Share(None, overflow=True)

    def add(self, contact: Contact, sku_id: SkuId, *, wasted: bool) -> None:
        """Counts a seat of the contact."""
        text = contact.department if self._dimension == "department" else contact.country
        value = text.strip() if text else ""
        share = self._share(value or None)
        seats = share.licenses.get(sku_id)
        if seats is None:
            seats = share.licenses[sku_id] = SeatShare()
        seats.seats += 1
        seats.wasted += wasted

    def _share(self, value: str | None) -> Share:
        key = value.casefold() if value is not None else None
        share = self._shares.get(key)
        if share is None:
            if len(self._shares) >= MAX_VALUES:
                return self._overflow
            share = self._shares[key] = Share(value)
        return share

    def shares(self) -> Iterable[Share]:
        """What was counted, by value."""
        yield from sorted(
            self._shares.values(), key=lambda s: (s.value is None, (s.value or "").casefold())
        )
        if self._overflow.licenses:
            yield self._overflow
