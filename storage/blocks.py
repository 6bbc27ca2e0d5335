"""How contacts and consumers are packed into rows: layout, keys, encoding. No I/O.

A row per contact would cost a million-user tenant four million rows, at some
300 µs each in client and server. Contacts are therefore packed by the
hundred: a *block* holds the contacts whose user ID begins with the same
`block_bits` bits, a *partition* the blocks that share `partition_bits` bits.
User IDs are random GUIDs, so blocks fill evenly, and their order is the order
of the IDs' text.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from compliance.tally import flag_of
from identifiers import PortalId, SkuId, UserId
from imports.model import Contact

TARGET_CONTACTS_PER_BLOCK = 96
TARGET_CONTACTS_PER_PARTITION = 4096
MAX_PARTITION_BITS = 8
MAX_BLOCK_BITS = 24
# Table Storage allows 64 KiB a binary property; a multiple of a GUID's 16 bytes.
PROPERTY_BYTES = 61_440


class _Identified(msgspec.Struct, array_like=True, gc=False):
    """The first field of a contact; the others are skipped."""

    user_id: UserId


_identified_decoder = msgspec.msgpack.Decoder(_Identified)
_contacts_decoder = msgspec.msgpack.Decoder(list[Contact])
_contact_decoder = msgspec.msgpack.Decoder(Contact)
_contact_encoder = msgspec.msgpack.Encoder()


class Layout(msgspec.Struct, frozen=True):
    """Where a portal's contacts stand; a new generation replaces all of it at once."""

    generation: int
    block_bits: int
    partition_bits: int

    @property
    def partitions(self) -> range:
        """The partitions of the layout, in the order of user IDs."""
        return range(1 << self.partition_bits)

    def block_of(self, user_id: UserId) -> int:
        """The block in which a user ID belongs."""
        return int(user_id[:8], 16) >> (32 - self.block_bits)

    def partition_of_block(self, block: int) -> int:
        """The partition in which a block stands."""
        return block >> (self.block_bits - self.partition_bits)

    def first_id_of(self, block: int) -> str:
        """A bound: no user ID of the block is less, and none of the blocks before is greater."""
        return f"{block << (32 - self.block_bits):08x}" if block < 1 << self.block_bits else "g"

    def blocks_of(self, partition: int) -> range:
        """The blocks of a partition."""
        width = 1 << (self.block_bits - self.partition_bits)
        return range(partition * width, (partition + 1) * width)

    def partition_key(self, portal_id: PortalId, partition: int) -> str:
        """The PartitionKey of a partition, in every table that follows the layout."""
        return f"{self.key_prefix(portal_id)}{partition:02x}"

    def key_prefix(self, portal_id: PortalId) -> str:
        """What the PartitionKeys of this layout of a portal begin with."""
        return f"{portal_id}|{self.generation:06x}-{self.block_bits:02x}|"


def layout_for(contact_count: int, current: Layout | None) -> Layout:
    """The layout for a portal of that many contacts.

    The current one stays while its blocks are between a quarter of the target
    and twice it, so that a tenant that breathes does not rewrite its rows.
    """
    if current is not None:
        per_block = contact_count / (1 << current.block_bits)
        crowded = per_block > 2 * TARGET_CONTACTS_PER_BLOCK
        sparse = per_block < TARGET_CONTACTS_PER_BLOCK / 4 and current.block_bits > 0
        if not crowded and not sparse:
            return current
    partition_bits = min(MAX_PARTITION_BITS, _bits(contact_count, TARGET_CONTACTS_PER_PARTITION))
    block_bits = max(
        partition_bits, min(MAX_BLOCK_BITS, _bits(contact_count, TARGET_CONTACTS_PER_BLOCK))
    )
    generation = current.generation + 1 if current is not None else 1
    return Layout(generation, block_bits, partition_bits)


def next_generation(layout: Layout) -> Layout:
    """The same layout under new keys, to build from nothing beside the present one."""
    return msgspec.structs.replace(layout, generation=layout.generation + 1)


