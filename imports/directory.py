"""The small reads of a tenant (SKUs, subscriptions, groups, rooms) and what they change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import msgspec

from catalogue.service import titles
from concurrency import both
from errors import GraphError, PermissionMissing
from graph.deleted_users import deleted_user_licenses
from graph.groups import licensed_groups
from graph.models import CompanySubscription, SubscribedSku
from graph.rooms import room_addresses
from graph.subscribed_skus import subscribed_skus
from graph.subscriptions import company_subscriptions
from identifiers import PortalId, SkuId
from imports.model import Group
from imports.reconcile import (
    LicenseChanges,
    reconcile_groups,
    reconcile_licenses,
    reconcile_products,
)
from ledger.service import forget_license

if TYPE_CHECKING:
    from composition import Ledger
    from graph.client import GraphClient
    from monitor.recorder import RunRecorder
    from portals.model import Portal

Found = TypeVar("Found")
# What a tenant answers that lacks the service behind an optional read.
_NOT_OFFERED = frozenset({400, 404, 501})


class Directory(msgspec.Struct, frozen=True):
    """What one import read; None where the tenant does not offer it, or it was not wanted."""

    skus: list[SubscribedSku]
    subscriptions: list[CompanySubscription] | None
    groups: list[Group] | None
    rooms: frozenset[str] | None
    deleted_user_units: dict[SkuId, int] | None


async def read_directory(
    graph: GraphClient,
    recorder: RunRecorder,
    *,
    groups: bool = True,
    rooms: bool = True,
    deleted_users: bool = True,
) -> Directory:
    """Reads what is wanted; SKUs are required, the rest is noted in the run's log when missing.

    Raises GraphError when something offered cannot be read to the end.
    """
    skus = await subscribed_skus(graph)
    recorder.log("info", f"Read {len(skus)} subscribed SKUs.")

    async def optional(
        wanted: bool, read: Callable[[GraphClient], Awaitable[Found]], consequence: str
    ) -> Found | None:
        return await _optional(read(graph), recorder, consequence) if wanted else None

    try:
        async with asyncio.TaskGroup() as reads:
            subscriptions = reads.create_task(
                optional(True, company_subscriptions, "Renewal dates are unknown.")
            )
            found_groups = reads.create_task(
                optional(groups, licensed_groups, "Groups are shown by ID.")
            )
            found_rooms = reads.create_task(
                optional(rooms, room_addresses, "Rooms are not told from members.")
            )
            deleted = reads.create_task(
                optional(
                    deleted_users,
                    deleted_user_licenses,
                    "Licenses of deleted users are not explained.",
                )
            )
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return Directory(
        skus,
        subscriptions.result(),
        found_groups.result(),
        found_rooms.result(),
        deleted.result(),
    )


async def _optional(
    read: Awaitable[Found], recorder: RunRecorder, consequence: str
) -> Found | None:
    try:
        return await read
    except PermissionMissing as error:
        recorder.log("warning", f"{error.message} {consequence}")
    except GraphError as error:
        if error.http_status not in _NOT_OFFERED:
            raise
        recorder.log("warning", f"{error.message} {consequence}")
    return None


async def apply_directory(
    ledger: Ledger, portal: Portal, directory: Directory, clean: bool, recorder: RunRecorder
) -> LicenseChanges:
    """Makes licenses, products and groups of the portal say what was read."""
    changes, _ = await both(
        _apply_licenses(ledger, portal, directory, clean, recorder),
        _apply_groups(ledger, portal.portal_id, directory.groups),
    )
    return changes


async def _apply_licenses(
    ledger: Ledger, portal: Portal, directory: Directory, clean: bool, recorder: RunRecorder
) -> LicenseChanges:
    portal_id = portal.portal_id
    now = ledger.clock()
    (licenses, products), names = await both(
        both(ledger.licenses.list_licenses(portal_id), ledger.licenses.list_products(portal_id)),
        titles(ledger),
    )
    stored = {license_.sku_id: license_ for license_ in licenses}
    changes = reconcile_licenses(
        portal_id,
        stored,
        directory.skus,
        directory.subscriptions or (),
        {sku.sku_id: names.title_of(sku.sku_id, sku.part_number) for sku in directory.skus},
        excluded=portal.exclusions,
        hold_percent=ledger.settings.removal_hold_percent,
        now=now,
        clean=clean,
    )
    await ledger.licenses.upsert_licenses(changes.upserts)
    known = {product.sku_id: product for product in products}
    renewed = reconcile_products(portal_id, portal.name, known, changes.upserts, now=now)
    await ledger.licenses.upsert_products(renewed)
    if clean and not changes.held:
        await _delete_gone(ledger, portal, changes, recorder)
    new = sum(1 for license_ in changes.upserts if license_.sku_id not in stored)
    recorder.set_count("licenses", len(changes.upserts) - changes.removed)
    recorder.set_count("licenses_added", new)
    recorder.set_count("licenses_removed", changes.removed)
    recorder.set_count("products_changed", len(renewed))
    return changes


async def _apply_groups(ledger: Ledger, portal_id: PortalId, seen: list[Group] | None) -> None:
    if seen is not None:
        written, gone = reconcile_groups(await ledger.groups.list_groups(portal_id), seen)
        await ledger.groups.upsert_groups(portal_id, written)
        await ledger.groups.delete_groups(portal_id, gone)


async def _delete_gone(
    ledger: Ledger, portal: Portal, changes: LicenseChanges, recorder: RunRecorder
) -> None:
    """A clean import leaves nothing that the tenant does not have or the portal excludes."""
    current = {license_.sku_id for license_ in changes.upserts if license_.removed_at is None}
    deleted = 0
    for license_ in await ledger.licenses.list_licenses(portal.portal_id):
        if license_.sku_id not in current:
            await forget_license(ledger, portal.portal_id, license_.sku_id)
            deleted += 1
    recorder.set_count("licenses_deleted", deleted)
