"""Request and response models of the usage routes."""

from datetime import date
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from graph.permissions import needs_of
from identifiers import PortalId, SkuId
from imports.model import Contact, ContactKind, License
from usage.activity import (
    Category,
    UsePeriod,
    covered_services,
    day_of,
    last_activity,
    service_activity,
)
from usage.hybrid import DEVICE_LIMIT, Position
from usage.model import (
    ACTIVATIONS,
    ACTIVE_USERS,
    APP_USAGE,
    MAILBOX_USAGE,
    ONEDRIVE_USAGE,
    USAGE_TASKS,
    Activation,
    Device,
    Family,
    LicenseUse,
    ReportPeriod,
    Service,
    Usage,
    UsageStatus,
    UsageTask,
)
from web.contract import Contract, Guid, PageQuery, Timestamp

if TYPE_CHECKING:
    from portals.model import Portal
    from usage.queries import HybridContact, HybridPosition, UsedContact

_MEGABYTE = 1024 * 1024
SyncState = Literal["synced", "no_longer_synced", "never_synced"]
ActivityState = Literal["active", "inactive", "unknown"]
TaskState = Literal["off", "not_run", "available", "unavailable", "concealed"]

SEVEN_SERVICES = (
    Service.EXCHANGE,
    Service.ONEDRIVE,
    Service.SHAREPOINT,
    Service.SKYPE_FOR_BUSINESS,
    Service.YAMMER,
    Service.TEAMS,
    Service.OUTLOOK,
)
ELEVEN_SERVICES = (
    *SEVEN_SERVICES,
    Service.MICROSOFT_365_APPS,
    Service.PROJECT,
    Service.VISIO,
    Service.POWER_BI,
)
# Shown beside the eleven where Graph tells.
_MORE_SERVICES = (Service.DYNAMICS_365, Service.COPILOT)


class UsageQuery(PageQuery):
    """Filters of lists of contacts with their usage."""

    portal_id: Guid[PortalId] | None = None
    sku_id: Guid[SkuId] | None = Field(None, description="Only holders of this license.")
    inactive: bool | None = Field(
        None, description="Only contacts known to be inactive, or known not to be."
    )


class AccessQuery(UsageQuery):
    """Filters of the list of service use."""

    view: Literal["7", "11"] = Field("11", description="How many services to look at.")


class DevicesQuery(PageQuery):
    """Filters of the list of devices."""

    portal_id: Guid[PortalId] | None = None
    installed: Family | None = Field(None, description="Only devices with this family installed.")


class PortalPageQuery(PageQuery):
    """Paging of what there is a few of per portal."""

    portal_id: Guid[PortalId] | None = None


class HybridContactsQuery(PageQuery):
    """Filters of the contacts behind hybrid positions."""

    portal_id: Guid[PortalId] | None = None
    family: Family | None = None
    position: Position | None = None


class ActivationView(Contract):
    """A product activated on devices; counts are devices."""

    product: str
    activated_on: date | None
    windows: int
    mac: int
    windows_mobile: int
    ios: int
    android: int
    shared_computer: bool

    @classmethod
    def of(cls, activation: "Activation") -> "ActivationView":
        """The view of an activation."""
        return cls(
            product=activation.product,
            activated_on=day_of(activation.activated_on),
            windows=activation.windows,
            mac=activation.mac,
            windows_mobile=activation.windows_mobile,
            ios=activation.ios,
            android=activation.android,
            shared_computer=activation.shared_computer,
        )


class RosterDates(Contract):
    """As of when the figures of each kind are; null where the report was not read."""

    activity: date | None
    activations: date | None
    apps: date | None
    mailbox: date | None
    one_drive: date | None

    @classmethod
    def of(cls, status: "UsageStatus | None") -> "RosterDates":
        """The refresh dates of a run's reports."""
        dates = status.refreshed_on if status is not None else {}
        return cls(
            activity=day_of(dates.get(ACTIVE_USERS)),
            activations=day_of(dates.get(ACTIVATIONS)),
            apps=day_of(dates.get(APP_USAGE)),
            mailbox=day_of(dates.get(MAILBOX_USAGE)),
            one_drive=day_of(dates.get(ONEDRIVE_USAGE)),
        )


