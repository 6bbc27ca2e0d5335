"""Which service plans a contact has enabled through a license, as sets packed in integers: pure."""

from __future__ import annotations

from collections.abc import Iterable

from identifiers import ServicePlanId, SkuId
from imports.model import Assignment, License, ServicePlan


class PlanBook:
    """The plans of a portal's licenses; a set of plans is an integer with a bit for each.

    Plans that apply to the company cannot be enabled for a contact, and those
    that the tenant has disabled are enabled for nobody; neither is in a set.
    A license whose subscriptions are suspended, locked out or deleted gives
    nothing.
    """

    def __init__(self, licenses: Iterable[License]) -> None:
        self._bits: dict[str, int] = {}
        self._plans: list[ServicePlan] = []
        self._sets: dict[SkuId, int] = {}
        self._enabled: dict[tuple[SkuId, tuple[ServicePlanId, ...]], int] = {}
        for license_ in licenses:
            found = 0
            for plan in license_.service_plans:
                if (
                    plan.applies_to.casefold() != "company"
                    and plan.provisioning_status.casefold() != "disabled"
                ):
                    found |= self._bit(plan)
            self._sets[license_.sku_id] = found if license_.usable else 0

    def _bit(self, plan: ServicePlan) -> int:
        key = plan.service_plan_id.casefold()
        index = self._bits.get(key)
        if index is None:
            index = self._bits[key] = len(self._plans)
            self._plans.append(plan)
        return 1 << index

    def of_license(self, sku_id: SkuId) -> int:
        """The plans that a license gives to whoever holds it with nothing switched off."""
        return self._sets.get(sku_id, 0)

    def enabled(self, assignment: Assignment) -> int:
        """The plans that are on for the holder of this assignment."""
        if not assignment.disabled_plans:
            return self._sets.get(assignment.sku_id, 0)
        key = (assignment.sku_id, assignment.disabled_plans)
        found = self._enabled.get(key)
        if found is None:
            off = 0
            for plan_id in assignment.disabled_plans:
                index = self._bits.get(plan_id.casefold())
                off |= 0 if index is None else 1 << index
            found = self._sets.get(assignment.sku_id, 0) & ~off
            if len(self._enabled) < 10_000:
                self._enabled[key] = found
        return found

    def plans(self, packed: int) -> list[ServicePlan]:
        """The plans in a set, by name."""
        found = [plan for index, plan in enumerate(self._plans) if packed >> index & 1]
        return sorted(found, key=lambda plan: plan.name)
