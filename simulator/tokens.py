"""Access tokens: real JWTs, signed with a key made at start."""

from __future__ import annotations

import time
import uuid
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

LIFETIME_SECONDS = 3600


class Tokens:
    """Issues tokens and checks those it issued."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._checked: dict[str, dict[str, Any]] = {}
        self.key_id = uuid.uuid4().hex

    def jwks(self) -> dict[str, Any]:
        """The public key as the keys endpoint lists it."""
        key = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**key, "kid": self.key_id, "use": "sig"}]}

    def issue(self, audience: str, issuer: str, **claims: Any) -> str:
        """A token for an audience."""
        now = int(time.time())
        return jwt.encode(
            {
                "aud": audience,
                "iss": issuer,
                "iat": now,
                "nbf": now - 5,
                "exp": now + LIFETIME_SECONDS,
                "jti": str(uuid.uuid4()),
                "ver": "2.0",
                **claims,
            },
            self._key,
            algorithm="RS256",
            headers={"kid": self.key_id},
        )

    def claims(self, token: str, audiences: list[str]) -> dict[str, Any] | None:
        """The claims of a token that is ours, current and for one of the audiences; else None."""
        known = self._checked.get(token)
        if known is None:
            try:
                known = jwt.decode(
                    token,
                    self._key.public_key(),
                    algorithms=["RS256"],
                    options={"verify_aud": False},
                )
            except jwt.InvalidTokenError:
                return None
            self._checked[token] = known
        if known["exp"] < time.time() or known["aud"] not in audiences:
            return None
        return known
