"""Continuation tokens: opaque outside, bound to the list and the filters they came from."""

from __future__ import annotations

import base64
import binascii
import hashlib

import msgspec

from errors import InvalidInput


class _Token(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    binding: str
    position: str


def binding_of(operation: str, filters: str) -> str:
    """What ties a token to one list: the operation's name and its filters as text."""
    return hashlib.blake2b(f"{operation}\n{filters}".encode(), digest_size=9).hexdigest()


def encode_continuation(binding: str, position: str) -> str:
    """The token for storage's `position`."""
    raw = msgspec.json.encode(_Token(binding, position))
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode_continuation(binding: str, token: str) -> str:
    """Storage's position out of a token; InvalidInput if it is not from this list."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        decoded = msgspec.json.decode(raw, type=_Token)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise _invalid() from error
    if decoded.binding != binding:
        raise _invalid()
    return decoded.position


def _invalid() -> InvalidInput:
    return InvalidInput(
        "continuation",
        "The continuation does not belong to this list and its filters.",
        remedy="Pass the continuation of the page before unchanged, or leave it out.",
    )
