"""How far a consolidation got, for the worker that goes on with it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping

import msgspec

from consolidation.matching import Matched
from identifiers import PortalId, SkuId, TenantId, UserId


class Progress(msgspec.Struct):
    """Where to go on, and what was counted until there.

    `portals` stands for the repository's portals in their order, which
    sightings name by number; `sku_ids` and `titles` are those of the licenses
    they name. `tenant` and `after` are where staging goes on, `bucket` the one
    to be matched next; `last_key` is that of the last person written.
    """

    portals: str
    sku_ids: list[SkuId] = []
    titles: dict[SkuId, str] = {}
    chunks: list[str] = []
    buckets: list[int] = []
    tenant: int = 0
    after: UserId | None = None
    staged: bool = False
    contacts: int = 0
    bucket: int = 0
    last_key: str = ""
    holders: dict[SkuId, int] = {}
    title_holders: dict[str, int] = {}
    persons: int = 0
    matched: int = 0
    shared_addresses: int = 0

    def count(self, bucket: int, found: Matched) -> None:
        """Adds what a bucket came to."""
        self.bucket = bucket + 1
        self.holders = dict(Counter(self.holders) + found.holders)
        self.title_holders = dict(Counter(self.title_holders) + found.title_holders)
        self.persons += found.persons
        self.matched += len(found.matched)
        self.shared_addresses += found.shared_addresses


def portals_digest(tenants: Mapping[PortalId, TenantId]) -> str:
    """Stands for the portals, their order and their tenants."""
    text = "|".join(f"{portal_id}:{tenant_id}" for portal_id, tenant_id in tenants.items())
    return hashlib.sha256(text.encode()).hexdigest()
