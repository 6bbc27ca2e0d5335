"""Request and response models of licenses, products, contacts and consumers."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from compliance.consumers import path_of, state_of
from compliance.model import Consumer, PathKind
from compliance.term import Term, days_until, term_of
from identifiers import GroupId, PortalId, SkuId
from imports.model import AssignmentPath, Contact, ContactKind, Group, License, Product
from web.contract import Contract, Guid, PageQuery, Timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ledger.service import DirectoryNode


class PortalQuery(PageQuery):
    """Filter by portal."""

    portal_id: Guid[PortalId] | None = None


class ProductsQuery(PortalQuery):
    """Filters of the list of products."""

    directory: str | None = Field(None, max_length=255)


class ContactsQuery(PortalQuery):
    """Filters of the list of contacts."""

    kind: ContactKind | None = None
    blocked: bool | None = None
    search: str | None = Field(None, min_length=1, max_length=200)


class ServicePlanView(Contract):
    """A part of a SKU."""

    service_plan_id: str
    name: str
    provisioning_status: str
    applies_to: str


class SubscriptionView(Contract):
    """A commercial subscription behind a license."""

    subscription_id: str
    status: str
    total_licenses: int
    is_trial: bool
    term: Term
    created_at: Timestamp | None
    next_lifecycle_at: Timestamp | None
    days_until_next_lifecycle: int | None
    owner: Literal["direct", "partner"]
    owner_tenant_id: str | None


class LicenseView(Contract):
    """A license of a portal; the tenant leads, so it is read-only."""

    portal_id: str
    sku_id: str
    sku_part_number: str
    title: str
    applies_to: str
    capability_status: str
    entitled: int
    enabled_units: int
    warning_units: int
    suspended_units: int
    locked_out_units: int
    consumed_units: int
    subscriptions: list[SubscriptionView]
    imported_at: Timestamp
    removed_at: Timestamp | None

    @classmethod
    def of(cls, license_: "License", now: "datetime") -> "LicenseView":
        """The view of a license."""
        return cls(**_license_fields(license_, now))


class GroupView(Contract):
    """A group that assigns a license."""

    group_id: str
    display_name: str
    on_premises_sync: bool | None


class LicenseDetails(LicenseView):
    """A license with its service plans and the groups that assign it."""

    service_plans: list[ServicePlanView]
    groups: list[GroupView]

    @classmethod
    def with_groups(
        cls, license_: "License", groups: "list[Group]", now: "datetime"
    ) -> "LicenseDetails":
        """The view of a license and its groups."""
        return cls(
            **_license_fields(license_, now),
            service_plans=[ServicePlanView.model_validate(p) for p in license_.service_plans],
            groups=[GroupView.model_validate(group) for group in groups],
        )


def _license_fields(license_: "License", now: "datetime") -> "dict[str, Any]":
    return {
        "portal_id": license_.portal_id,
        "sku_id": license_.sku_id,
        "sku_part_number": license_.sku_part_number,
        "title": license_.title,
        "applies_to": license_.applies_to,
        "capability_status": license_.capability_status,
        "entitled": license_.entitled_units,
        "enabled_units": license_.enabled_units,
        "warning_units": license_.warning_units,
        "suspended_units": license_.suspended_units,
        "locked_out_units": license_.locked_out_units,
        "consumed_units": license_.consumed_units,
        "subscriptions": [
            SubscriptionView(
                subscription_id=s.subscription_id,
                status=s.status,
                total_licenses=s.total_licenses,
                is_trial=s.is_trial,
                term=term_of(s, now),
                created_at=s.created_at,
                next_lifecycle_at=s.next_lifecycle_at,
                days_until_next_lifecycle=days_until(s.next_lifecycle_at, now),
                owner="partner" if s.owner_tenant_id else "direct",
                owner_tenant_id=s.owner_tenant_id,
            )
            for s in license_.subscriptions
        ],
        "imported_at": license_.imported_at,
        "removed_at": license_.removed_at,
    }


class ProductView(Contract):
    """A product; its directory is an admin's to change, the rest follows the tenant."""

    portal_id: str
    sku_id: str
    name: str
    directory: str
    moved: bool
    created_at: Timestamp
    etag: str | None

    @classmethod
    def of(cls, product: "Product") -> "ProductView":
        """The view of a product."""
        return cls.model_validate(product)


