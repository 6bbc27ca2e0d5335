"""What would come of it if the holders of a license had another one instead: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from identifiers import SkuId
from spend.rightsizing import Given, Need
from usage.model import Service

# Beyond so many different needs of a portal's seats, seats are counted as of unknown need.
MAX_NEEDS = 5_000
_ANYTHING = Need(frozenset(), frozenset(Service), None)


class NeedCount(msgspec.Struct, frozen=True, array_like=True):
    """How many seats of a license have the same need."""

    sku_id: SkuId
    need: Need
    seats: int


class NeedTally:
    """Counts needs; memory grows with their number, which is bounded, not with seats."""

    def __init__(self) -> None:
        self._seats: Counter[tuple[SkuId, Need]] = Counter()

    def add(self, sku_id: SkuId, need: Need) -> None:
        """Counts a seat."""
        key = (sku_id, need)
        if key not in self._seats and len(self._seats) >= MAX_NEEDS:
            key = (sku_id, _ANYTHING)
        self._seats[key] += 1

    def counts(self) -> list[NeedCount]:
        """What was counted, the most frequent first."""
        return [
            NeedCount(sku_id, need, seats) for (sku_id, need), seats in self._seats.most_common()
        ]


class Move(msgspec.Struct):
    """Seats by what another license would mean for their holders.

    `fits`: nothing in use would be lost. `loses`: something would, of the
    services by `lost`; `too_small` of them for want of room to store. Of
    `unknown` ones, something may be lost that nobody knows the use of.
    """

    fits: int = 0
    loses: int = 0
    unknown: int = 0
    too_small: int = 0
    lost: dict[Service, int] = {}


def move(needs: Iterable[NeedCount], kept: Given) -> Move:
    """What a license that gives `kept` would mean for seats with these needs."""
    found = Move()
    for count in needs:
        need, seats = count.need, count.seats
        match need.met_by(kept):
            case True:
                found.fits += seats
            case None:
                found.unknown += seats
            case False:
                found.loses += seats
                found.too_small += 0 if kept.room.holds(need.mailbox, need.onedrive) else seats
                for service in need.used - kept.services:
                    found.lost[service] = found.lost.get(service, 0) + seats
                if need.web_apps and not kept.web_apps:
                    apps = Service.MICROSOFT_365_APPS
                    if apps not in kept.services:
                        found.lost[apps] = found.lost.get(apps, 0) + seats
    return found
