"""Whether a cheaper license of the tenant would do for a seat: pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from identifiers import SkuId
from imports.model import ServicePlan
from spend.annual import Money
from spend.plans import PlanBook
from usage.activity import UsePeriod
from usage.capacity import Capacity, capacity_of, room_for
from usage.model import Service
from usage.services import services_of

if TYPE_CHECKING:
    from usage.model import Usage

# Office for the web: who only has this must not lose it while using the apps.
_WEB_APPS = "SHAREPOINTWAC"
_SERVICES = tuple(Service)


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
    def of(cls, usage: Usage | None, period: UsePeriod) -> Use:
        """What the last usage run says of a contact."""
        services = {service: period.is_used(usage, service) for service in _SERVICES}
        if usage is None:
            return cls(services)
        return cls(services, usage.desktop_outlook, usage.mailbox_bytes, usage.onedrive_bytes)


class Need(msgspec.Struct, frozen=True, array_like=True):
    """What another license must give for a seat, so that its holder loses nothing in use.

    `used` are the services of the seat that the contact used in the period,
    `unknown` those of which nothing is known. `web_apps` is whether it used
    the apps for the web, where the seat gives no others. `mailbox` and
    `onedrive` are bytes that must fit, rounded up to a size that is offered;
    None if unknown, or not to be kept.
    """

    used: frozenset[Service]
    unknown: frozenset[Service]
    web_apps: bool | None = False
    mailbox: int | None = None
    onedrive: int | None = None

    @classmethod
    def of(cls, given: Given, use: Use) -> Need:
        """The need for a seat that gives this, by a contact who uses so much."""
        used = frozenset(service for service in given.services if use.services[service])
        unknown = frozenset(s for s in given.services if use.services[s] is None)
        apps = Service.MICROSOFT_365_APPS
        if use.desktop_outlook and apps in given.services:
            used, unknown = used | {apps}, unknown - {apps}
        on_the_web = given.web_apps and apps not in given.services
        kept = used | unknown
        return cls(
            used,
            unknown,
            use.services[apps] if on_the_web else False,
            room_for(use.mailbox_bytes) if Service.EXCHANGE in kept else None,
            room_for(use.onedrive_bytes) if Service.ONEDRIVE in kept else None,
        )

    @property
    def known(self) -> bool:
        """Whether any use of the seat is known."""
        return bool(self.used) or self.web_apps is True

    def met_by(self, kept: Given) -> bool | None:
        """Whether what is in use would be kept; None if that hangs on what is unknown."""
        web_kept = kept.web_apps or Service.MICROSOFT_365_APPS in kept.services
        if not self.used <= kept.services or (self.web_apps and not web_kept):
            return False
        if not kept.room.holds(self.mailbox, self.onedrive):
            return False
        if not self.unknown <= kept.services or (self.web_apps is None and not web_kept):
            return None
        return True


def cheaper_license(need: Need, offers: Sequence[Offer], held: Collection[SkuId]) -> Offer | None:
    """The first of the cheaper offers that would do for a seat; None if none does.

    It must give every service of the seat that the contact used in the
    period, and every one of which that is unknown: only what is known to be
    unused may be lost. Who used Outlook on the desktop keeps the apps, and
    what is known to be stored must fit where the service is kept. Nothing is
    offered for a seat of which no use is known, and nothing that the contact
    holds already.
    """
    if not need.known:
        return None
    for offer in offers:
        if offer.sku_id not in held and need.met_by(offer.given):
            return offer
    return None
