"""Titles of SKUs: Microsoft's list kept in Table Storage, else built in, else the part number."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from catalogue.builtin import BUILT_IN_TITLES
from catalogue.model import CatalogueEntry
from catalogue.parse import parse_catalogue
from errors import GraphUnreachable, InvalidInput, LedgerError
from identifiers import SkuId

if TYPE_CHECKING:
    from composition import Ledger

logger = logging.getLogger("ledger365.catalogue")

# Microsoft's list grows; one that lost more than this was cut, or is another.
SHRINKING_PERCENT = 20
RETRY_SECONDS = 900
MEMORY_SECONDS = 600


class Titles(msgspec.Struct, frozen=True):
    """Titles by SKU ID."""

    entries: Mapping[SkuId, CatalogueEntry]

    def title_of(self, sku_id: SkuId, part_number: str) -> str:
        """The SKU's title; its part number if nobody knows a title."""
        entry = self.entries.get(sku_id)
        return entry.title if entry is not None else part_number


class CatalogueCache:
    """The list as this worker last read it, and when it last tried to fetch it."""

    def __init__(self) -> None:
        self.titles: Titles | None = None
        self.read_at = 0.0
        self.tried_at: float | None = None


def built_in_entries() -> dict[SkuId, CatalogueEntry]:
    """The commonest SKUs, without their service plans."""
    return {
        sku_id: CatalogueEntry(sku_id, part_number, title)
        for sku_id, (part_number, title) in BUILT_IN_TITLES.items()
    }


async def titles(ledger: Ledger) -> Titles:
    """The titles; fetches the list if it was never fetched.

    Never fails for want of a network: the built-in titles serve then, and the
    fetch is tried again after a quarter of an hour.
    """
    cache = ledger.catalogue_cache
    now = time.monotonic()
    if cache.titles is not None and now - cache.read_at < MEMORY_SECONDS:
        return cache.titles
    state = await ledger.catalogue.state()
    if state is None and (cache.tried_at is None or now - cache.tried_at > RETRY_SECONDS):
        cache.tried_at = now
        try:
            await refresh(ledger)
        except LedgerError as error:
            logger.warning("The list of products was not fetched: %s", error.message)
    stored = await ledger.catalogue.entries()
    cache.titles = Titles({**built_in_entries(), **stored})
    cache.read_at = now if stored else 0.0
    return cache.titles


async def refresh(ledger: Ledger) -> int:
    """Fetches the list if it changed at its source; returns the number of SKUs it has.

    Raises GraphUnreachable if it cannot be fetched, InvalidInput if what came
    is not the list, or only a part of it; the stored list stays as it was.
    """
    from storage.catalogue import CatalogueState

    stored = await ledger.catalogue.state()
    fetched = await ledger.download(
        ledger.settings.catalogue_url, etag=stored.source_etag if stored else None
    )
    if fetched is None and stored is not None:
        await ledger.catalogue.touch(CatalogueState(ledger.clock(), stored.source_etag))
        return len(await ledger.catalogue.entries())
    if fetched is None:
        raise GraphUnreachable(
            "The list of products was not sent.", remedy="Check the setting CATALOGUE_URL."
        )
    entries = parse_catalogue(fetched.content)
    known = len(await ledger.catalogue.entries())
    if len(entries) * 100 < known * (100 - SHRINKING_PERCENT):
        raise InvalidInput(
            "catalogue",
            f"The list of products has {len(entries)} SKUs, where the one before had {known}.",
            remedy="Check CATALOGUE_URL; if the list is right, empty the table Catalogue first.",
        )
    await ledger.catalogue.replace(entries, CatalogueState(ledger.clock(), fetched.etag))
    ledger.catalogue_cache.titles = None
    return len(entries)
