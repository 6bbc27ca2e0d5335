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
from usage.activity import day_of, is_used
from usage.model import Service
from usage.services import services_of

if TYPE_CHECKING:
    from usage.model import Usage, UsageStatus

# Office for the web: who only has this must not lose it while using the apps.
_WEB_APPS = "SHAREPOINTWAC"


class Offer(msgspec.Struct, frozen=True):
    """A license of the tenant as a replacement: what it gives, and what a unit costs a year."""

    sku_id: SkuId
    services: frozenset[Service]
    web_apps: bool
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
            found.append(Offer(sku_id, services_of(plans), gives_web_apps(plans), cost))
    return sorted(found, key=lambda o: (o.cost.currency, o.cost.amount, o.sku_id))


def gives_web_apps(plans: Sequence[ServicePlan]) -> bool:
    """Whether Office for the web is among the plans."""
    return any(plan.name.upper().startswith(_WEB_APPS) for plan in plans)


class Use(msgspec.Struct, frozen=True):
    """Whether a contact used each service in the period of the reports; None is unknown."""

    services: dict[Service, bool | None]

    @classmethod
    def of(cls, usage: Usage | None, status: UsageStatus | None, today: date) -> Use:
        """What the last usage run says of a contact."""
        days = status.period_days if status is not None else 0
        as_of = _as_of(status, today)
        return cls(
            {
                service: is_used(usage, status, service, today=as_of, days=days)
                for service in Service
            }
        )


def _as_of(status: UsageStatus | None, today: date) -> date:
    """The last day that all reports cover; they lag some days behind."""
    refreshed = status.refreshed_on.values() if status is not None else ()
    return min((day for text in refreshed if (day := day_of(text)) is not None), default=today)


def cheaper_license(
    plans: Sequence[ServicePlan],
    cost: Money | None,
    use: Use,
    offers: Sequence[Offer],
    held: Collection[SkuId],
) -> Offer | None:
    """The cheapest offer that would do for a seat with these plans; None if none is cheaper.

    It must give every service of the seat that the contact used in the
    period, and every one of which that is unknown: only what is known to be
    unused may be lost. Nothing is offered for a seat of which no use is
    known, and nothing that the contact holds already.
    """
    if cost is None:
        return None
    given = services_of(plans)
    needed = frozenset(service for service in given if use.services[service] is not False)
    apps_used = use.services[Service.MICROSOFT_365_APPS]
    on_the_web = (
        apps_used is not False and Service.MICROSOFT_365_APPS not in given and gives_web_apps(plans)
    )
    known_use = any(use.services[service] for service in needed) or (on_the_web and apps_used)
    if not known_use:
        return None
    for offer in offers:
        if offer.cost.currency != cost.currency or offer.sku_id in held:
            continue
        if offer.cost.amount >= cost.amount:
            return None
        web_kept = offer.web_apps or Service.MICROSOFT_365_APPS in offer.services
        if needed <= offer.services and (web_kept or not on_the_web):
            return offer
    return None
