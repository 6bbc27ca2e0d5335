"""Signs what is sent, as Standard Webhooks has it, so that receivers' libraries can check it.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from datetime import datetime

from errors import InvalidInput

PREFIX = "whsec_"
_KEY_BYTES = 32
_SHORTEST, _LONGEST = 24, 64


def new_key() -> str:
    """A signing key in the form receivers' libraries take."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def checked_key(text: str) -> str:
    """The key if it is `whsec_` and 24 to 64 bytes in base64. Raises InvalidInput."""
    try:
        size = len(base64.b64decode(text.removeprefix(PREFIX), validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if not text.startswith(PREFIX) or not _SHORTEST <= size <= _LONGEST:
        raise InvalidInput(
            "signingKey",
            f"The signing key is not {PREFIX} and {_SHORTEST} to {_LONGEST} bytes in base64.",
            remedy="Leave signingKey out, and one is made and shown once.",
        )
    return text


def signed_headers(key: str, event_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """The headers that identify, date and sign a body."""
    timestamp = str(int(now.timestamp()))
    content = b".".join((event_id.encode(), timestamp.encode(), body))
    raw_key = base64.b64decode(key.removeprefix(PREFIX))
    signature = base64.b64encode(hmac.digest(raw_key, content, hashlib.sha256)).decode()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }
