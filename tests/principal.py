"""The header by which App Service names whom it signed in, as tests need it."""

from __future__ import annotations

import base64
import json
from typing import Any

OBJECT_ID = "1f0e7a52-90cb-4e3b-8f56-0f6f7bb2d5c1"


def principal(*roles: str, name: str = "ada@contoso.example", **changes: Any) -> dict[str, str]:
    """The header for a caller with these app roles."""
    claims = [
        {"typ": "preferred_username", "val": name},
        {"typ": "http://schemas.microsoft.com/identity/claims/objectidentifier", "val": OBJECT_ID},
        *({"typ": "roles", "val": role} for role in roles),
    ]
    payload = {
        "auth_typ": "aad",
        "claims": claims,
        "name_typ": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
        "role_typ": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
        **changes,
    }
    encoded = base64.b64encode(json.dumps(payload).encode()).decode()
    return {"X-MS-CLIENT-PRINCIPAL": encoded}
