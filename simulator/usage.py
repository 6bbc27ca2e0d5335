"""What users of a tenant did, as tests and seeds set it and as reports and Intune tell of it."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from dataclasses import dataclass, field
from typing import Any

from simulator.tenant import Tenant, timestamp

SERVICES = ("exchange", "onedrive", "sharepoint", "skype_for_business", "yammer", "teams")
APPS = ("Outlook", "Word", "Excel", "PowerPoint", "OneNote", "Teams")
PLATFORMS = ("Windows", "Mac", "Mobile", "Web")
_MEGABYTE = 1_000_000


@dataclass
class UserUsage:
    """A user's activity; dates are ISO dates.

    `services`: date by service; `mail_apps`: columns of the mail app report,
    last used on `mail_app_date`; `apps` were used on `platforms`, last on
    `app_date`; `activations`: {product, date, windows, mac, ios, android,
    windows_mobile, shared}; `copilot`: date by app.
    """

    services: dict[str, str] = field(default_factory=dict)
    mail_apps: list[str] = field(default_factory=list)
    mail_app_date: str | None = None
    apps: list[str] = field(default_factory=list)
    platforms: list[str] = field(default_factory=list)
    app_date: str | None = None
    activation_date: str | None = None
    activations: list[dict[str, Any]] = field(default_factory=list)
    mailbox_bytes: int | None = None
    onedrive_bytes: int | None = None
    onedrive_date: str | None = None
    copilot: dict[str, str] = field(default_factory=dict)


@dataclass
class Device:
    """A device; Intune knows it if `managed`, Entra if it has an `entra_id`."""

    device_id: str
    name: str
    user_id: str | None = None
    operating_system: str = "Windows"
    os_version: str = "10.0.22631.3593"
    compliance: str = "compliant"
    last_sync: str = ""
    managed: bool = True
    entra_id: str | None = None
    apps: list[tuple[str, str]] = field(default_factory=list)


def day(value: int | str) -> str:
    """An ISO date: as given, or so many days ago."""
    if isinstance(value, int):
        return (dt.datetime.now(dt.UTC).date() - dt.timedelta(days=value)).isoformat()
    return dt.date.fromisoformat(value).isoformat()


def set_usage(tenant: Tenant, user_id: str, values: dict[str, Any]) -> None:
    """Sets what a user did; dates may be numbers of days ago, and None empties a field."""
    if tenant.user(user_id) is None:
        raise KeyError(user_id)
    usage = tenant.usage.setdefault(user_id, UserUsage())
    for name, value in values.items():
        if not hasattr(usage, name):
            raise KeyError(name)
        if name in ("services", "copilot"):
            value = {key: day(date) for key, date in value.items()}
        elif name == "activations":
            value = [{**item, "date": day(item.get("date", 30))} for item in value]
        elif name.endswith("_date") and value is not None:
            value = day(value)
        setattr(usage, name, value)


def seed_usage(tenant: Tenant, source: random.Random, active: float) -> None:
    """Gives every licensed user activity; the share `active` of them within the last weeks."""
    for user in tenant.users():
        if not tenant.paths(user):
            continue
        if source.random() >= active:
            if source.random() < 0.5:
                # never used anything: listed in the reports, without a date
                tenant.usage[user.user_id] = UserUsage(mailbox_bytes=0)
                continue
            age = source.randint(95, 170)
        else:
            age = source.randint(4, 25)
        chosen = source.sample(SERVICES, k=source.randint(1, len(SERVICES)))
        platforms = source.sample(PLATFORMS, k=source.randint(1, 3))
        set_usage(
            tenant,
            user.user_id,
            {
                "services": {name: age + source.randint(0, 20) for name in chosen},
                "mail_apps": ["Outlook For Windows"] if "Windows" in platforms else [],
                "mail_app_date": age,
                "apps": source.sample(APPS, k=source.randint(1, 4)),
                "platforms": platforms,
                "app_date": age,
                "activation_date": age + 100,
                "activations": [
                    {
                        "product": "MICROSOFT 365 APPS FOR ENTERPRISE",
                        "date": age + 100,
                        "windows": source.randint(1, 2),
                        "ios": source.randint(0, 1),
                    }
                ],
                "mailbox_bytes": source.randint(50, 40_000) * _MEGABYTE,
                "onedrive_bytes": source.randint(0, 90_000) * _MEGABYTE,
                "onedrive_date": age,
            },
        )


def add_device(tenant: Tenant, body: dict[str, Any]) -> Device:
    """Enrolls or joins a device: name, user_id, operating_system, managed, joined, apps."""
    device_id = body.get("device_id") or str(uuid.uuid4())
    synced = dt.datetime.now(dt.UTC) - dt.timedelta(days=int(body.get("synced_days_ago", 1)))
    device = Device(
        device_id,
        body["name"],
        body.get("user_id"),
        body.get("operating_system", "Windows"),
        body.get("os_version", "10.0.22631.3593"),
        body.get("compliance", "compliant"),
        timestamp(synced),
        body.get("managed", True),
        str(uuid.uuid5(uuid.UUID(device_id), "entra")) if body.get("joined", True) else None,
        [(str(name), str(version)) for name, version in body.get("apps", ())],
    )
    tenant.devices[device_id] = device
    return device