class MoveProductRequest(Contract):
    """The one thing of a product that may be changed."""

    directory: str = Field(min_length=1, max_length=1000)


class DirectoryView(Contract):
    """A directory with those below it."""

    name: str
    path: str
    products: int
    total: int
    directories: "list[DirectoryView]"

    @classmethod
    def of(cls, node: "DirectoryNode") -> "DirectoryView":
        """The view of a directory."""
        return cls.model_validate(node)


class DirectoriesView(Contract):
    """The tree of directories."""

    value: list[DirectoryView]


class PathView(Contract):
    """One way by which a contact got a license; `groupId` is null if direct."""

    group_id: str | None
    group_name: str | None
    state: str
    error: str | None
    updated_at: str | None


class AssignmentView(Contract):
    """A license of a contact."""

    sku_id: str
    held: bool
    path: PathKind
    state: str
    paths: list[PathView]
    disabled_plans: list[str]


class ContactView(Contract):
    """A user of the tenant."""

    portal_id: str
    user_id: str
    user_principal_name: str
    display_name: str | None
    kind: ContactKind
    blocked: bool
    account_enabled: bool | None
    mail: str | None
    usage_location: str | None
    country: str | None
    department: str | None
    job_title: str | None
    company_name: str | None
    employee_id: str | None
    created_at: str | None
    on_premises_sync: bool | None
    assignments: list[AssignmentView]
    erased: bool

    @classmethod
    def of(
        cls, portal_id: "PortalId", contact: "Contact", groups: "Mapping[GroupId, Group]"
    ) -> "ContactView":
        """The view of a contact; `groups` give the paths their names."""
        return cls(
            portal_id=portal_id,
            user_id=contact.user_id,
            user_principal_name=contact.user_principal_name,
            display_name=contact.display_name,
            kind=contact.kind,
            blocked=contact.account_enabled is False,
            account_enabled=contact.account_enabled,
            mail=contact.mail,
            usage_location=contact.usage_location,
            country=contact.country,
            department=contact.department,
            job_title=contact.job_title,
            company_name=contact.company_name,
            employee_id=contact.employee_id,
            created_at=contact.created_at,
            on_premises_sync=contact.on_premises_sync,
            assignments=[
                AssignmentView(
                    sku_id=a.sku_id,
                    held=a.held,
                    path=path_of(a),
                    state=state_of(a),
                    paths=_paths(a.paths, groups),
                    disabled_plans=list(a.disabled_plans),
                )
                for a in contact.assignments
            ],
            erased=contact.erased,
        )


class ConsumerView(Contract):
    """A contact with an assignment of the license."""

    portal_id: str
    sku_id: SkuId
    user_id: str
    user_principal_name: str
    display_name: str | None
    kind: ContactKind
    blocked: bool
    path: PathKind
    state: str
    errors: list[str]
    consumes: bool
    paths: list[PathView]

    @classmethod
    def of(cls, consumer: "Consumer", groups: "Mapping[GroupId, Group]") -> "ConsumerView":
        """The view of a consumer; `groups` give the paths their names."""
        return cls(
            portal_id=consumer.portal_id,
            sku_id=consumer.sku_id,
            user_id=consumer.user_id,
            user_principal_name=consumer.user_principal_name,
            display_name=consumer.display_name,
            kind=consumer.kind,
            blocked=consumer.account_enabled is False,
            path=consumer.path,
            state=consumer.state,
            errors=list(consumer.errors),
            consumes=consumer.consumes,
            paths=_paths(consumer.paths, groups),
        )


def _paths(
    paths: "tuple[AssignmentPath, ...]", groups: "Mapping[GroupId, Group]"
) -> "list[PathView]":
    return [
        PathView(
            group_id=path.group_id,
            group_name=_group_name(path.group_id, groups),
            state=path.state,
            error=path.error,
            updated_at=path.updated_at,
        )
        for path in paths
    ]


def _group_name(group_id: "GroupId | None", groups: "Mapping[GroupId, Group]") -> str | None:
    group = groups.get(group_id) if group_id is not None else None
    return group.display_name if group is not None else None
