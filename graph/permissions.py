"""Which application permissions each task needs, and which higher ones serve as well.

Source: https://learn.microsoft.com/graph/permissions-reference
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import msgspec

ORGANIZATION_READ = "Organization.Read.All"
USER_READ = "User.Read.All"
GROUP_MEMBER_READ = "GroupMember.Read.All"
PLACE_READ = "Place.Read.All"
AUDIT_LOG_READ = "AuditLog.Read.All"
LICENSE_WRITE = "LicenseAssignment.ReadWrite.All"
REPORTS_READ = "Reports.Read.All"
REPORT_SETTINGS_READ = "ReportSettings.Read.All"
MANAGED_DEVICES_READ = "DeviceManagementManagedDevices.Read.All"
DEVICE_READ = "Device.Read.All"

GraphTask = Literal["import", "reclamation", "roster", "access", "sign_ins", "devices"]


class PermissionNeed(msgspec.Struct, frozen=True):
    """A permission that a task needs; without an optional one it does less."""

    permission: str
    alternatives: tuple[str, ...]
    purpose: str
    optional: bool = False

    def granted_by(self, roles: Collection[str]) -> str | None:
        """The role that satisfies the need, None if none does."""
        return next((role for role in (self.permission, *self.alternatives) if role in roles), None)


_NEEDS: dict[GraphTask, tuple[PermissionNeed, ...]] = {
    "import": (
        PermissionNeed(
            ORGANIZATION_READ,
            ("Directory.Read.All", "Organization.ReadWrite.All", "Directory.ReadWrite.All"),
            "to read licenses and subscriptions",
        ),
        PermissionNeed(
            USER_READ,
            ("Directory.Read.All", "User.ReadWrite.All", "Directory.ReadWrite.All"),
            "to read users and their assignments",
        ),
        PermissionNeed(
            GROUP_MEMBER_READ,
            (
                "Group.Read.All",
                "Directory.Read.All",
                "Group.ReadWrite.All",
                "Directory.ReadWrite.All",
            ),
            "to name the groups that assign licenses",
            optional=True,
        ),
        PermissionNeed(
            PLACE_READ,
            ("Place.ReadWrite.All",),
            "to tell rooms from members",
            optional=True,
        ),
    ),
    "roster": (
        PermissionNeed(REPORTS_READ, (), "to read usage reports", optional=True),
        PermissionNeed(
            REPORT_SETTINGS_READ,
            ("ReportSettings.ReadWrite.All",),
            "to tell whether the tenant hides names in its reports",
            optional=True,
        ),
    ),
    "access": (PermissionNeed(REPORTS_READ, (), "to read usage reports", optional=True),),
    "sign_ins": (PermissionNeed(AUDIT_LOG_READ, (), "to read the last sign-in", optional=True),),
    "devices": (
        PermissionNeed(
            MANAGED_DEVICES_READ,
            ("DeviceManagementManagedDevices.ReadWrite.All",),
            "to read Intune's devices and the apps on them",
            optional=True,
        ),
        PermissionNeed(
            DEVICE_READ,
            ("Device.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"),
            "to read the devices that Entra knows",
            optional=True,
        ),
    ),
    "reclamation": (
        PermissionNeed(
            LICENSE_WRITE,
            ("User.ReadWrite.All", "Directory.ReadWrite.All"),
            "to take licenses back",
        ),
        PermissionNeed(
            AUDIT_LOG_READ,
            (),
            "to see whether a user signed in meanwhile",
            optional=True,
        ),
    ),
}


def needs_of(tasks: Collection[GraphTask]) -> list[PermissionNeed]:
    """What the tasks need, each permission once."""
    needs = {need.permission: need for task in tasks for need in _NEEDS[task]}
    return list(needs.values())
