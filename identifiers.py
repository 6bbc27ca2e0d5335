"""Identifier types, one per kind of thing, so that a swap fails type checking."""

from __future__ import annotations

import re
from typing import NewType

PortalId = NewType("PortalId", str)
TenantId = NewType("TenantId", str)
ClientId = NewType("ClientId", str)
SkuId = NewType("SkuId", str)
ServicePlanId = NewType("ServicePlanId", str)
UserId = NewType("UserId", str)
GroupId = NewType("GroupId", str)
RunId = NewType("RunId", str)
ReclamationId = NewType("ReclamationId", str)

_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def canonical_guid(text: str) -> str | None:
    """The GUID in lower case with dashes, or None if the text is not one in that form.

    Microsoft's own lists carry GUIDs in mixed case and with stray blanks, so
    both are accepted; braces and undashed forms are not.
    """
    guid = text.strip().lower()
    return guid if _GUID.fullmatch(guid) else None
