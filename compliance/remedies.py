"""What to do about a status, in one sentence."""

from __future__ import annotations

from compliance.model import Reason, Status

REASON_REMEDIES: dict[Reason, str] = {
    "portal_deleted": (
        "Create a portal with the same name for the same tenant to go on with this license, "
        "or delete the license from the ledger."
    ),
    "excluded_from_import": (
        "Remove the SKU from the portal's exclusions and import again, or delete the license "
        "from the ledger."
    ),
    "removed_from_tenant": (
        "Nothing is left to synchronize. If the subscription is bought again, the next import "
        "brings it back; otherwise delete the license from the ledger."
    ),
}

STATUS_REMEDIES: dict[Status, str] = {
    "cannot_be_synchronized": "See the reason.",
    "not_calculable": (
        "Import the portal to the end. Company-wide licenses have no consumers and stay so."
    ),
    "suspended": "Renew the subscription, or move its consumers to another license.",
    "under_licensed": "Buy licenses, or take the license back from contacts without need of it.",
    "expiring": "Renew the subscription, or plan what its consumers use afterwards.",
    "over_licensed": "Assign the spare licenses, or buy fewer at the next renewal.",
    "compliant": "Nothing to do.",
}


def remedy(status: Status, reason: Reason | None) -> str:
    """What to do about a position."""
    return REASON_REMEDIES[reason] if reason is not None else STATUS_REMEDIES[status]
