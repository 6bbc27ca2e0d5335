"""Sets the cloud licenses of a contact beside what it activated and has installed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal

import msgspec

from usage.families import family_of_activation, family_of_plan
from usage.model import Activation, Family, UserDevice

if TYPE_CHECKING:
    from identifiers import ServicePlanId, SkuId
    from imports.model import Contact, License
    from usage.model import Usage, UsageStatus

Position = Literal[
    "entitled_activated",
    "entitled_installed",
    "entitled_not_installed",
    "installed_not_entitled",
    "unknown",
]
# Five PCs or Macs; phones and tablets have limits of their own.
# Source: https://learn.microsoft.com/microsoft-365-apps/licensing-activation/overview-licensing-activation-microsoft-365-apps
DEVICE_LIMIT = 5

Entitlements = Mapping["SkuId", Mapping[Family, "frozenset[ServicePlanId]"]]


class HybridFact(msgspec.Struct, frozen=True):
    """A contact's position in one product family; counts are devices."""

    family: Family
    position: Position
    desktop_activations: int
    mobile_activations: int
    at_device_limit: bool
    devices: tuple[UserDevice, ...]


def entitlements_of(licenses: Iterable[License]) -> Entitlements:
    """By SKU, the plans that entitle to install a product family; suspended licenses do not."""
    found: dict[SkuId, dict[Family, frozenset[ServicePlanId]]] = {}
    for license_ in licenses:
        if not license_.usable:
            continue
        families: dict[Family, frozenset[ServicePlanId]] = {}
        for plan in license_.service_plans:
            family = family_of_plan(plan.name)
            if family is not None and plan.provisioning_status != "Disabled":
                families[family] = families.get(family, frozenset()) | {plan.service_plan_id}
        if families:
            found[license_.sku_id] = families
    return found


def hybrid_facts(
    contact: Contact,
    usage: Usage | None,
    status: UsageStatus | None,
    entitlements: Entitlements,
) -> list[HybridFact]:
    """The contact's position in each family that it is entitled to, activated or has installed.

    That nothing is installed is known from activations alone: Intune does not see every device.
    """
    known = status is not None and "roster" in status.tasks
    entitled = _entitled(contact, entitlements)
    facts = []
    for family in Family:
        activations = [
            activation
            for activation in (usage.activations if usage is not None else ())
            if family_of_activation(activation.product) == family
        ]
        devices = tuple(
            device
            for device in (usage.devices if usage is not None else ())
            if family in device.installed
        )
        activated = any(item.device_count or item.shared_computer for item in activations)
        if family not in entitled and not activated and not devices:
            continue
        desktop = sum(item.windows + item.mac for item in activations)
        facts.append(
            HybridFact(
                family,
                _position(family in entitled, activated, bool(devices), known),
                desktop,
                _mobile(activations),
                desktop >= DEVICE_LIMIT,
                devices,
            )
        )
    return facts


def _position(entitled: bool, activated: bool, installed: bool, known: bool) -> Position:
    if not entitled:
        return "installed_not_entitled"
    if activated:
        return "entitled_activated"
    if installed:
        return "entitled_installed"
    return "entitled_not_installed" if known else "unknown"


def _mobile(activations: Iterable[Activation]) -> int:
    return sum(item.windows_mobile + item.ios + item.android for item in activations)


def _entitled(contact: Contact, entitlements: Entitlements) -> frozenset[Family]:
    return frozenset(
        family
        for assignment in contact.assignments
        if assignment.held
        for family, plans in entitlements.get(assignment.sku_id, {}).items()
        if plans - set(assignment.disabled_plans)
    )
