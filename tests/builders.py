"""Builders of what tests talk about: everything has a default, tests name what matters."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from compliance.model import ConsumerCounts
from compliance.position import Circumstances
from graph.models import (
    AssignedLicense,
    LicenseAssignmentState,
    LicenseUnits,
    SubscribedSku,
    User,
)
from identifiers import ClientId, GroupId, PortalId, ServicePlanId, SkuId, TenantId, UserId
from imports.model import (
    Assignment,
    AssignmentPath,
    Contact,
    License,
    ServicePlan,
    Subscription,
)
from monitor.run import Run, new_run_id
from portals.model import Credential, Portal
from usage.model import ACTIVE_USERS, APP_USAGE, EMAIL_APPS, Usage, UsageStatus

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
PORTAL = PortalId("0f8fad5b-d9cb-469f-a165-70867728950e")
SKU = SkuId("05e9a617-0261-4cee-bb44-138d3ef5d965")
OTHER_SKU = SkuId("c5928f49-12ba-48f7-ada3-0d743a3601d5")
OTHER_GROUP = GroupId("f0162427-3bfd-4d33-8d00-38ec42650644")
GROUP = GroupId("31162427-3bfd-4d33-8d00-38ec42650644")


def new_portal_id() -> PortalId:
    """A portal ID of its own."""
    return PortalId(str(uuid.uuid4()))


def new_user_id() -> UserId:
    """A user ID of its own."""
    return UserId(str(uuid.uuid4()))


def make_license(**changes: Any) -> License:
    """A license of 10 enabled units."""
    values: dict[str, Any] = {
        "portal_id": PORTAL,
        "sku_id": SKU,
        "sku_part_number": "SPE_E3",
        "title": "Microsoft 365 E3",
        "applies_to": "User",
        "capability_status": "Enabled",
        "enabled_units": 10,
        "warning_units": 0,
        "suspended_units": 0,
        "locked_out_units": 0,
        "consumed_units": 0,
        "service_plans": (),
        "subscriptions": (),
        "imported_at": NOW,
    }
    return License(**{**values, **changes})


def make_plan(name: str, **changes: Any) -> ServicePlan:
    """A service plan of that name, which the tenant has switched on for users."""
    values: dict[str, Any] = {
        "service_plan_id": ServicePlanId(str(uuid.uuid5(uuid.NAMESPACE_DNS, name))),
        "name": name,
        "provisioning_status": "Success",
        "applies_to": "User",
    }
    return ServicePlan(**{**values, **changes})


def make_subscription(
    days: float | None = 200, *, age: float = 165, **changes: Any
) -> Subscription:
    """A yearly subscription, `age` days old, that leaves its state in so many days."""
    values: dict[str, Any] = {
        "subscription_id": "s",
        "status": "Enabled",
        "total_licenses": 10,
        "is_trial": False,
        "created_at": NOW - timedelta(days=age),
        "next_lifecycle_at": NOW + timedelta(days=days) if days is not None else None,
        "owner_tenant_id": None,
    }
    return Subscription(**{**values, **changes})


def make_circumstances(**changes: Any) -> Circumstances:
    """A present portal, imported, nothing excluded."""
    values: dict[str, Any] = {
        "portal_name": "Contoso",
        "portal_state": "present",
        "excluded": False,
        "imported_at": NOW,
        "deleted_user_units": 0,
        "over_licensed_tolerance": 0,
        "expiry_warning_days": 30,
        "now": NOW,
    }
    return Circumstances(**{**values, **changes})


def make_counts(consumed: int = 0, **changes: int) -> ConsumerCounts:
    """Counts of consumers."""
    return ConsumerCounts(consumed=consumed, **changes)


def make_path(group: GroupId | None = None, state: str = "Active") -> AssignmentPath:
    """A way to a license."""
    return AssignmentPath(group, state)


def make_assignment(*paths: AssignmentPath, sku_id: SkuId = SKU, held: bool = True) -> Assignment:
    """An assignment by such paths."""
    return Assignment(sku_id, held, paths)


def make_contact(*assignments: Assignment, **changes: Any) -> Contact:
    """A contact who may sign in."""
    values: dict[str, Any] = {
        "user_id": new_user_id(),
        "user_principal_name": "ada@contoso.example",
        "display_name": "Ada",
        "kind": "member",
        "account_enabled": True,
        "assignments": assignments,
    }
    return Contact(**{**values, **changes})


def make_sku(sku_id: SkuId = SKU, **changes: Any) -> SubscribedSku:
    """A subscribed SKU of 10 units."""
    values: dict[str, Any] = {
        "sku_id": sku_id,
        "sku_part_number": "SPE_E3",
        "applies_to": "User",
        "capability_status": "Enabled",
        "consumed_units": 0,
        "prepaid_units": LicenseUnits(enabled=10),
    }
    return SubscribedSku(**{**values, **changes})


def make_user(**changes: Any) -> User:
    """A user as Graph tells of it."""
    values: dict[str, Any] = {
        "id": new_user_id(),
        "user_principal_name": "ada@contoso.example",
        "display_name": "Ada",
        "account_enabled": True,
        "user_type": "Member",
    }
    return User(**{**values, **changes})


def assigned(sku_id: SkuId = SKU) -> AssignedLicense:
    """An entry of assignedLicenses."""
    return AssignedLicense(sku_id, ())


def assignment_state(
    sku_id: SkuId = SKU,
    group: GroupId | None = None,
    state: str | None = "Active",
    error: str | None = "None",
) -> LicenseAssignmentState:
    """An entry of licenseAssignmentStates."""
    return LicenseAssignmentState(sku_id, group, state, error)


def make_portal(**changes: Any) -> Portal:
    """A portal with a client secret."""
    values: dict[str, Any] = {
        "portal_id": new_portal_id(),
        "name": f"Contoso {uuid.uuid4().hex[:8]}",
        "description": "",
        "tenant_id": TenantId(str(uuid.uuid4())),
        "client_id": ClientId(str(uuid.uuid4())),
        "cloud": "AzurePublic",
        "credential": Credential("client_secret", "portal-secret", "1"),
        "exclusions": frozenset(),
        "enabled": True,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Portal(**{**values, **changes})


def make_run(now: datetime = NOW, **changes: Any) -> Run:
    """A queued import."""
    values: dict[str, Any] = {
        "run_id": new_run_id(now),
        "task": "import",
        "trigger": "manual",
        "state": "Queued",
        "created_at": now,
    }
    return Run(**{**values, **changes})


def make_usage(**changes: Any) -> Usage:
    """The usage of a contact whom the report of active users lists without any activity."""
    values: dict[str, Any] = {"user_id": new_user_id(), "reported": (ACTIVE_USERS,)}
    return Usage(**{**values, **changes})


def make_usage_status(**changes: Any) -> UsageStatus:
    """A usage run that read roster, access and sign-ins, over 90 days."""
    values: dict[str, Any] = {
        "portal_id": PORTAL,
        "completed_at": NOW,
        "run_id": new_run_id(NOW),
        "period": "D90",
        "tasks": ("roster", "access", "sign_ins"),
        "refreshed_on": dict.fromkeys((ACTIVE_USERS, APP_USAGE, EMAIL_APPS), "2026-05-29"),
    }
    return UsageStatus(**{**values, **changes})
