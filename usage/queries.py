"""Reads what usage runs found: contacts with their usage, devices, positions, status."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from errors import NotFound
from identifiers import PortalId, SkuId
from ledger.service import all_portal_ids
from usage.activity import RARELY_USED_DAYS, is_inactive
from usage.cut import cut_page
from usage.hybrid import HybridFact, Position, entitlements_of, hybrid_facts
from usage.model import Device, Family, FamilyPosition, LicenseUse, Usage, UsageStatus
from usage.premium import PremiumPosition, premium_positions

if TYPE_CHECKING:
    from composition import Ledger
    from imports.model import Contact, License
    from portals.model import Portal
    from storage.tables import Page


class UsedContact(msgspec.Struct, frozen=True):
    """A contact, what is known of its use, and the portal's settings and licenses."""

    portal_id: PortalId
    contact: Contact
    usage: Usage | None
    status: UsageStatus | None
    inactive: bool | None
    titles: Mapping[SkuId, str]


class HybridContact(msgspec.Struct, frozen=True):
    """A contact's position in one product family."""

    portal_id: PortalId
    contact: Contact
    fact: HybridFact


class HybridPosition(msgspec.Struct, frozen=True):
    """A portal's position in one product family, as of a usage run."""

    portal: Portal
    status: UsageStatus
    family: Family
    position: FamilyPosition


class PremiumUsed(msgspec.Struct, frozen=True):
    """How much a portal's tenant uses a level of premium features, as of a usage run."""

    portal: Portal
    status: UsageStatus
    position: PremiumPosition


class _PortalFacts(msgspec.Struct, frozen=True):
    status: UsageStatus | None
    inactive_days: int
    licenses: Sequence[License]


async def list_used_contacts(
    ledger: Ledger,
    *,
    portal_id: PortalId | None,
    sku_id: SkuId | None,
    inactive: bool | None,
    top: int,
    continuation: str | None,
) -> tuple[list[UsedContact], str | None]:
    """A page of contacts with their usage, of one portal or all, and the position after it.

    `sku_id` keeps the holders of a license, `inactive` those that are known
    to be so, or known not to be; a page may be short then.
    """
    page = await _contacts(ledger, portal_id, _holds(sku_id), top, continuation)
    today = ledger.clock().date()
    rows: list[UsedContact] = []
    for portal, contacts in _by_portal(page.items).items():
        facts = await _facts(ledger, portal)
        usages = await ledger.usage.get_many(portal, [c.user_id for c in contacts])
        titles = {license_.sku_id: license_.title for license_ in facts.licenses}
        for contact in contacts:
            usage = usages.get(contact.user_id)
            found = is_inactive(contact, usage, facts.status, today=today, days=facts.inactive_days)
            if inactive is None or found is inactive:
                rows.append(UsedContact(portal, contact, usage, facts.status, found, titles))
    return rows, page.continuation


async def list_hybrid_contacts(
    ledger: Ledger,
    *,
    portal_id: PortalId | None,
    family: Family | None,
    position: Position | None,
    top: int,
    continuation: str | None,
) -> tuple[list[HybridContact], str | None]:
    """A page of contacts by product family, and the position after it."""

    async def read(size: int, at: str | None) -> tuple[list[HybridContact], str | None]:
        page = await _contacts(ledger, portal_id, None, size, at)
        rows: list[HybridContact] = []
        for portal, contacts in _by_portal(page.items).items():
            facts = await _facts(ledger, portal)
            entitlements = entitlements_of(facts.licenses)
            usages = await ledger.usage.get_many(portal, [c.user_id for c in contacts])
            rows += [
                HybridContact(portal, contact, fact)
                for contact in contacts
                for fact in hybrid_facts(
                    contact, usages.get(contact.user_id), facts.status, entitlements
                )
                if family in (None, fact.family) and position in (None, fact.position)
            ]
        return rows, page.continuation

    return await cut_page(read, top=top, continuation=continuation)


async def list_devices(
    ledger: Ledger,
    *,
    portal_id: PortalId | None,
    family: Family | None,
    top: int,
    continuation: str | None,
) -> Page[tuple[PortalId, Device]]:
    """Devices of one portal or all; with `family`, those that have it installed."""

    def matches(device: Device) -> bool:
        return family is None or any(app.family == family for app in device.installed)

    portal_ids = [portal_id] if portal_id is not None else await all_portal_ids(ledger)
    return await ledger.usage.devices.list_page(
        portal_ids, top=top, continuation=continuation, matches=matches
    )


