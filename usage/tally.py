"""Sums up, contact by contact, what a portal's licenses are used for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING

from usage.activity import UsePeriod, category
from usage.hybrid import entitlements_of, hybrid_facts
from usage.model import Family, FamilyPosition, LicenseUse, Service, ServiceUse, UsageSummary
from usage.services import services_of_plan

if TYPE_CHECKING:
    from identifiers import ServicePlanId, SkuId
    from imports.model import Assignment, Contact, License
    from usage.model import Usage, UsageStatus

# By SKU, the services that each of its plans gives.
ServicesOfPlans = Mapping["SkuId", Mapping["ServicePlanId", "frozenset[Service]"]]


def services_by_plan(licenses: Iterable[License]) -> ServicesOfPlans:
    """The services of each plan of each license; plans that the tenant disabled give none."""
    return {
        license_.sku_id: {
            plan.service_plan_id: services
            for plan in license_.service_plans
            if plan.provisioning_status != "Disabled" and (services := services_of_plan(plan.name))
        }
        for license_ in licenses
    }


def included_services(assignment: Assignment, plans: ServicesOfPlans) -> frozenset[Service]:
    """The services that an assignment gives its holder, without plans switched off for it."""
    disabled = set(assignment.disabled_plans)
    return frozenset(
        service
        for plan_id, services in plans.get(assignment.sku_id, {}).items()
        if plan_id not in disabled
        for service in services
    )


class Tally:
    """Counts one portal; the order of the contacts makes no difference."""

    def __init__(
        self,
        status: UsageStatus,
        licenses: Iterable[License],
        *,
        today: date,
        used_days: int,
        rarely_used_days: int,
    ) -> None:
        known = list(licenses)
        self._status = status
        self._today = today
        self._period = UsePeriod(status, today)
        self._used_days = used_days
        self._rarely_used_days = rarely_used_days
        self._plans = services_by_plan(known)
        self._entitlements = entitlements_of(known)
        self._families = {family: FamilyPosition(categories={}) for family in Family}
        self._licenses = {license_.sku_id: LicenseUse(services={}) for license_ in known}

    def add(self, contact: Contact, usage: Usage | None) -> None:
        """Counts a contact."""
        for assignment in contact.assignments:
            if assignment.held and assignment.sku_id in self._licenses:
                self._add_holder(assignment, usage)
        for fact in hybrid_facts(contact, usage, self._status, self._entitlements):
            position = self._families[fact.family]
            setattr(position, fact.position, getattr(position, fact.position) + 1)
            position.at_device_limit += fact.at_device_limit
            position.devices += len(fact.devices)
            kind = category(
                usage,
                self._status,
                Service(fact.family),
                today=self._today,
                used_days=self._used_days,
                rarely_used_days=self._rarely_used_days,
            )
            position.categories[kind] = position.categories.get(kind, 0) + 1

    def _add_holder(self, assignment: Assignment, usage: Usage | None) -> None:
        license_ = self._licenses[assignment.sku_id]
        license_.holders += 1
        for service in included_services(assignment, self._plans):
            counts = license_.services.setdefault(service, ServiceUse())
            used = self._period.is_used(usage, service)
            counts.used += used is True
            counts.not_used += used is False
            counts.unknown += used is None

    def summary(self) -> UsageSummary:
        """The figures so far."""
        return UsageSummary(
            self._status.run_id,
            {str(family): position for family, position in self._families.items()},
            self._licenses,
        )
