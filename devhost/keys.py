"""Access keys: which levels a request's key opens."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Keys:
    """The function key opens FUNCTION; the master key opens everything."""

    function: str = field(repr=False)
    master: str = field(repr=False)

    def admits(self, auth_level: str, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        """Whether a request may pass `auth_level`: ANONYMOUS, FUNCTION or ADMIN.

        The key is in the header x-functions-key, else in the parameter code.
        """
        if auth_level == "ANONYMOUS":
            return True
        given = (headers.get("x-functions-key") or query.get("code") or "").encode()
        # both comparisons always run, so that timing tells nothing
        is_function = hmac.compare_digest(given, self.function.encode())
        is_master = hmac.compare_digest(given, self.master.encode())
        return is_master or (auth_level == "FUNCTION" and is_function)