def _bits(count: int, target: int) -> int:
    return max(0, math.ceil(math.log2(count / target))) if count else 0


def encode_contact(contact: Contact) -> bytes:
    """One contact as it stands inside a block."""
    return _contact_encoder.encode(contact)


def decode_contact(encoded: bytes) -> Contact:
    """The contact that `encode_contact` encoded."""
    return _contact_decoder.decode(encoded)


def encoded_user_id(encoded: bytes) -> UserId:
    """The ID of the contact that `encode_contact` encoded, at a tenth of decoding it."""
    return _identified_decoder.decode(encoded).user_id


def join_contacts(encoded: Sequence[bytes]) -> bytes:
    """A block's content of contacts already encoded, which must be sorted by user ID."""
    return zlib.compress(msgspec.msgpack.encode([msgspec.Raw(raw) for raw in encoded]), 1)


def decode_contacts(content: bytes) -> list[Contact]:
    """The contacts of a block's content, by user ID."""
    return _contacts_decoder.decode(zlib.decompress(content))


def digest(content: bytes) -> str:
    """A short fingerprint, to tell whether a row must be rewritten without reading it."""
    return hashlib.blake2b(content, digest_size=12).hexdigest()


def split_properties(name: str, content: bytes) -> dict[str, bytes]:
    """`content` as numbered binary properties, each within Table Storage's limit."""
    return {
        f"{name}{index}": content[start : start + PROPERTY_BYTES]
        for index, start in enumerate(range(0, max(1, len(content)), PROPERTY_BYTES))
    }


def join_properties(name: str, row: Mapping[str, object]) -> bytes:
    """The content that `split_properties` took apart."""
    parts: list[bytes] = []
    while isinstance(part := row.get(f"{name}{len(parts)}"), bytes):
        parts.append(part)
    return b"".join(parts)


def pack_user_ids(user_ids: Iterable[UserId]) -> bytes:
    """User IDs as 16 bytes each."""
    return bytes.fromhex("".join(user_ids).replace("-", ""))


def unpack_user_ids(packed: bytes) -> list[UserId]:
    """The user IDs that `pack_user_ids` packed."""
    text = packed.hex()
    return [
        UserId(
            f"{text[at : at + 8]}-{text[at + 8 : at + 12]}-{text[at + 12 : at + 16]}-"
            f"{text[at + 16 : at + 20]}-{text[at + 20 : at + 32]}"
        )
        for at in range(0, len(text), 32)
    ]


class ConsumerIndex(msgspec.Struct):
    """The consumers of one license within one partition: sorted user IDs, a flag byte each.

    What the flag says is `compliance.tally`'s business.
    """

    sku_id: SkuId
    user_ids: list[UserId]
    flags: bytearray


# What the index says of one contact: its licenses with the flag byte of each.
Seats = tuple[tuple[SkuId, int], ...]


def seats_of(contact: Contact) -> Seats:
    """What the index is to say of a contact."""
    enabled = contact.account_enabled
    return tuple([(held.sku_id, flag_of(held, enabled)) for held in contact.assignments])


def index_seats(seats: Iterable[tuple[UserId, Seats]]) -> dict[SkuId, ConsumerIndex]:
    """The index rows of one partition's contacts, which must come sorted by user ID."""
    indexes: dict[SkuId, ConsumerIndex] = {}
    for user_id, held in seats:
        for sku_id, flag in held:
            index = indexes.get(sku_id)
            if index is None:
                index = indexes[sku_id] = ConsumerIndex(sku_id, [], bytearray())
            index.user_ids.append(user_id)
            index.flags.append(flag)
    return indexes


def index_consumers(contacts: Mapping[UserId, Contact]) -> dict[SkuId, ConsumerIndex]:
    """As `index_seats`, of whole contacts."""
    return index_seats((user_id, seats_of(contact)) for user_id, contact in contacts.items())


# Staging sorts by the first byte of a user ID, as fine as partitions ever are.
STAGING_BITS = MAX_PARTITION_BITS


def staging_partition(user_id: UserId) -> int:
    """The staging partition of a contact."""
    return int(user_id[:2], 16)
