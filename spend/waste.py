"""Which seats are wasted, and why, each seat once: pure."""

from __future__ import annotations

from imports.model import Contact
from spend.model import Cause, LicenseSeats, SeatCause


def cause_of(contact: Contact, *, covered: bool, inactive: bool | None) -> SeatCause | None:
    """Why a contact's seat is wasted: the first cause that holds; None if none does.

    `covered` is whether another license of the contact makes this one
    superfluous. `inactive` is None while that is unknown, which is no cause.
    """
    if contact.account_enabled is False:
        return "blocked"
    if covered:
        return "duplicate"
    return "inactive" if inactive else None


def wasted_seats(entitled: int, seats: LicenseSeats) -> dict[Cause, int]:
    """Wasted seats by cause, in the order in which seats are counted.

    Only seats that are paid for can be wasted, so all causes together never
    exceed `entitled`, also where more are consumed.
    """
    rest = max(0, entitled)
    found: dict[Cause, int] = {}
    counted: tuple[tuple[Cause, int], ...] = (
        ("never_assigned", entitled - seats.consumed),
        ("blocked", seats.blocked),
        ("duplicate", seats.duplicate),
        ("inactive", seats.inactive),
    )
    for cause, number in counted:
        found[cause] = min(max(0, number), rest)
        rest -= found[cause]
    return found
