"""One position over all portals of a repository, and the persons found in several of them."""

from __future__ import annotations

from datetime import datetime

import msgspec

from compliance.model import Status
from identifiers import PortalId, SkuId, UserId


class ConsolidatedLicense(msgspec.Struct, frozen=True):
    """A SKU over all portals of a repository; units are licenses.

    Units of a tenant that several portals connect are counted once. `persons`
    are the holders, each once however many contacts stand for one. Positions
    that cannot be synchronized or calculated count in `statuses` alone.
    """

    sku_id: SkuId
    title: str
    sku_part_number: str
    portal_ids: tuple[PortalId, ...]
    entitled: int
    consumed: int
    available: int
    shortfall: int
    spare: int
    persons: int
    statuses: dict[Status, int]


class ConsolidatedProduct(msgspec.Struct, frozen=True):
    """The products of one title over all portals, whatever their SKUs; units are licenses."""

    title: str
    sku_ids: tuple[SkuId, ...]
    portal_ids: tuple[PortalId, ...]
    directories: tuple[str, ...]
    entitled: int
    consumed: int
    available: int
    persons: int


class ContactRef(msgspec.Struct, frozen=True, array_like=True):
    """Where a contact is."""

    portal_id: PortalId
    user_id: UserId


class MatchedPerson(msgspec.Struct, frozen=True, array_like=True):
    """Contacts of several portals that are one person; `key` identifies the person."""

    key: str
    contacts: tuple[ContactRef, ...]


class RepositoryState(msgspec.Struct, frozen=True):
    """The last consolidation of a repository.

    `contacts` are those of all its portals, `persons` what they come to,
    `matched` the persons found in several portals. `shared_addresses` belong
    to so many contacts that they match nobody.
    """

    repository: str
    generation: str
    consolidated_at: datetime
    portal_ids: tuple[PortalId, ...]
    contacts: int
    persons: int
    matched: int
    shared_addresses: int
