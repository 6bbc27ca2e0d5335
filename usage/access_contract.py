"""Request and response models of which services contacts use."""

from datetime import date
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from imports.model import License
from usage.activity import UsePeriod, covered_services, day_of, last_activity, service_activity
from usage.contract import ActivityState, UsageQuery, activity_state
from usage.model import ACTIVE_USERS, LicenseUse, ReportPeriod, Service, UsageStatus
from web.contract import Contract, Timestamp

if TYPE_CHECKING:
    from usage.queries import UsedContact

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


class AccessQuery(UsageQuery):
    """Filters of the list of service use."""

    view: Literal["7", "11"] = Field("11", description="How many services to look at.")


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
            activity=activity_state(row.inactive),
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
