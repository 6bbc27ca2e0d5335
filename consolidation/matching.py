"""Which contacts of several portals are one person: pure.

Two rules. *Object*: contacts of one tenant with the same object ID, where
several portals connect that tenant. *Mail*: contacts with the same address in
any case; the address is `mail`, or for a member without one the user principal
name. Rooms match as objects only. An address of more than 100 contacts is a
shared one and matches nobody.
"""

from __future__ import annotations

import hashlib
import struct
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence

import msgspec

from compliance.consumers import consumes
from consolidation.model import ContactRef, MatchedPerson
from identifiers import PortalId, SkuId, TenantId, UserId
from imports.model import Contact

MAX_CONTACTS_OF_A_PERSON = 100
KEY_BYTES = 16
_REF = struct.Struct(">H16s")
_SKU = struct.Struct(">H")


class DirectoryObject(msgspec.Struct, frozen=True):
    """A user of a tenant, as each portal that connects the tenant shows it."""

    copies: tuple[tuple[PortalId, Contact], ...]

    @property
    def address(self) -> str | None:
        """The address by which the user is matched, folded; the first copy that has one decides."""
        for _, contact in self.copies:
            address = address_of(contact)
            if address is not None:
                return address
        return None


def address_of(contact: Contact) -> str | None:
    """The address of a contact, folded; None for rooms and for guests without mail."""
    if contact.kind == "room":
        return None
    text = contact.mail
    if not text and contact.kind == "member":
        text = contact.user_principal_name
    folded = unicodedata.normalize("NFKC", text or "").strip().casefold()
    return folded if "@" in folded else None


async def objects(
    streams: Sequence[tuple[PortalId, AsyncIterator[list[Contact]]]],
) -> AsyncIterator[list[DirectoryObject]]:
    """The users of one tenant, some at a time, from the portals that connect it.

    Each stream comes in the order of user IDs. No more than a block of each
    is held.
    """
    heads = [_Head(portal_id, blocks) for portal_id, blocks in streams]
    for head in heads:
        await head.fill()
    while alive := [head for head in heads if head.block]:
        # up to here every stream is in memory; beyond, another may still have smaller IDs
        until = min(head.block[-1].user_id for head in alive)
        gathered: dict[UserId, list[tuple[PortalId, Contact]]] = {}
        for head in alive:
            for contact in head.take(until):
                gathered.setdefault(contact.user_id, []).append((head.portal_id, contact))
        yield [DirectoryObject(tuple(gathered[user_id])) for user_id in sorted(gathered)]
        for head in alive:
            await head.fill()


class _Head:
    """A stream of contacts and the rest of its block."""

    def __init__(self, portal_id: PortalId, blocks: AsyncIterator[list[Contact]]) -> None:
        self.portal_id = portal_id
        self.block: Sequence[Contact] = ()
        self._blocks = blocks

    async def fill(self) -> None:
        """Reads on when the block is used up; an empty block is the end."""
        while not self.block:
            following = await anext(self._blocks, None)
            if following is None:
                return
            self.block = following

    def take(self, until: UserId) -> Sequence[Contact]:
        """The contacts up to a user ID, which are taken out."""
        number = sum(contact.user_id <= until for contact in self.block)
        taken, self.block = self.block[:number], self.block[number:]
        return taken


class Sighting(msgspec.Struct, frozen=True, array_like=True):
    """A user on its way to be matched: packed, since a million of them are stored.

    `key` stands for the address, or for the object where there is none.
    """

    key: bytes
    contacts: bytes
    licenses: bytes
    by_address: bool


