"""Puts together what several reports say of one contact or one device."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from usage.model import Device, Usage

# An account that enrolls devices for others may have thousands.
MAX_DEVICES_OF_USER = 100
Value = TypeVar("Value")
Ordered = TypeVar("Ordered", str, int)


def merged_usage(parts: Sequence[Usage]) -> Usage:
    """One contact's usage from parts with the same user ID; of two dates the later counts."""
    last_activity: dict[str, str] = {}
    for part in parts:
        for service, date in part.last_activity.items():
            last_activity[service] = max(date, last_activity.get(service, date))
    sizes = [part.onedrive_bytes for part in parts if part.onedrive_bytes is not None]
    platforms = {platform for part in parts for platform in part.platforms or ()}
    return Usage(
        parts[0].user_id,
        last_activity,
        _latest(part.last_sign_in for part in parts),
        tuple(sorted({report for part in parts for report in part.reported})),
        tuple(activation for part in parts for activation in part.activations),
        _latest(part.last_activation for part in parts),
        tuple(sorted(platforms)) if any(p.platforms is not None for p in parts) else None,
        _latest(part.mailbox_bytes for part in parts),
        sum(sizes) if sizes else None,
        tuple(device for part in parts for device in part.devices)[:MAX_DEVICES_OF_USER],
        any(part.desktop_outlook for part in parts),
    )


def merged_device(parts: Sequence[Device]) -> Device:
    """One device from what Intune, its detected apps and Entra say under the same ID."""
    return Device(
        parts[0].device_id,
        _first(part.name for part in parts),
        _first(part.user_id for part in parts),
        _first(part.operating_system for part in parts),
        _first(part.os_version for part in parts),
        _first(part.compliance for part in parts),
        _latest(part.last_sync for part in parts),
        any(part.managed for part in parts),
        any(part.joined for part in parts),
        _first(part.trust_type for part in parts),
        tuple(dict.fromkeys(app for part in parts for app in part.installed)),
    )


def _latest(values: Iterable[Ordered | None]) -> Ordered | None:
    return max((value for value in values if value is not None), default=None)


def _first(values: Iterable[Value | None]) -> Value | None:
    return next((value for value in values if value is not None), None)
