"""What is known of a contact's use of the services, and of the reading that found it."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Literal

import msgspec

from identifiers import PortalId, RunId, SkuId, UserId

UsageTask = Literal["roster", "access", "sign_ins", "devices"]
USAGE_TASKS: tuple[UsageTask, ...] = ("roster", "access", "sign_ins", "devices")
ReportPeriod = Literal["D7", "D30", "D90", "D180"]

# Graph's names of the reports, which are the keys of UsageStatus.refreshed_on.
ACTIVE_USERS = "getOffice365ActiveUserDetail"
EMAIL_ACTIVITY = "getEmailActivityUserDetail"
EMAIL_APPS = "getEmailAppUsageUserDetail"
COPILOT_USAGE = "getMicrosoft365CopilotUsageUserDetail"
APP_USAGE = "getM365AppUserDetail"
ACTIVATIONS = "getOffice365ActivationsUserDetail"
ONEDRIVE_USAGE = "getOneDriveUsageAccountDetail"
MAILBOX_USAGE = "getMailboxUsageDetail"


class Service(StrEnum):
    """A service whose use is told apart; `last_activity` of a Usage is keyed by the values."""

    EXCHANGE = "exchange"
    ONEDRIVE = "onedrive"
    SHAREPOINT = "sharepoint"
    SKYPE_FOR_BUSINESS = "skype_for_business"
    YAMMER = "yammer"
    TEAMS = "teams"
    OUTLOOK = "outlook"
    MICROSOFT_365_APPS = "microsoft_365_apps"
    PROJECT = "project"
    VISIO = "visio"
    POWER_BI = "power_bi"
    DYNAMICS_365 = "dynamics_365"
    COPILOT = "copilot"


# Which reports tell of a service. Graph has none for Project, Visio, Power BI and Dynamics 365.
REPORTS_OF: dict[Service, tuple[str, ...]] = {
    Service.EXCHANGE: (ACTIVE_USERS, EMAIL_ACTIVITY),
    Service.ONEDRIVE: (ACTIVE_USERS,),
    Service.SHAREPOINT: (ACTIVE_USERS,),
    Service.SKYPE_FOR_BUSINESS: (ACTIVE_USERS,),
    Service.YAMMER: (ACTIVE_USERS,),
    Service.TEAMS: (ACTIVE_USERS,),
    Service.OUTLOOK: (EMAIL_APPS,),
    Service.MICROSOFT_365_APPS: (APP_USAGE,),
    Service.PROJECT: (),
    Service.VISIO: (),
    Service.POWER_BI: (),
    Service.DYNAMICS_365: (),
    Service.COPILOT: (COPILOT_USAGE,),
}


class Activation(msgspec.Struct, frozen=True, array_like=True):
    """A product that a contact activated on devices; counts are devices by kind."""

    product: str
    activated_on: str | None = None
    windows: int = 0
    mac: int = 0
    windows_mobile: int = 0
    ios: int = 0
    android: int = 0
    shared_computer: bool = False

    @property
    def device_count(self) -> int:
        """Devices on which the product is activated."""
        return self.windows + self.mac + self.windows_mobile + self.ios + self.android


class UserDevice(msgspec.Struct, frozen=True, array_like=True):
    """A managed device of a contact, with the product families found installed on it."""

    device_id: str
    name: str | None = None
    installed: tuple[str, ...] = ()


class Usage(msgspec.Struct, frozen=True, array_like=True):
    """What the last usage run found of one contact.

    Dates are ISO dates (YYYY-MM-DD) in UTC; `last_activity` is keyed by the
    values of Service and lacks services without activity or source. A service
    report that lists the contact is named in `reported`, whether or not it
    shows activity. Sizes are bytes. `platforms` are those on which apps were
    used within the period: windows, mac, mobile, web. `desktop_outlook` is
    whether Outlook for Windows or Mac was among them, which comes with the
    apps and not with the mailbox.

    New fields go to the end, with a default: stored records are positional.
    """

    user_id: UserId
    last_activity: dict[str, str] = {}
    last_sign_in: str | None = None
    reported: tuple[str, ...] = ()
    activations: tuple[Activation, ...] = ()
    last_activation: str | None = None
    platforms: tuple[str, ...] | None = None
    mailbox_bytes: int | None = None
    onedrive_bytes: int | None = None
    devices: tuple[UserDevice, ...] = ()
    desktop_outlook: bool = False


class PremiumUse(msgspec.Struct, frozen=True):
    """How many use the premium features of Entra: Conditional Access (P1), by risk (P2).

    `*_entitled` are the tenant's licenses as Graph counts them, wherever they come from.
    """

    p1_entitled: int
    p2_entitled: int
    p1_users: int
    p1_guests: int
    p2_users: int
    p2_guests: int


class UsageStatus(msgspec.Struct, frozen=True):
    """The last complete usage run of a portal, and how far its figures reach.

    `refreshed_on` is the refresh date of each report that was read with real
    names, by Graph's name of the report; `unavailable` names the permission,
    or the license of the tenant, that a task lacks. `concealed` says that the
    tenant hides the names in its reports: everything from reports is unknown.
    `premium` is None where the tenant did not tell.
    """

    portal_id: PortalId
    completed_at: datetime
    run_id: RunId
    period: ReportPeriod
    tasks: tuple[UsageTask, ...] = ()
    refreshed_on: dict[str, str] = {}
    concealed: bool = False
    unavailable: dict[UsageTask, str] = {}
    premium: PremiumUse | None = None

    @property
    def period_days(self) -> int:
        """The days that the reports cover."""
        return int(self.period[1:])


class Family(StrEnum):
    """A family of products that are licensed in the cloud and installed on devices."""

    MICROSOFT_365_APPS = "microsoft_365_apps"
    VISIO = "visio"
    PROJECT = "project"


class InstalledApp(msgspec.Struct, frozen=True, array_like=True):
    """An installation of a product family on a device."""

    family: str
    name: str
    version: str | None = None


class Device(msgspec.Struct, frozen=True, array_like=True):
    """A device of the tenant; `device_id` is Entra's ID of it, or Intune's if Entra has none.

    `managed` by Intune, which alone knows the user and what is installed.
    New fields go to the end, with a default: stored records are positional.
    """

    device_id: str
    name: str | None = None
    user_id: UserId | None = None
    operating_system: str | None = None
    os_version: str | None = None
    compliance: str | None = None
    last_sync: str | None = None
    managed: bool = False
    joined: bool = False
    trust_type: str | None = None
    installed: tuple[InstalledApp, ...] = ()


class ServiceUse(msgspec.Struct):
    """How many holders of a license use a service that it includes, within the period."""

    used: int = 0
    not_used: int = 0
    unknown: int = 0


class LicenseUse(msgspec.Struct):
    """What the holders of a license use of it, by Service."""

    holders: int = 0
    services: dict[str, ServiceUse] = {}


class FamilyPosition(msgspec.Struct):
    """Cloud licenses of a product family beside installations and activations, in contacts.

    `entitled_activated`, `entitled_installed` (but not activated),
    `entitled_not_installed`, `installed_not_entitled` and `unknown` are
    disjoint. `at_device_limit` counts contacts whose activations leave no
    room. `categories` tell how much those use it who are entitled or have it.
    """

    entitled_activated: int = 0
    entitled_installed: int = 0
    entitled_not_installed: int = 0
    installed_not_entitled: int = 0
    unknown: int = 0
    at_device_limit: int = 0
    devices: int = 0
    categories: dict[str, int] = {}


class UsageSummary(msgspec.Struct, frozen=True):
    """Figures over all contacts of a portal, as of a usage run.

    They were counted on `day` (UTC) from what the import `import_run_id` brought.
    """

    run_id: RunId
    families: dict[str, FamilyPosition] = {}
    licenses: dict[SkuId, LicenseUse] = {}
    import_run_id: RunId | None = None
    day: date | None = None
