"""Request and response models of devices, and of cloud licenses beside installations."""

from typing import TYPE_CHECKING

from pydantic import Field

from identifiers import PortalId
from usage.activity import Category
from usage.hybrid import DEVICE_LIMIT, Position
from usage.model import Device, Family
from web.contract import Contract, Guid, PageQuery, Timestamp

if TYPE_CHECKING:
    from usage.queries import HybridContact, HybridPosition


class DevicesQuery(PageQuery):
    """Filters of the list of devices."""

    portal_id: Guid[PortalId] | None = None
    installed: Family | None = Field(None, description="Only devices with this family installed.")


class HybridContactsQuery(PageQuery):
    """Filters of the contacts behind hybrid positions."""

    portal_id: Guid[PortalId] | None = None
    family: Family | None = None
    position: Position | None = None


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
