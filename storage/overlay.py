"""Contacts that changed since the blocks were written: pure.

An import that follows change only would rewrite a block of a hundred contacts
for each contact that changed, and read it before. It keeps the changed
contacts beside the blocks instead; readers lay them over, and the next full
import takes them in.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from functools import cached_property

import msgspec

from identifiers import SkuId, UserId
from imports.model import Contact
from storage.blocks import (
    ConsumerIndex,
    Layout,
    decode_contact,
    index_consumers,
    pack_user_ids,
)

# Beyond either, a full import costs less than carrying the overlay along.
MAX_CONTACTS = 20_000
MAX_BYTES = 2_000_000
_ID_BYTES = 16
_decoder = msgspec.msgpack.Decoder(list[tuple[UserId, bytes | None]])


class Overlay:
    """Changed contacts by user ID, as `encode_contact` makes them; None for a removed one."""

    def __init__(self, changes: Mapping[UserId, bytes | None]) -> None:
        self._changes = dict(sorted(changes.items()))

    def __len__(self) -> int:
        return len(self._changes)

    def __contains__(self, user_id: UserId) -> bool:
        return user_id in self._changes

    def get(self, user_id: UserId) -> Contact | None:
        """The contact as it changed; None if it was removed. Raises KeyError on the others."""
        encoded = self._changes[user_id]
        return decode_contact(encoded) if encoded is not None else None

    def merged(self, newer: Mapping[UserId, bytes | None]) -> Overlay:
        """This overlay with later changes on top."""
        return Overlay({**self._changes, **newer})

    def without(self, user_id: UserId) -> Overlay:
        """This overlay but for one contact."""
        return Overlay({u: change for u, change in self._changes.items() if u != user_id})

    def encode(self) -> bytes:
        """The overlay as it is stored."""
        return zlib.compress(msgspec.msgpack.encode(list(self._changes.items())), 1)

    @cached_property
    def user_ids(self) -> list[UserId]:
        """The changed and removed contacts, sorted."""
        return list(self._changes)

    @cached_property
    def indexes(self) -> dict[SkuId, ConsumerIndex]:
        """The changed contacts as consumers of each license."""
        present = {
            user_id: decode_contact(encoded)
            for user_id, encoded in self._changes.items()
            if encoded is not None
        }
        return index_consumers(present)

    def between(self, low: str, high: str) -> Iterator[UserId]:
        """The changed and removed contacts from `low` up to, but without, `high`."""
        ids = self.user_ids
        start = bisect_left(ids, low)
        return iter(ids[start : bisect_left(ids, high)])

    def over(self, contacts: list[Contact], low: str, high: str) -> list[Contact]:
        """A block's contacts with those of the overlay that belong between the two IDs."""
        changed = list(self.between(low, high))
        if not changed:
            return contacts
        merged = {contact.user_id: contact for contact in contacts}
        for user_id in changed:
            contact = self.get(user_id)
            if contact is None:
                merged.pop(user_id, None)
            else:
                merged[user_id] = contact
        return [merged[user_id] for user_id in sorted(merged)]

    def over_encoded(
        self, encoded: Mapping[UserId, bytes], low: str, high: str
    ) -> dict[UserId, bytes]:
        """As `over`, with contacts that stay encoded."""
        merged = dict(encoded)
        for user_id in self.between(low, high):
            contact = self._changes[user_id]
            if contact is None:
                merged.pop(user_id, None)
            else:
                merged[user_id] = contact
        return merged

    def packed_by_partition(self, layout: Layout) -> dict[int, bytes]:
        """The changed and removed contacts of each partition, packed and sorted."""
        ids: dict[int, list[UserId]] = {}
        for user_id in self.user_ids:
            partition = layout.partition_of_block(layout.block_of(user_id))
            ids.setdefault(partition, []).append(user_id)
        return {partition: pack_user_ids(found) for partition, found in ids.items()}


NOTHING = Overlay({})


def decode_overlay(content: bytes) -> Overlay:
    """The overlay that `Overlay.encode` encoded."""
    return Overlay(dict(_decoder.decode(zlib.decompress(content))))


def flags_without(packed_ids: bytes, flags: bytes, masked: bytes) -> bytes:
    """The flag bytes of a license's consumers but those `masked`; IDs are packed and sorted."""
    kept = bytearray(flags)
    doomed = []
    low = 0
    for at in range(0, len(masked), _ID_BYTES):
        wanted = masked[at : at + _ID_BYTES]
        high = len(flags)
        while low < high:
            middle = (low + high) // 2
            if packed_ids[middle * _ID_BYTES : (middle + 1) * _ID_BYTES] < wanted:
                low = middle + 1
            else:
                high = middle
        if packed_ids[low * _ID_BYTES : (low + 1) * _ID_BYTES] == wanted:
            doomed.append(low)
    for index in reversed(doomed):
        del kept[index]
    return bytes(kept)