class Indexes:
    """Numbers for the portals and licenses of a repository, as sightings name them."""

    def __init__(self, portal_ids: Iterable[PortalId], sku_ids: Iterable[SkuId] = ()) -> None:
        """Numbers for these portals; `sku_ids` have theirs already, in this order."""
        self.portal_ids = list(portal_ids)
        self._portals = {portal_id: index for index, portal_id in enumerate(self.portal_ids)}
        self.sku_ids: list[SkuId] = list(sku_ids)
        self._skus = {sku_id: index for index, sku_id in enumerate(self.sku_ids)}

    def sighting(
        self, tenant_id: TenantId, found: DirectoryObject, counted: frozenset[SkuId]
    ) -> Sighting:
        """The sighting of a user; only `counted` licenses are noted."""
        address = found.address
        user_id = found.copies[0][1].user_id
        text = f"mail:{address}" if address is not None else f"object:{tenant_id}:{user_id}"
        held = {
            assignment.sku_id
            for _, contact in found.copies
            for assignment in contact.assignments
            if assignment.sku_id in counted and consumes(assignment)
        }
        return Sighting(
            hashlib.blake2b(text.encode(), digest_size=KEY_BYTES).digest(),
            b"".join(
                _REF.pack(self._portals[p], bytes.fromhex(c.user_id.replace("-", "")))
                for p, c in found.copies
            ),
            b"".join(_SKU.pack(self._sku(sku_id)) for sku_id in sorted(held)),
            address is not None,
        )

    def _sku(self, sku_id: SkuId) -> int:
        index = self._skus.get(sku_id)
        if index is None:
            index = self._skus[sku_id] = len(self.sku_ids)
            self.sku_ids.append(sku_id)
        return index

    def refs(self, packed: bytes) -> list[ContactRef]:
        """The contacts of a sighting."""
        return [
            ContactRef(self.portal_ids[portal], _guid(raw))
            for portal, raw in _REF.iter_unpack(packed)
        ]

    def skus(self, packed: bytes) -> list[SkuId]:
        """The licenses of a sighting."""
        return [self.sku_ids[index] for (index,) in _SKU.iter_unpack(packed)]


def _guid(raw: bytes) -> UserId:
    text = raw.hex()
    return UserId(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")


class _Person(msgspec.Struct):
    """What is known of one key."""

    users: int = 0
    contacts: bytearray = bytearray()
    licenses: list[bytes] = []
    shared: bool = False


class Matched(msgspec.Struct):
    """What the sightings of one bucket come to."""

    persons: int = 0
    shared_addresses: int = 0
    holders: Counter[SkuId] = msgspec.field(default_factory=Counter)
    title_holders: Counter[str] = msgspec.field(default_factory=Counter)
    matched: list[MatchedPerson] = []


class Matcher:
    """Matches the sightings of one bucket, in which all those of a key are."""

    def __init__(self, indexes: Indexes, titles: dict[SkuId, str]) -> None:
        self._indexes = indexes
        self._titles = titles
        self._people: dict[bytes, _Person] = {}
        self._found = Matched()

    def add(self, sighting: Sighting) -> None:
        """Takes up a sighting."""
        person = self._people.setdefault(sighting.key, _Person())
        person.users += 1
        if person.shared:
            self._count(sighting.licenses)
            return
        person.contacts += sighting.contacts
        person.licenses.append(sighting.licenses)
        if sighting.by_address and person.users > MAX_CONTACTS_OF_A_PERSON:
            # everyone behind a shared address is somebody else
            person.shared = True
            self._found.shared_addresses += 1
            for licenses in person.licenses:
                self._count(licenses)
            person.contacts, person.licenses = bytearray(), []

    def _count(self, *licenses: bytes) -> None:
        self._found.persons += 1
        skus = {sku_id for packed in licenses for sku_id in self._indexes.skus(packed)}
        self._found.holders.update(skus)
        self._found.title_holders.update({self._titles[sku_id] for sku_id in skus})

    def result(self) -> Matched:
        """What all of them come to; matched persons in the order of their keys."""
        for key in sorted(self._people):
            person = self._people[key]
            if person.shared:
                continue
            self._count(*person.licenses)
            refs = self._indexes.refs(bytes(person.contacts))
            if len({ref.portal_id for ref in refs}) > 1:
                self._found.matched.append(
                    MatchedPerson(key.hex(), tuple(sorted(refs, key=_place)))
                )
        return self._found


def _place(ref: ContactRef) -> tuple[str, str]:
    return (ref.portal_id, ref.user_id)
