"""Tells from service plans how much a mailbox and a OneDrive hold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from imports.model import ServicePlan

_GIGABYTE = 1024**3
# Sources: https://learn.microsoft.com/office365/servicedescriptions/exchange-online-service-description/exchange-online-limits
# and https://learn.microsoft.com/office365/servicedescriptions/onedrive-for-business-service-description
_MAILBOXES = (
    (re.compile(r"EXCHANGE_S_DESKLESS"), 2 * _GIGABYTE),
    (re.compile(r"EXCHANGE_S_ESSENTIALS"), 15 * _GIGABYTE),
    (re.compile(r"EXCHANGE_([SBL]_)STANDARD"), 50 * _GIGABYTE),
    (re.compile(r"EXCHANGE_S_ENTERPRISE"), 100 * _GIGABYTE),
)
_ONEDRIVES = (
    (re.compile(r"SHAREPOINTDESKLESS|ONEDRIVE_BASIC"), 2 * _GIGABYTE),
    # a terabyte or more, which an administrator may extend
    (re.compile(r"SHAREPOINT(ENTERPRISE|STANDARD|LITE)|ONEDRIVE"), None),
)
_SIZES = sorted({size for _, size in (*_MAILBOXES, *_ONEDRIVES) if size is not None})


class Capacity(msgspec.Struct, frozen=True):
    """Bytes that some plans together give room for; None is no limit that would matter.

    Plans that give neither mailbox nor OneDrive have no limit: whether the
    service is there at all is told by the services of the plans.
    """

    mailbox: int | None
    onedrive: int | None

    def holds(self, mailbox: int | None, onedrive: int | None) -> bool:
        """Whether there is room for so many bytes; an unknown number of bytes fits."""
        return _fits(mailbox, self.mailbox) and _fits(onedrive, self.onedrive)


def room_for(stored: int | None) -> int | None:
    """The smallest mailbox or OneDrive on offer that so many bytes fit into; None if unknown."""
    if stored is None:
        return None
    return next((size for size in _SIZES if stored <= size), _SIZES[-1] + 1)


def _fits(stored: int | None, room: int | None) -> bool:
    return stored is None or room is None or stored <= room


def capacity_of(plans: Iterable[ServicePlan]) -> Capacity:
    """The room that the plans give; of several mailboxes or OneDrives the larger counts."""
    names = [plan.name.strip().upper() for plan in plans]
    return Capacity(_largest(names, _MAILBOXES), _largest(names, _ONEDRIVES))


def _largest(
    names: Iterable[str], rooms: tuple[tuple[re.Pattern[str], int | None], ...]
) -> int | None:
    largest = 0
    for name in names:
        matching = [room for rule, room in rooms if rule.match(name)]
        if not matching:
            continue
        if matching[0] is None:
            return None
        largest = max(largest, matching[0])
    return largest or None
