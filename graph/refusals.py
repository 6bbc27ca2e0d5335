"""What Graph refuses a usage task for good for: a permission, a license, a cloud's service."""

from __future__ import annotations

from errors import GraphError, PermissionMissing
from graph.sign_ins import PREMIUM, lacks_premium
from usage.model import UsageTask

INTUNE = "Microsoft Intune"
REPORTS = "Microsoft 365 usage reports in this cloud"
_ABSENT = frozenset({404, 501})
_NO_INTUNE = "not applicable to target tenant"


def lacked_by(error: GraphError, task: UsageTask) -> str | None:
    """What the task lacks; None if another try may help, or if it is not known.

    Tenants without Intune answer 400 to its devices. The usage reports exist
    in Microsoft's global cloud alone.
    Source: https://learn.microsoft.com/graph/api/resources/report
    """
    if isinstance(error, PermissionMissing):
        return error.permission
    if lacks_premium(error):
        return PREMIUM
    absent = error.http_status in _ABSENT
    if task == "devices":
        said = (error.microsoft_message or "").casefold()
        return INTUNE if absent or _NO_INTUNE in said else None
    return REPORTS if absent and task != "sign_ins" else None
