"""The compliance position of a license: pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from compliance.model import ConsumerCounts, Difference, Position, Reason, Status
from imports.model import License


class Circumstances(msgspec.Struct, frozen=True):
    """What besides the license decides its position.

    `deleted_user_units` are licenses that Graph still shows on soft-deleted
    users. `imported_at` is the end of the last complete import, None before
    the first.
    """

    portal_name: str
    portal_state: Literal["present", "deleted"]
    excluded: bool
    imported_at: datetime | None
    deleted_user_units: int
    over_licensed_tolerance: int
    expiry_warning_days: int
    now: datetime
    managed: bool = True


def position(
    license_: License,
    counts: ConsumerCounts,
    circumstances: Circumstances,
    previous: Position | None,
) -> Position:
    """The position; exactly one status holds, the first that applies.

    While a license cannot be synchronized, its counts are those of `previous`,
    the last position calculated from the tenant.
    """
    reason = _reason(license_, circumstances)
    entitled = license_.entitled_units
    consumed = counts.consumed
    if reason is not None and previous is not None:
        entitled, consumed, counts = previous.entitled, previous.consumed, previous.counts
    next_lifecycle_at = _next_lifecycle(license_)
    status: Status = (
        "cannot_be_synchronized"
        if reason is not None
        else _status(license_, entitled, consumed, next_lifecycle_at, circumstances)
    )
    consumed_units = license_.consumed_units
    return Position(
        portal_id=license_.portal_id,
        sku_id=license_.sku_id,
        portal_name=circumstances.portal_name,
        title=license_.title,
        sku_part_number=license_.sku_part_number,
        status=status,
        reason=reason,
        entitled=entitled,
        consumed=consumed,
        available=entitled - consumed,
        suspended_units=license_.suspended_units,
        locked_out_units=license_.locked_out_units,
        warning_units=license_.warning_units,
        consumed_units=consumed_units,
        counts=counts,
        differences=differences(
            consumed_units - consumed,
            counts,
            deleted_user_units=circumstances.deleted_user_units,
            excluded=reason == "excluded_from_import",
            company_wide=_is_company_wide(license_),
        ),
        next_lifecycle_at=next_lifecycle_at,
        is_trial=_is_trial(license_),
        calculated_at=circumstances.now,
        imported_at=circumstances.imported_at,
        managed=circumstances.managed,
    )


def _reason(license_: License, circumstances: Circumstances) -> Reason | None:
    if circumstances.portal_state == "deleted":
        return "portal_deleted"
    if circumstances.excluded:
        return "excluded_from_import"
    if license_.removed_at is not None:
        return "removed_from_tenant"
    return None


def _status(
    license_: License,
    entitled: int,
    consumed: int,
    next_lifecycle_at: datetime | None,
    circumstances: Circumstances,
) -> Status:
    if circumstances.imported_at is None or _is_company_wide(license_):
        return "not_calculable"
    if not license_.usable:
        return "suspended"
    if consumed > entitled:
        return "under_licensed"
    if next_lifecycle_at is not None and next_lifecycle_at <= circumstances.now + timedelta(
        days=circumstances.expiry_warning_days
    ):
        return "expiring"
    if entitled - consumed > circumstances.over_licensed_tolerance:
        return "over_licensed"
    return "compliant"


def _is_trial(license_: License) -> bool:
    """Whether one of the living subscriptions is a trial; of any, where none lives."""
    living = [s for s in license_.subscriptions if s.living]
    return any(s.is_trial for s in living or license_.subscriptions)


def _is_company_wide(license_: License) -> bool:
    return license_.applies_to.casefold() == "company"


def _next_lifecycle(license_: License) -> datetime | None:
    """When the first of the license's living subscriptions leaves its state unless renewed.

    Graph does not say whether a subscription renews by itself; the date moves
    on when it does, so a date that is near is one not renewed yet.
    Source: https://learn.microsoft.com/graph/api/resources/companysubscription
    """
    dates = [s.next_lifecycle_at for s in license_.subscriptions if s.living]
    return min((moment for moment in dates if moment is not None), default=None)


def differences(
    difference: int,
    counts: ConsumerCounts,
    *,
    deleted_user_units: int,
    excluded: bool,
    company_wide: bool = False,
) -> tuple[Difference, ...]:
    """Why Graph's consumedUnits is `difference` above the ledger's count.

    The units of all causes add up to `difference` exactly; what no cause
    explains is said to be unexplained.
    """
    if difference == 0:
        return ()
    if excluded:
        return (
            Difference(
                "excluded_from_import",
                difference,
                "The SKU is excluded, so its consumers are not followed any more.",
            ),
        )
    if company_wide:
        return (
            Difference(
                "company_wide",
                difference,
                "The SKU serves the company as a whole, so no user holds what Graph counts.",
            ),
        )
    found: list[Difference] = []
    rest = difference
    for cause, units, explanation in (
        (
            "deleted_users",
            deleted_user_units,
            "Users deleted less than 30 days ago still carry the license.",
        ),
        (
            "assignments_in_error",
            counts.in_error,
            "Assignments in error are counted by Graph and hold no usable license.",
        ),
        (
            "assignments_disabled",
            counts.disabled,
            "Disabled assignments are counted by Graph and hold no usable license.",
        ),
    ):
        explained = min(max(rest, 0), units)
        if explained:
            found.append(Difference(cause, explained, explanation))  # type: ignore[arg-type]
            rest -= explained
    if rest:
        found.append(
            Difference(
                "unexplained",
                rest,
                "Graph's own counter follows assignments with a delay of minutes to hours.",
            )
        )
    return tuple(found)