class RosterRow(Contract):
    """A contact with licenses, activations, storage and platforms; null is unknown."""

    portal_id: str
    user_id: str
    user_principal_name: str
    display_name: str | None
    kind: ContactKind
    guest: bool
    blocked: bool
    on_premises_sync: SyncState
    job_title: str | None
    department: str | None
    country: str | None
    usage_location: str | None
    created_at: str | None
    licenses: list[str]
    activations: list[ActivationView]
    last_activation: date | None
    mailbox_mb: float | None
    one_drive_mb: float | None
    windows: bool | None
    mac: bool | None
    mobile: bool | None
    web: bool | None
    activity: ActivityState
    last_activity: date | None
    days_since_last_activity: int | None
    refreshed_on: RosterDates

    @classmethod
    def of(cls, row: "UsedContact", today: "date") -> "RosterRow":
        """The view of a contact."""
        contact = row.contact
        usage = row.usage or Usage(contact.user_id)
        last = last_activity(row.usage, row.status)
        platforms = usage.platforms
        return cls(
            portal_id=row.portal_id,
            user_id=contact.user_id,
            user_principal_name=contact.user_principal_name,
            display_name=contact.display_name,
            kind=contact.kind,
            guest=contact.kind == "guest",
            blocked=contact.account_enabled is False,
            on_premises_sync=_sync_state(contact),
            job_title=contact.job_title,
            department=contact.department,
            country=contact.country,
            usage_location=contact.usage_location,
            created_at=contact.created_at,
            licenses=[row.titles.get(a.sku_id, a.sku_id) for a in contact.assignments if a.held],
            activations=[ActivationView.of(activation) for activation in usage.activations],
            last_activation=day_of(usage.last_activation),
            mailbox_mb=_megabytes(usage.mailbox_bytes),
            one_drive_mb=_megabytes(usage.onedrive_bytes),
            windows="windows" in platforms if platforms is not None else None,
            mac="mac" in platforms if platforms is not None else None,
            mobile="mobile" in platforms if platforms is not None else None,
            web="web" in platforms if platforms is not None else None,
            activity=_activity_state(row.inactive),
            last_activity=last,
            days_since_last_activity=(today - last).days if last is not None else None,
            refreshed_on=RosterDates.of(row.status),
        )


class ServiceDates(Contract):
    """When a contact last used each service; null if never, unknown, or not in the view."""

    exchange: date | None = None
    onedrive: date | None = None
    sharepoint: date | None = None
    skype_for_business: date | None = None
    yammer: date | None = None
    teams: date | None = None
    outlook: date | None = None
    microsoft_365_apps: date | None = None
    project: date | None = None
    visio: date | None = None
    power_bi: date | None = None
    dynamics_365: date | None = None
    copilot: date | None = None


class AccessRow(Contract):
    """A contact's use of the services of a view.

    Every service of the view is in one of `used` and `notUsed` (within the
    period), `unknown` (the report does not tell of the contact) and
    `withoutSource` (no report tells of the service).
    """

    portal_id: str
    user_id: str
    user_principal_name: str
    display_name: str | None
    period: ReportPeriod | None
    refreshed_on: date | None
    last_activity: ServiceDates
    used: list[Service]
    not_used: list[Service]
    unknown: list[Service]
    without_source: list[Service]
    last_sign_in: date | None
    activity: ActivityState
    days_since_last_activity: int | None

    @classmethod
    def of(cls, row: "UsedContact", view: Literal["7", "11"], today: "date") -> "AccessRow":
        """The view of a contact."""
        status, usage = row.status, row.usage
        covered = covered_services(status)
        services = (
            SEVEN_SERVICES
            if view == "7"
            else (*ELEVEN_SERVICES, *(s for s in _MORE_SERVICES if s in covered))
        )
        period = UsePeriod(status, today)
        uses = {service: period.is_used(usage, service) for service in services}
        last = last_activity(usage, status)
        return cls(
            portal_id=row.portal_id,
            user_id=row.contact.user_id,
            user_principal_name=row.contact.user_principal_name,
            display_name=row.contact.display_name,
            period=status.period if status is not None else None,
            refreshed_on=day_of(status.refreshed_on.get(ACTIVE_USERS)) if status else None,
            last_activity=ServiceDates(
                **{str(service): service_activity(usage, service) for service in services}
            ),
            used=[service for service, used in uses.items() if used is True],
            not_used=[service for service, used in uses.items() if used is False],
            unknown=[s for s, used in uses.items() if used is None and s in covered],
            without_source=[s for s, used in uses.items() if used is None and s not in covered],
            last_sign_in=day_of(usage.last_sign_in) if usage is not None else None,
            activity=_activity_state(row.inactive),
            days_since_last_activity=(today - last).days if last is not None else None,
        )


