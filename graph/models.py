"""The fields we ask Graph for, as structs that decode straight from its JSON.

Only `id` is required: Graph leaves out what is not set, sends null, and adds
fields at will.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from identifiers import GroupId, ServicePlanId, SkuId, UserId

# Table Storage knows no earlier one.
_FIRST_YEAR = 1601


def _fold(record: msgspec.Struct, name: str, guid: str) -> None:
    # Graph writes GUIDs in lower case, and now and then some in upper case
    msgspec.structs.force_setattr(record, name, guid.lower())


def _moment(value: object) -> datetime | None:
    """The time, None for what is none, and for years by which Graph means never."""
    try:
        moment = msgspec.convert(value, datetime)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (msgspec.ValidationError, OverflowError):
        return None
    return moment if moment.year >= _FIRST_YEAR else None


class LicenseUnits(msgspec.Struct, rename="camel", frozen=True):
    """prepaidUnits of a SKU; counts are licenses."""

    enabled: int | None = 0
    suspended: int | None = 0
    warning: int | None = 0
    locked_out: int | None = 0


class ServicePlanInfo(msgspec.Struct, rename="camel", frozen=True):
    """A service plan of a SKU."""

    service_plan_id: ServicePlanId
    service_plan_name: str | None = None
    provisioning_status: str | None = None
    applies_to: str | None = None

    def __post_init__(self) -> None:
        if not self.service_plan_id.islower():
            _fold(self, "service_plan_id", self.service_plan_id)


class SubscribedSku(msgspec.Struct, rename="camel", frozen=True):
    """A SKU to which the tenant is subscribed."""

    sku_id: SkuId
    sku_part_number: str | None = None
    applies_to: str | None = None
    capability_status: str | None = None
    consumed_units: int | None = 0
    prepaid_units: LicenseUnits | None = None
    service_plans: tuple[ServicePlanInfo, ...] | None = None

    @property
    def part_number(self) -> str:
        """The part number; the ID of a SKU that Graph gives none."""
        return self.sku_part_number or self.sku_id

    @property
    def units(self) -> LicenseUnits:
        """The units; none where Graph tells none."""
        return self.prepaid_units or LicenseUnits()

    def __post_init__(self) -> None:
        if not self.sku_id.islower():
            _fold(self, "sku_id", self.sku_id)


class CompanySubscription(msgspec.Struct, rename="camel", frozen=True):
    """A commercial subscription; several may share one SKU."""

    id: str
    sku_id: SkuId
    commerce_subscription_id: str | None = None
    status: str | None = None
    total_licenses: int | None = 0
    is_trial: bool | None = False
    created_date_time: object = None
    next_lifecycle_date_time: object = None
    owner_tenant_id: str | None = None

    @property
    def created_at(self) -> datetime | None:
        """When it was bought, None if that is not told readably."""
        return _moment(self.created_date_time)

    @property
    def next_lifecycle_at(self) -> datetime | None:
        """When it leaves its state unless renewed, None if that is not told readably."""
        return _moment(self.next_lifecycle_date_time)

    def __post_init__(self) -> None:
        if not self.sku_id.islower():
            _fold(self, "sku_id", self.sku_id)


class Organization(msgspec.Struct, rename="camel", frozen=True):
    """The tenant itself."""

    id: str
    display_name: str | None = None


class AssignedLicense(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """One license that a user holds, however assigned."""

    sku_id: SkuId
    disabled_plans: tuple[ServicePlanId, ...] | None = None

    def __post_init__(self) -> None:
        if not self.sku_id.islower():
            _fold(self, "sku_id", self.sku_id)


class LicenseAssignmentState(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """One way by which a user was to get a license; direct if `assigned_by_group` is None."""

    sku_id: SkuId
    assigned_by_group: GroupId | None = None
    state: str | None = None
    error: str | None = None
    last_updated_date_time: str | None = None

    def __post_init__(self) -> None:
        if not self.sku_id.islower():
            _fold(self, "sku_id", self.sku_id)
        if self.assigned_by_group is not None and not self.assigned_by_group.islower():
            _fold(self, "assigned_by_group", self.assigned_by_group)


class User(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A user of the tenant. Times stay text: a million of them are read."""

    id: UserId
    user_principal_name: str | None = None
    display_name: str | None = None
    mail: str | None = None
    account_enabled: bool | None = None
    user_type: str | None = None
    usage_location: str | None = None
    country: str | None = None
    department: str | None = None
    job_title: str | None = None
    company_name: str | None = None
    employee_id: str | None = None
    created_date_time: str | None = None
    on_premises_sync_enabled: bool | None = None
    assigned_licenses: tuple[AssignedLicense, ...] | None = None
    license_assignment_states: tuple[LicenseAssignmentState, ...] | None = None

    def __post_init__(self) -> None:
        if not self.id.islower():
            _fold(self, "id", self.id)


class Removed(msgspec.Struct, frozen=True):
    """Why a user is gone: "changed" may come back, "deleted" does not."""

    reason: str | None = None


class ChangedUser(User, frozen=True, gc=False):
    """A user as a delta query tells of it; of a removed one only the ID is told."""

    removed: Removed | None = msgspec.field(default=None, name="@removed")


class LicensedGroup(msgspec.Struct, rename="camel", frozen=True):
    """A group that assigns licenses."""

    id: GroupId
    display_name: str | None = None
    on_premises_sync_enabled: bool | None = None
    assigned_licenses: tuple[AssignedLicense, ...] | None = None

    def __post_init__(self) -> None:
        if not self.id.islower():
            _fold(self, "id", self.id)


class Room(msgspec.Struct, rename="camel", frozen=True):
    """A room of the tenant."""

    id: str
    email_address: str | None = None


class ErrorBody(msgspec.Struct, frozen=True):
    """Graph's error object; the request ID stands in one of two spellings."""

    code: str | None = None
    message: str | None = None
    inner: dict[str, object] | None = msgspec.field(default=None, name="innerError")
    inner_lower: dict[str, object] | None = msgspec.field(default=None, name="innererror")

    @property
    def request_id(self) -> str | None:
        """The request ID, if the error names it."""
        inner = self.inner or self.inner_lower or {}
        found = inner.get("request-id")
        return found if isinstance(found, str) else None


class ErrorAnswer(msgspec.Struct, frozen=True):
    """The body of a failed request."""

    error: ErrorBody
