"""Devices that Intune manages, the apps it detected on them, and the devices that Entra knows."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING

import msgspec

from graph.paging import PageOf, pages
from graph.permissions import DEVICE_READ, MANAGED_DEVICES_READ
from identifiers import canonical_guid

if TYPE_CHECKING:
    from graph.client import GraphClient

PAGE_SIZE = 999
_NO_GUID = "00000000-0000-0000-0000-000000000000"


class ManagedDevice(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A device that Intune manages; blank fields are unknown."""

    id: str
    device_name: str | None = None
    user_id: str | None = None
    operating_system: str | None = None
    os_version: str | None = None
    compliance_state: str | None = None
    last_sync_date_time: str | None = None
    entra_id: str | None = msgspec.field(default=None, name="azureADDeviceId")

    @property
    def key(self) -> str | None:
        """Entra's ID of the device, or else Intune's; None if neither is a GUID."""
        return _guid(self.entra_id) or _guid(self.id)

    @property
    def user(self) -> str | None:
        """The ID of the device's user, None if it has none."""
        return _guid(self.user_id)


class DetectedApp(msgspec.Struct, rename="camel", frozen=True):
    """An app that Intune found on devices, in one version."""

    id: str
    display_name: str | None = None
    version: str | None = None
    device_count: int | None = 0


class DirectoryDevice(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A device that is registered with, or joined to, Entra."""

    id: str
    device_id: str | None = None
    display_name: str | None = None
    operating_system: str | None = None
    operating_system_version: str | None = None
    trust_type: str | None = None
    approximate_last_sign_in_date_time: str | None = None

    @property
    def key(self) -> str | None:
        """Entra's ID of the device, which is not that of its directory object."""
        return _guid(self.device_id)


_managed_decoder = msgspec.json.Decoder(PageOf[ManagedDevice])
_apps_decoder = msgspec.json.Decoder(PageOf[DetectedApp])
_directory_decoder = msgspec.json.Decoder(PageOf[DirectoryDevice])
_MANAGED_FIELDS = [
    "id",
    "deviceName",
    "userId",
    "operatingSystem",
    "osVersion",
    "complianceState",
    "lastSyncDateTime",
    "azureADDeviceId",
]


def managed_device_pages(
    graph: GraphClient, *, resume_from: str | None = None
) -> AsyncGenerator[PageOf[ManagedDevice], None]:
    """All devices that Intune manages, or those from a next link on. Raises GraphError.

    Source: https://learn.microsoft.com/graph/api/intune-devices-manageddevice-list
    """
    from kiota_abstractions.base_request_configuration import RequestConfiguration
    from msgraph.generated.device_management.managed_devices.managed_devices_request_builder import (  # noqa: E501 - the SDK's name
        ManagedDevicesRequestBuilder,
    )

    parameters = ManagedDevicesRequestBuilder.ManagedDevicesRequestBuilderGetQueryParameters(
        select=_MANAGED_FIELDS, top=PAGE_SIZE
    )
    request = ManagedDevicesRequestBuilder(graph.adapter, {}).to_get_request_information(
        RequestConfiguration(query_parameters=parameters)
    )
    return pages(graph, resume_from or request, _managed_decoder, permission=MANAGED_DEVICES_READ)


async def detected_app_pages(graph: GraphClient) -> AsyncIterator[PageOf[DetectedApp]]:
    """All apps that Intune found, a page at a time. Raises GraphError.

    Source: https://learn.microsoft.com/graph/api/intune-devices-detectedapp-list
    """
    from msgraph.generated.device_management.detected_apps.detected_apps_request_builder import (
        DetectedAppsRequestBuilder,
    )

    request = DetectedAppsRequestBuilder(graph.adapter, {}).to_get_request_information()
    async for page in pages(graph, request, _apps_decoder, permission=MANAGED_DEVICES_READ):
        yield page


async def pages_of_devices_with(
    graph: GraphClient, app_id: str
) -> AsyncIterator[PageOf[ManagedDevice]]:
    """The devices on which an app was found, a page at a time. Raises GraphError."""
    from kiota_abstractions.base_request_configuration import RequestConfiguration
    from msgraph.generated.device_management.detected_apps.item.managed_devices.managed_devices_request_builder import (  # noqa: E501 - the SDK's name
        ManagedDevicesRequestBuilder,
    )

    parameters = ManagedDevicesRequestBuilder.ManagedDevicesRequestBuilderGetQueryParameters(
        select=["id", "azureADDeviceId"], top=PAGE_SIZE
    )
    request = ManagedDevicesRequestBuilder(
        graph.adapter, {"detectedApp%2Did": app_id}
    ).to_get_request_information(RequestConfiguration(query_parameters=parameters))
    async for page in pages(graph, request, _managed_decoder, permission=MANAGED_DEVICES_READ):
        yield page


def directory_device_pages(
    graph: GraphClient, *, resume_from: str | None = None
) -> AsyncGenerator[PageOf[DirectoryDevice], None]:
    """All devices that Entra knows, or those from a next link on. Raises GraphError.

    Source: https://learn.microsoft.com/graph/api/device-list
    """
    from kiota_abstractions.base_request_configuration import RequestConfiguration
    from msgraph.generated.devices.devices_request_builder import DevicesRequestBuilder

    parameters = DevicesRequestBuilder.DevicesRequestBuilderGetQueryParameters(
        select=[
            "id",
            "deviceId",
            "displayName",
            "operatingSystem",
            "operatingSystemVersion",
            "trustType",
            "approximateLastSignInDateTime",
        ],
        top=PAGE_SIZE,
    )
    request = DevicesRequestBuilder(graph.adapter, {}).to_get_request_information(
        RequestConfiguration(query_parameters=parameters)
    )
    return pages(graph, resume_from or request, _directory_decoder, permission=DEVICE_READ)


def _guid(text: str | None) -> str | None:
    guid = canonical_guid(text) if text else None
    return guid if guid != _NO_GUID else None
