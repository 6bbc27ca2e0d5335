"""Tells from service plans which services a license includes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from usage.model import Service

if TYPE_CHECKING:
    from imports.model import License, ServicePlan

# Plans that merely lay the ground (EXCHANGE_S_FOUNDATION), archive or store are not the service.
# Source: https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference
_PATTERNS: tuple[tuple[str, tuple[Service, ...]], ...] = (
    (
        r"EXCHANGE_(S_(DESKLESS|ENTERPRISE|ESSENTIALS|STANDARD)|[BL]_STANDARD)",
        (Service.EXCHANGE, Service.OUTLOOK),
    ),
    (r"SHAREPOINT(DESKLESS|ENTERPRISE|LITE|STANDARD|_S_DEVELOPER)", (Service.SHAREPOINT,)),
    (r"SHAREPOINT(DESKLESS|ENTERPRISE|LITE|STANDARD|_S_DEVELOPER)", (Service.ONEDRIVE,)),
    (r"ONEDRIVE(_BASIC|ENTERPRISE|STANDARD|LITE)", (Service.ONEDRIVE,)),
    (r"MCO(STANDARD|IMP|LITE|BASIC|VOICECONF)(?![A-Z])", (Service.SKYPE_FOR_BUSINESS,)),
    (r"YAMMER_|VIVAENGAGE_CORE", (Service.YAMMER,)),
    (r"TEAMS1|TEAMS_(AR|DESKLESS|FREE|GOV)|TEAMSESS|MCO_TEAMS_IW", (Service.TEAMS,)),
    (
        # the apps for the web alone (SHAREPOINTWAC) do not replace installed ones
        r"OFFICESUBSCRIPTION|OFFICE_(BUSINESS|PROPLUS|PRO_PLUS)",
        (Service.MICROSOFT_365_APPS,),
    ),
    (
        r"PROJECT_(CLIENT_SUBSCRIPTION|ESSENTIALS|P1|PROFESSIONAL)|SHAREPOINT_PROJECT",
        (Service.PROJECT,),
    ),
    (r"VISIO", (Service.VISIO,)),
    (r"BI_AZURE_P", (Service.POWER_BI,)),
    (
        r"D(YN)?365_(?!.*(CDS|AI_|_O365_))|CRM(STANDARD|PLAN)",
        (Service.DYNAMICS_365,),
    ),
    (r"M365_COPILOT_(APPS|BUSINESS_CHAT|TEAMS)", (Service.COPILOT,)),
)
_RULES = tuple((re.compile(pattern), services) for pattern, services in _PATTERNS)


def services_of_plan(name: str) -> frozenset[Service]:
    """The services that a service plan gives, by its name; none for most plans."""
    upper = name.strip().upper()
    return frozenset(
        service for rule, services in _RULES if rule.match(upper) for service in services
    )


def services_of(plans: Iterable[ServicePlan]) -> frozenset[Service]:
    """The services that service plans give together."""
    return frozenset(service for plan in plans for service in services_of_plan(plan.name))


def services_of_license(license_: License) -> frozenset[Service]:
    """The services that a license includes; plans that the tenant has disabled do not count."""
    return services_of(
        plan for plan in license_.service_plans if plan.provisioning_status != "Disabled"
    )