class ServiceUseView(Contract):
    """How many holders of a license use a service that it includes."""

    service: Service
    reported: bool
    used: int
    not_used: int
    unknown: int


class LicenseUseView(Contract):
    """Which of the services that a license includes its holders use within the period."""

    portal_id: str
    sku_id: str
    title: str
    period: ReportPeriod | None
    as_of: Timestamp | None
    holders: int | None
    services: list[ServiceUseView]

    @classmethod
    def of(
        cls, license_: "License", status: "UsageStatus | None", use: "LicenseUse | None"
    ) -> "LicenseUseView":
        """The view of a license; without a usage run nothing is known of it."""
        covered = covered_services(status)
        return cls(
            portal_id=license_.portal_id,
            sku_id=license_.sku_id,
            title=license_.title,
            period=status.period if status is not None else None,
            as_of=status.completed_at if status is not None else None,
            holders=use.holders if use is not None else None,
            services=[
                ServiceUseView(
                    service=service,
                    reported=service in covered,
                    used=use.services[service].used,
                    not_used=use.services[service].not_used,
                    unknown=use.services[service].unknown,
                )
                for service in Service
                if use is not None and service in use.services
            ],
        )


class InstalledAppView(Contract):
    """An installation of a product family."""

    family: Family
    name: str
    version: str | None


class DeviceView(Contract):
    """A device of the tenant; Intune alone knows user, compliance and installations."""

    portal_id: str
    device_id: str
    name: str | None
    user_id: str | None
    operating_system: str | None
    os_version: str | None
    compliance: str | None
    last_sync: str | None
    managed: bool
    joined: bool
    trust_type: str | None
    installed: list[InstalledAppView]

    @classmethod
    def of(cls, portal_id: str, device: "Device") -> "DeviceView":
        """The view of a device."""
        return cls(
            portal_id=portal_id,
            device_id=device.device_id,
            name=device.name,
            user_id=device.user_id,
            operating_system=device.operating_system,
            os_version=device.os_version,
            compliance=device.compliance,
            last_sync=device.last_sync,
            managed=device.managed,
            joined=device.joined,
            trust_type=device.trust_type,
            installed=[
                InstalledAppView(family=Family(app.family), name=app.name, version=app.version)
                for app in device.installed
            ],
        )


class CategoriesView(Contract):
    """Contacts who are entitled to a product or have it, by how much they use it."""

    used: int
    rarely_used: int
    unused: int
    unreported: int


class HybridView(Contract):
    """A portal's cloud licenses of a product family beside installations; counts are contacts."""

    portal_id: str
    portal_name: str
    family: Family
    as_of: Timestamp
    entitled_activated: int
    entitled_installed: int
    entitled_not_installed: int
    installed_not_entitled: int
    unknown: int
    at_device_limit: int
    devices: int
    categories: CategoriesView

    @classmethod
    def of(cls, row: "HybridPosition") -> "HybridView":
        """The view of a position."""
        position = row.position
        kinds: tuple[Category, ...] = ("used", "rarely_used", "unused", "unreported")
        return cls(
            portal_id=row.portal.portal_id,
            portal_name=row.portal.name,
            family=row.family,
            as_of=row.status.completed_at,
            entitled_activated=position.entitled_activated,
            entitled_installed=position.entitled_installed,
            entitled_not_installed=position.entitled_not_installed,
            installed_not_entitled=position.installed_not_entitled,
            unknown=position.unknown,
            at_device_limit=position.at_device_limit,
            devices=position.devices,
            categories=CategoriesView(**{kind: position.categories.get(kind, 0) for kind in kinds}),
        )


