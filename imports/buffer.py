"""Contacts read so far and not staged, sorted by staging partition, with their index entries."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from imports.model import Contact
from storage.blocks import Seats, encode_contact, seats_of, staging_partition


class SeenContact(msgspec.Struct, frozen=True, gc=False):
    """A contact as it is to be stored, and what the index is to say of it."""

    encoded: bytes
    seats: Seats


class ContactBuffer:
    """What an import holds in memory; `byte_count` is that of the encoded contacts."""

    def __init__(self) -> None:
        self.byte_count = 0
        self._partitions: dict[int, list[SeenContact]] = {}
        # most contacts share their seats with others
        self._known_seats: dict[Seats, Seats] = {}

    def add(self, contact: Contact) -> None:
        """Takes a contact in."""
        encoded, seats = encode_contact(contact), seats_of(contact)
        seen = SeenContact(encoded, self._known_seats.setdefault(seats, seats))
        self._partitions.setdefault(staging_partition(contact.user_id), []).append(seen)
        self.byte_count += len(encoded)

    def encoded(self) -> dict[int, list[bytes]]:
        """The encoded contacts of each staging partition."""
        return {
            partition: [contact.encoded for contact in seen]
            for partition, seen in self._partitions.items()
        }

    def pop(self, partitions: range) -> Iterator[SeenContact]:
        """Takes out the contacts of some staging partitions, in the order they came."""
        for partition in partitions:
            yield from self._partitions.pop(partition, ())
