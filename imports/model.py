"""What an import brings into the ledger: licenses, products, contacts, assignments."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from identifiers import GroupId, PortalId, RunId, ServicePlanId, SkuId, UserId

ContactKind = Literal["member", "guest", "room"]

# What a license or subscription in such a state gives is lost, or about to be.
_NO_SERVICE = frozenset({"suspended", "lockedout", "deleted"})


class ServicePlan(msgspec.Struct, frozen=True):
    """A part of a SKU."""

    service_plan_id: ServicePlanId
    name: str
    provisioning_status: str
    applies_to: str


class Subscription(msgspec.Struct, frozen=True):
    """One commercial subscription behind a SKU; several may share one SKU.

    `next_lifecycle_at` is when it leaves its present state unless renewed;
    `longest_left_days` is how far ahead imports have seen it at the most.
    """

    subscription_id: str
    status: str
    total_licenses: int
    is_trial: bool
    created_at: datetime | None
    next_lifecycle_at: datetime | None
    owner_tenant_id: str | None
    longest_left_days: int = 0

    @property
    def living(self) -> bool:
        """Whether it gives licenses."""
        return self.status.casefold() not in _NO_SERVICE


class License(msgspec.Struct, frozen=True):
    """One subscribedSku of a portal; every count is in licenses.

    `consumed_units` is Graph's own count. `removed_at` is when a complete read
    of the tenant's SKUs first lacked it, None while the tenant has it.
    """

    portal_id: PortalId
    sku_id: SkuId
    sku_part_number: str
    title: str
    applies_to: str
    capability_status: str
    enabled_units: int
    warning_units: int
    suspended_units: int
    locked_out_units: int
    consumed_units: int
    service_plans: tuple[ServicePlan, ...]
    subscriptions: tuple[Subscription, ...]
    imported_at: datetime
    removed_at: datetime | None = None

    @property
    def usable(self) -> bool:
        """Whether the tenant lets its holders work with it."""
        return self.capability_status.casefold() not in _NO_SERVICE

    @property
    def entitled_units(self) -> int:
        """Usable units: enabled, and those in their grace period."""
        return self.enabled_units + self.warning_units


class Product(msgspec.Struct, frozen=True):
    """What the ledger manages for a license; only `directory` is an admin's to change."""

    portal_id: PortalId
    sku_id: SkuId
    name: str
    directory: str
    moved: bool
    created_at: datetime
    etag: str | None = None


class Group(msgspec.Struct, frozen=True):
    """A group that assigns licenses."""

    group_id: GroupId
    display_name: str
    on_premises_sync: bool | None
    sku_ids: tuple[SkuId, ...]


# gc=False from here on: an import makes millions of them, and none can lead back to itself.
class AssignmentPath(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One way by which a contact got a license; `group_id` is None if direct."""

    group_id: GroupId | None
    state: str
    error: str | None = None
    updated_at: str | None = None


class Assignment(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A license of a contact.

    `held` follows assignedLicenses, the truth on who holds what; `paths`
    follow licenseAssignmentStates, sorted, and may be empty, since Graph is
    known to leave entries out.
    """

    sku_id: SkuId
    held: bool
    paths: tuple[AssignmentPath, ...] = ()
    disabled_plans: tuple[ServicePlanId, ...] = ()


class Contact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A user of the tenant. Absent optional fields are None, never "".

    An erased one has no name, an ID of the ledger's own, and its licenses.
    New fields go to the end, with a default: stored records are positional.
    """

    user_id: UserId
    user_principal_name: str
    display_name: str | None
    kind: ContactKind
    account_enabled: bool | None
    mail: str | None = None
    usage_location: str | None = None
    country: str | None = None
    department: str | None = None
    job_title: str | None = None
    company_name: str | None = None
    employee_id: str | None = None
    created_at: str | None = None
    on_premises_sync: bool | None = None
    assignments: tuple[Assignment, ...] = ()
    erased: bool = False


class ImportSummary(msgspec.Struct, frozen=True):
    """The last complete import of a portal, kept in SyncState.

    `deleted_user_units` counts, by SKU, licenses that Graph still shows on
    soft-deleted users; empty when that could not be read.
    """

    portal_id: PortalId
    completed_at: datetime
    run_id: RunId
    contact_count: int
    deleted_user_units: dict[SkuId, int] = {}
    excluded: tuple[SkuId, ...] = ()