class HybridDeviceView(Contract):
    """A device with the product family installed."""

    device_id: str
    name: str | None


class HybridContactView(Contract):
    """A contact's position in one product family, as of the last usage run."""

    portal_id: str
    user_id: str
    user_principal_name: str
    display_name: str | None
    family: Family
    position: Position
    desktop_activations: int
    mobile_activations: int
    device_limit: int
    at_device_limit: bool
    devices: list[HybridDeviceView]

    @classmethod
    def of(cls, row: "HybridContact") -> "HybridContactView":
        """The view of a contact's position."""
        return cls(
            portal_id=row.portal_id,
            user_id=row.contact.user_id,
            user_principal_name=row.contact.user_principal_name,
            display_name=row.contact.display_name,
            family=row.fact.family,
            position=row.fact.position,
            desktop_activations=row.fact.desktop_activations,
            mobile_activations=row.fact.mobile_activations,
            device_limit=DEVICE_LIMIT,
            at_device_limit=row.fact.at_device_limit,
            devices=[
                HybridDeviceView(device_id=device.device_id, name=device.name)
                for device in row.fact.devices
            ],
        )


class TaskView(Contract):
    """A usage task of a portal; `permission` is what it needs, `lacks` what is missing."""

    task: UsageTask
    state: TaskState
    permission: str
    lacks: str | None


class ReportView(Contract):
    """A report that the last usage run read."""

    report: str
    refreshed_on: date


class UsageStatusView(Contract):
    """What a portal's usage tasks can tell, as of the last run."""

    portal_id: str
    portal_name: str
    period: ReportPeriod
    inactive_days: int
    tasks: list[TaskView]
    names_concealed: bool
    remedy: str | None
    reports: list[ReportView]
    completed_at: Timestamp | None
    run_id: str | None

    @classmethod
    def of(cls, portal: "Portal", status: "UsageStatus | None", remedy: str) -> "UsageStatusView":
        """The view of a portal's status; `remedy` tells how names are shown."""
        concealed = status is not None and status.concealed
        return cls(
            portal_id=portal.portal_id,
            portal_name=portal.name,
            period=portal.report_period,
            inactive_days=portal.inactive_days,
            tasks=[_task_view(task, portal, status) for task in USAGE_TASKS],
            names_concealed=concealed,
            remedy=remedy if concealed else None,
            reports=[
                ReportView(report=report, refreshed_on=day)
                for report, text in sorted((status.refreshed_on if status else {}).items())
                if (day := day_of(text)) is not None
            ],
            completed_at=status.completed_at if status is not None else None,
            run_id=status.run_id if status is not None else None,
        )


def _task_view(task: "UsageTask", portal: "Portal", status: "UsageStatus | None") -> "TaskView":
    lacks = status.unavailable.get(task) if status is not None else None
    state: TaskState = "not_run"
    if task not in portal.tasks:
        state = "off"
    elif lacks is not None:
        state = "unavailable"
    elif status is not None and task in status.tasks:
        state = "available"
    elif status is not None and status.concealed and task in ("roster", "access"):
        state = "concealed"
    return TaskView(task=task, state=state, permission=needs_of([task])[0].permission, lacks=lacks)


def _sync_state(contact: "Contact") -> "SyncState":
    if contact.on_premises_sync is None:
        return "never_synced"
    return "synced" if contact.on_premises_sync else "no_longer_synced"


def _activity_state(inactive: bool | None) -> "ActivityState":
    if inactive is None:
        return "unknown"
    return "inactive" if inactive else "active"


def _megabytes(size: int | None) -> "float | None":
    return round(size / _MEGABYTE, 1) if size is not None else None
