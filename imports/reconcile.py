"""Compares what the tenant has with what is stored: pure; decides what to write."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from compliance.consumers import assignments
from identifiers import GroupId, PortalId, SkuId
from imports.model import (
    Contact,
    ContactKind,
    Group,
    License,
    Product,
    ServicePlan,
    Subscription,
)

if TYPE_CHECKING:
    from graph.models import CompanySubscription, SubscribedSku, User

ROOT_DIRECTORY = "Microsoft 365"


class LicenseChanges(msgspec.Struct, frozen=True):
    """Licenses to write. `removed` of them have gone from the tenant just now.

    With `held`, the tenant showed so few SKUs that none was taken for gone.
    """

    upserts: tuple[License, ...]
    removed: int
    held: bool


def default_directory(portal_name: str) -> str:
    """Where a portal's products are filed until an admin moves them."""
    return f"{ROOT_DIRECTORY}/{portal_name}"


def product_name(portal_name: str, title: str) -> str:
    """A product's name: the portal's name as prefix, and the license's title."""
    return f"{portal_name} {title}"


def contact_of(user: User, rooms: Collection[str], excluded: Collection[SkuId]) -> Contact:
    """The contact for a user of the tenant; assignments of excluded SKUs are left out.

    `rooms` are the mail addresses of the tenant's rooms, casefolded.
    """
    return Contact(
        user.id,
        user.user_principal_name or "",
        user.display_name,
        _kind(user, rooms),
        user.account_enabled,
        user.mail,
        user.usage_location,
        user.country,
        user.department,
        user.job_title,
        user.company_name,
        user.employee_id,
        user.created_date_time,
        user.on_premises_sync_enabled,
        assignments(user.assigned_licenses, user.license_assignment_states, excluded),
    )


def _kind(user: User, rooms: Collection[str]) -> ContactKind:
    if rooms and user.mail is not None and user.mail.casefold() in rooms:
        return "room"
    if user.user_type is not None and user.user_type.casefold() == "guest":
        return "guest"
    return "member"


def reconcile_licenses(
    portal_id: PortalId,
    stored: Mapping[SkuId, License],
    seen: Sequence[SubscribedSku],
    subscriptions: Iterable[CompanySubscription],
    titles: Mapping[SkuId, str],
    *,
    excluded: Collection[SkuId],
    hold_percent: int,
    now: datetime,
    clean: bool = False,
) -> LicenseChanges:
    """The licenses to write after a complete read of the tenant's SKUs.

    A stored license that the tenant no longer shows is kept and marked with
    the time; one that shows again loses the mark. Excluded SKUs stay as they
    are. When the tenant lost more than `hold_percent` of the licenses it had,
    nothing is taken for gone; a `clean` import accepts any loss but that of all.
    """
    longest = {
        known.subscription_id: known.longest_left_days
        for license_ in stored.values()
        for known in license_.subscriptions
    }
    by_sku: dict[SkuId, list[Subscription]] = {}
    for subscription in subscriptions:
        by_sku.setdefault(subscription.sku_id, []).append(_subscription(subscription, longest, now))
    upserts = [
        _license(portal_id, sku, by_sku.get(sku.sku_id, ()), titles[sku.sku_id], now)
        for sku in seen
        if sku.sku_id not in excluded
    ]
    seen_ids = {sku.sku_id for sku in seen}
    known = [license_ for license_ in stored.values() if license_.removed_at is None]
    gone = [license_ for license_ in known if license_.sku_id not in seen_ids]
    held = dropped_too_far(len(known), len(known) - len(gone), hold_percent)
    held = held and not (clean and seen)
    if not held:
        upserts += [msgspec.structs.replace(license_, removed_at=now) for license_ in gone]
    return LicenseChanges(tuple(upserts), 0 if held else len(gone), held)


def dropped_too_far(before: int, after: int, hold_percent: int) -> bool:
    """Whether so much disappeared at once that removals are held back.

    With few items a percentage says little, but from something to nothing is
    always too far.
    """
    if before == 0 or after >= before:
        return False
    if after == 0:
        return before > 1
    return before >= 10 and (before - after) * 100 > before * hold_percent


def _subscription(
    subscription: CompanySubscription, longest: Mapping[str, int], now: datetime
) -> Subscription:
    subscription_id = subscription.commerce_subscription_id or subscription.id
    ends = subscription.next_lifecycle_at
    left = (ends - now).days if ends is not None else 0
    return Subscription(
        subscription_id,
        subscription.status or "",
        subscription.total_licenses or 0,
        bool(subscription.is_trial),
        subscription.created_at,
        ends,
        subscription.owner_tenant_id,
        max(left, longest.get(subscription_id, 0)),
    )


def _license(
    portal_id: PortalId,
    sku: SubscribedSku,
    subscriptions: Iterable[Subscription],
    title: str,
    now: datetime,
) -> License:
    units = sku.units
    return License(
        portal_id=portal_id,
        sku_id=sku.sku_id,
        sku_part_number=sku.part_number,
        title=title,
        applies_to=sku.applies_to or "User",
        capability_status=sku.capability_status or "",
        enabled_units=units.enabled or 0,
        warning_units=units.warning or 0,
        suspended_units=units.suspended or 0,
        locked_out_units=units.locked_out or 0,
        consumed_units=sku.consumed_units or 0,
        service_plans=tuple(
            ServicePlan(
                plan.service_plan_id,
                plan.service_plan_name or "",
                plan.provisioning_status or "",
                plan.applies_to or "",
            )
            for plan in sku.service_plans or ()
        ),
        subscriptions=tuple(sorted(subscriptions, key=lambda s: s.subscription_id)),
        imported_at=now,
    )


def reconcile_products(
    portal_id: PortalId,
    portal_name: str,
    stored: Mapping[SkuId, Product],
    licenses: Iterable[License],
    *,
    now: datetime,
) -> list[Product]:
    """The products to write: new ones, and those whose name or default directory is another."""
    changed: list[Product] = []
    for license_ in licenses:
        name = product_name(portal_name, license_.title)
        known = stored.get(license_.sku_id)
        directory = default_directory(portal_name)
        if known is None:
            product = Product(portal_id, license_.sku_id, name, directory, False, now)
        else:
            product = msgspec.structs.replace(
                known, name=name, directory=known.directory if known.moved else directory
            )
        if product != known:
            changed.append(product)
    return changed


def reconcile_groups(
    stored: Mapping[GroupId, Group], seen: Iterable[Group]
) -> tuple[list[Group], list[GroupId]]:
    """Groups to write, and the IDs of those to delete, after a complete read."""
    current = {group.group_id: group for group in seen}
    return (
        [group for group in current.values() if stored.get(group.group_id) != group],
        [group_id for group_id in stored if group_id not in current],
    )