async def license_use(
    ledger: Ledger, portal_id: PortalId, sku_id: SkuId
) -> tuple[License, UsageStatus | None, LicenseUse | None]:
    """What holders of a license use of it, as of the last usage run; None before the first.

    Raises NotFound.
    """
    license_ = await ledger.licenses.get_license(portal_id, sku_id)
    summary = await ledger.usage.summary(portal_id)
    found = summary.licenses.get(sku_id) if summary is not None else None
    return license_, await ledger.usage.status(portal_id), found


async def list_hybrid_positions(
    ledger: Ledger, *, portal_id: PortalId | None, top: int, continuation: str | None
) -> tuple[list[HybridPosition], str | None]:
    """A page of positions, by portal and product family, and the position after it.

    Portals without a usage run have none. Raises NotFound.
    """

    async def read(size: int, at: str | None) -> tuple[list[HybridPosition], str | None]:
        if portal_id is not None:
            return await _hybrid_positions(ledger, [await ledger.portals.get(portal_id)]), None
        page = await ledger.portals.list_page(top=size, continuation=at)
        return await _hybrid_positions(ledger, page.items), page.continuation

    return await cut_page(read, top=top, continuation=continuation)


async def list_premium_use(
    ledger: Ledger, *, portal_id: PortalId | None, top: int, continuation: str | None
) -> tuple[list[PremiumUsed], str | None]:
    """A page of the use of premium features, by portal and level, and the position after it.

    Portals whose tenant did not tell have none. Raises NotFound.
    """

    async def read(size: int, at: str | None) -> tuple[list[PremiumUsed], str | None]:
        following = None
        if portal_id is not None:
            portals: Sequence[Portal] = [await ledger.portals.get(portal_id)]
        else:
            page = await ledger.portals.list_page(top=size, continuation=at)
            portals, following = page.items, page.continuation
        statuses = [(portal, await ledger.usage.status(portal.portal_id)) for portal in portals]
        rows = [
            PremiumUsed(portal, status, position)
            for portal, status in statuses
            if status is not None
            for position in premium_positions(status.premium)
        ]
        return rows, following

    return await cut_page(read, top=top, continuation=continuation)


async def _hybrid_positions(ledger: Ledger, portals: Sequence[Portal]) -> list[HybridPosition]:
    rows: list[HybridPosition] = []
    for portal in portals:
        status = await ledger.usage.status(portal.portal_id)
        summary = await ledger.usage.summary(portal.portal_id)
        if status is None or summary is None:
            continue
        rows += [
            HybridPosition(portal, status, family, summary.families[family])
            for family in Family
            if family in summary.families
        ]
    return rows


async def _contacts(
    ledger: Ledger,
    portal_id: PortalId | None,
    matches: Callable[[Contact], bool] | None,
    top: int,
    continuation: str | None,
) -> Page[tuple[PortalId, Contact]]:
    portal_ids = [portal_id] if portal_id is not None else await all_portal_ids(ledger)
    return await ledger.contacts.list_page(
        portal_ids, top=top, continuation=continuation, matches=matches
    )


def _holds(sku_id: SkuId | None) -> Callable[[Contact], bool] | None:
    if sku_id is None:
        return None
    return lambda contact: any(a.held and a.sku_id == sku_id for a in contact.assignments)


def _by_portal(items: Sequence[tuple[PortalId, Contact]]) -> dict[PortalId, list[Contact]]:
    grouped: dict[PortalId, list[Contact]] = {}
    for portal_id, contact in items:
        grouped.setdefault(portal_id, []).append(contact)
    return grouped


async def _facts(ledger: Ledger, portal_id: PortalId) -> _PortalFacts:
    try:
        inactive_days = (await ledger.portals.get(portal_id)).inactive_days
    except NotFound:
        # a deleted portal's contacts remain, its settings do not
        inactive_days = RARELY_USED_DAYS
    return _PortalFacts(
        await ledger.usage.status(portal_id),
        inactive_days,
        await ledger.licenses.list_licenses(portal_id),
    )
