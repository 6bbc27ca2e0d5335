"""Who is to be nameless in the ledger, and what is left of a contact then: pure.

A license that a person holds must still be counted, so an erased person stays
as a holder without a name, under an ID that leads back to nobody who does not
have the portal's salt and the person's own ID.
"""

from __future__ import annotations

import hashlib
import uuid

import msgspec

from identifiers import UserId
from imports.model import Contact


class Erasures(msgspec.Struct, frozen=True):
    """The erased persons of a portal, by the IDs that stand for them.

    With `pseudonymous`, nobody is stored by name; IDs stay Entra's then.
    """

    salt: bytes
    stand_ins: frozenset[UserId] = frozenset()
    pseudonymous: bool = False

    def stand_in(self, user_id: UserId) -> UserId:
        """The ID that stands for a person once they are erased: a UUID of version 8.

        Entra's own are of version 4, so the two never meet.
        """
        hashed = hashlib.blake2b(user_id.encode(), key=self.salt, digest_size=16).digest()
        raw = bytearray(hashed)
        raw[6] = 0x80 | (raw[6] & 0x0F)
        raw[8] = 0x80 | (raw[8] & 0x3F)
        return UserId(str(uuid.UUID(bytes=bytes(raw))))

    def shown_id(self, user_id: UserId) -> UserId:
        """The ID under which the ledger knows a user of the tenant."""
        if not self.stand_ins:
            return user_id
        stand_in = self.stand_in(user_id)
        return stand_in if stand_in in self.stand_ins else user_id

    def shown(self, contact: Contact) -> Contact:
        """The contact as the ledger may know it."""
        shown_id = self.shown_id(contact.user_id)
        if shown_id != contact.user_id:
            return nameless(contact, shown_id, erased=True)
        if self.pseudonymous:
            return nameless(contact, contact.user_id, erased=False)
        return contact


def nameless(contact: Contact, user_id: UserId, *, erased: bool) -> Contact:
    """What is left without the person: kind, state, country, and the licenses held."""
    return Contact(
        user_id=user_id,
        user_principal_name="",
        display_name=None,
        kind=contact.kind,
        account_enabled=contact.account_enabled,
        usage_location=contact.usage_location,
        country=contact.country,
        on_premises_sync=contact.on_premises_sync,
        assignments=contact.assignments,
        erased=erased,
    )
