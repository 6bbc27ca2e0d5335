"""Whether a cheaper license of the tenant would do for a seat: pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

import msgspec

from identifiers import SkuId
from imports.model import ServicePlan
from spend.annual import Money
from spend.plans import PlanBook
from usage.activity import is_used
from usage.capacity import Capacity, capacity_of
from usage.model import Service
from usage.services import services_of

if TYPE_CHECKING:
    from usage.model import Usage, UsageStatus

# Office for the web: who only has this must not lose it while using the apps.
_WEB_APPS = "SHAREPOINTWAC"


class Given(msgspec.Struct, frozen=True):
    """What some plans give together: services, the apps for the web, and room to store."""

    services: frozenset[Service]
    web_apps: bool
    room: Capacity

    @classmethod
    def by(cls, plans: Sequence[ServicePlan]) -> Given:
        """What the plans give."""
        web_apps = any(plan.name.upper().startswith(_WEB_APPS) for plan in plans)
        return cls(services_of(plans), web_apps, capacity_of(plans))


class Offer(msgspec.Struct, frozen=True):
    """A license of the tenant as a replacement: what it gives, and what a unit costs a year."""

    sku_id: SkuId
    given: Given
    cost: Money


def offers_of(
    sku_ids: Iterable[SkuId], book: PlanBook, unit_costs: Mapping[SkuId, Money]
) -> list[Offer]:
    """The licenses with a known cost and known plans, the cheapest first."""
    found = []
    for sku_id in sku_ids:
        cost = unit_costs.get(sku_id)
        plans = book.plans(book.of_license(sku_id))
        if cost is not None and plans:
            found.append(Offer(sku_id, Given.by(plans), cost))
    return sorted(found, key=lambda o: (o.cost.currency, o.cost.amount, o.sku_id))


def cheaper_offers(cost: Money | None, offers: Sequence[Offer]) -> list[Offer]:
    """The offers that cost less, in their order; none across currencies or for an unknown cost."""
    if cost is None:
        return []
    return [o for o in offers if o.cost.currency == cost.currency and o.cost.amount < cost.amount]


class Use(msgspec.Struct, frozen=True):
    """Whether a contact used each service in the period of the reports; None is unknown.

    `desktop_outlook` is whether it used Outlook for Windows or Mac, which
    counts as use of Outlook and comes with Microsoft 365 Apps. `mailbox_bytes`
    and `onedrive_bytes` are what it stores, None if that is unknown.
    """

    services: dict[Service, bool | None]
    desktop_outlook: bool = False
    mailbox_bytes: int | None = None
    onedrive_bytes: int | None = None

    @classmethod
    def of(cls, usage: Usage | None, status: UsageStatus | None, today: date) -> Use:
        """What the last usage run says of a contact."""
        services = {service: is_used(usage, status, service, today=today) for service in Service}
        if usage is None:
            return cls(services)
        return cls(services, usage.desktop_outlook, usage.mailbox_bytes, usage.onedrive_bytes)


def cheaper_license(
    given: Given, use: Use, offers: Sequence[Offer], held: Collection[SkuId]
) -> Offer | None:
    """The first of the cheaper offers that would do for a seat; None if none does.

    It must give every service of the seat that the contact used in the
    period, and every one of which that is unknown: only what is known to be
    unused may be lost. Who used Outlook on the desktop keeps the apps, and
    what is known to be stored must fit where the service is kept. Nothing is
    offered for a seat of which no use is known, and nothing that the contact
    holds already.
    """
    needed = frozenset(service for service in given.services if use.services[service] is not False)
    if use.desktop_outlook:
        needed |= given.services & {Service.MICROSOFT_365_APPS}
    apps_used = use.services[Service.MICROSOFT_365_APPS]
    on_the_web = (
        apps_used is not False
        and Service.MICROSOFT_365_APPS not in given.services
        and given.web_apps
    )
    known_use = any(use.services[service] for service in needed) or (on_the_web and apps_used)
    if not known_use:
        return None
    mailbox = use.mailbox_bytes if Service.EXCHANGE in needed else None
    onedrive = use.onedrive_bytes if Service.ONEDRIVE in needed else None
    for offer in offers:
        kept = offer.given
        web_kept = kept.web_apps or Service.MICROSOFT_365_APPS in kept.services
        if (
            offer.sku_id not in held
            and needed <= kept.services
            and (web_kept or not on_the_web)
            and kept.room.holds(mailbox, onedrive)
        ):
            return offer
    return None
