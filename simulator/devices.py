"""Intune's managed devices and detected apps, and Entra's devices."""

from __future__ import annotations

import json
import uuid
from typing import Any

from simulator.http import Request, Response
from simulator.odata import bad_request, graph_error
from simulator.pages import paged
from simulator.select import selected_names
from simulator.tenant import Tenant
from simulator.usage import Device

_NO_GUID = "00000000-0000-0000-0000-000000000000"


def managed_devices(
    request: Request, tenant: Tenant, version: str, path: dict[str, str], roles: frozenset[str]
) -> Response:
    """GET /deviceManagement/managedDevices; tenants without Intune are told so."""
    if not tenant.intune:
        return bad_request(request, "Request not applicable to target tenant.", "BadRequest")
    items = [_managed(tenant, device) for device in tenant.devices.values() if device.managed]
    return _paged(request, version, "deviceManagement/managedDevices", items)


def detected_apps(
    request: Request, tenant: Tenant, version: str, path: dict[str, str], roles: frozenset[str]
) -> Response:
    """GET /deviceManagement/detectedApps; the devices of each are not in the list."""
    items = [
        {
            "id": app_id,
            "displayName": name,
            "version": number,
            "sizeInByte": 0,
            "deviceCount": len(devices),
            "publisher": "Microsoft Corporation",
            "platform": "windows",
        }
        for app_id, (name, number, devices) in _apps(tenant).items()
    ]
    return _paged(request, version, "deviceManagement/detectedApps", items)


def devices_of_app(
    request: Request, tenant: Tenant, version: str, path: dict[str, str], roles: frozenset[str]
) -> Response:
    """GET /deviceManagement/detectedApps/{id}/managedDevices."""
    found = _apps(tenant).get(path["app"])
    if found is None:
        return graph_error(
            request, 404, "ResourceNotFound", f"Resource '{path['app']}' does not exist."
        )
    items = [_managed(tenant, device) for device in found[2]]
    context = f"deviceManagement/detectedApps/{path['app']}/managedDevices"
    return _paged(request, version, context, items)


def devices(
    request: Request, tenant: Tenant, version: str, path: dict[str, str], roles: frozenset[str]
) -> Response:
    """GET /devices: what Entra knows of."""
    items = [
        {
            "id": str(uuid.uuid5(uuid.UUID(device.device_id), "directory")),
            "deviceId": device.entra_id,
            "displayName": device.name,
            "accountEnabled": True,
            "operatingSystem": device.operating_system,
            "operatingSystemVersion": device.os_version,
            "trustType": "AzureAd",
            "isManaged": device.managed,
            "approximateLastSignInDateTime": device.last_sync,
        }
        for device in tenant.devices.values()
        if device.entra_id
    ]
    return _paged(request, version, "devices", items)


def _managed(tenant: Tenant, device: Device) -> dict[str, Any]:
    user = tenant.user(device.user_id) if device.user_id else None
    return {
        "id": device.device_id,
        "userId": device.user_id or "",
        "deviceName": device.name,
        "userPrincipalName": user.upn if user else "",
        "userDisplayName": user.display_name if user else "",
        "operatingSystem": device.operating_system,
        "osVersion": device.os_version,
        "complianceState": device.compliance,
        "lastSyncDateTime": device.last_sync,
        "azureADDeviceId": device.entra_id or _NO_GUID,
        "azureADRegistered": device.entra_id is not None,
    }


def _apps(tenant: Tenant) -> dict[str, tuple[str, str, list[Device]]]:
    found: dict[str, tuple[str, str, list[Device]]] = {}
    for device in tenant.devices.values():
        if device.managed:
            for name, number in device.apps:
                app_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{name}|{number}"))
                found.setdefault(app_id, (name, number, []))[2].append(device)
    return found


def _paged(request: Request, version: str, context: str, items: list[dict[str, Any]]) -> Response:
    wanted = {*selected_names(request), "id"} if selected_names(request) else None

    def encode(item: dict[str, Any]) -> bytes:
        shown = {k: v for k, v in item.items() if wanted is None or k in wanted}
        return json.dumps(shown, ensure_ascii=False).encode()

    return paged(request, version, context, items, encode)
