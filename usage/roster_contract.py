"""Response models of the application roster."""

from datetime import date
from typing import TYPE_CHECKING, Literal

from imports.model import Contact, ContactKind
from usage.activity import day_of, last_activity
from usage.contract import ActivityState, activity_state
from usage.model import (
    ACTIVATIONS,
    ACTIVE_USERS,
    APP_USAGE,
    MAILBOX_USAGE,
    ONEDRIVE_USAGE,
    Activation,
    Usage,
    UsageStatus,
)
from web.contract import Contract

if TYPE_CHECKING:
    from usage.queries import UsedContact

_MEGABYTE = 1024 * 1024
SyncState = Literal["synced", "no_longer_synced", "never_synced"]


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
            activity=activity_state(row.inactive),
            last_activity=last,
            days_since_last_activity=(today - last).days if last is not None else None,
            refreshed_on=RosterDates.of(row.status),
        )


def _sync_state(contact: "Contact") -> "SyncState":
    if contact.on_premises_sync is None:
        return "never_synced"
    return "synced" if contact.on_premises_sync else "no_longer_synced"


def _megabytes(size: int | None) -> "float | None":
    return round(size / _MEGABYTE, 1) if size is not None else None
