"""The tenants and portals that are tortured, and what was promised to callers meanwhile."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx

from simulator.control import IMPORT_PERMISSIONS, Control

SECRET = "Q~torture-secret-0123456789"
_PERMISSIONS = (
    *IMPORT_PERMISSIONS,
    "Reports.Read.All",
    "ReportSettings.Read.All",
    "LicenseAssignment.ReadWrite.All",
)
_SKUS = [
    {"part_number": "SPE_E3", "enabled": 400},
    {"part_number": "POWER_BI_PRO", "enabled": 60},
    {"part_number": "VISIOCLIENT", "enabled": 200, "warning": 5},
]


@dataclass
class Wish:
    """A value that callers change: what was last confirmed, and what was asked for since."""

    confirmed: str | None = None
    possible: list[str] = field(default_factory=list)

    def allows(self, value: str | None) -> bool:
        """Whether this may be the value now: the last one, or one whose answer was lost."""
        return value == self.confirmed or value in self.possible


@dataclass
class Promises:
    """What the API has confirmed; the tables must keep it."""

    runs: set[str] = field(default_factory=set)
    directories: dict[tuple[str, str], Wish] = field(default_factory=dict)
    amounts: dict[tuple[str, str], Wish] = field(default_factory=dict)
    erased: dict[str, dict[str, str]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Subject:
    """A tenant and the portal that connects it."""

    tenant_id: str
    client_id: str
    portal_id: str
    name: str


def set_up(api: httpx.Client, cloud: Control, seed: int, sizes: tuple[int, ...]) -> list[Subject]:
    """Makes tenants of these many users, connects and imports each."""
    subjects = []
    for number, users in enumerate(sizes):
        tenant_id = cloud.create_tenant(
            users=users,
            seed=seed + number,
            skus=_SKUS,
            licenses_per_user=2,
            blocked=0.05,
            guests=0.05,
            errors=0.05,
            active=0.7,
            groups=[{"name": "Sales", "skus": ["VISIOCLIENT"], "share": 0.3}],
        )
        client_id = str(uuid.uuid4())
        cloud.register(tenant_id, client_id, secret=SECRET, permissions=_PERMISSIONS)
        name = f"Tortured {number}"
        answer = api.post("/portals", json=portal_body(tenant_id, client_id, name))
        answer.raise_for_status()
        subjects.append(Subject(tenant_id, client_id, answer.json()["portalId"], name))
    return subjects


def portal_body(tenant_id: str, client_id: str, name: str) -> dict[str, Any]:
    """What creates the portal."""
    return {
        "name": name,
        "tenantId": tenant_id,
        "clientId": client_id,
        "cloud": "Simulated",
        "tasks": ["roster", "access"],
        "reclamationAllowed": True,
        "credential": {"kind": "clientSecret", "value": SECRET},
    }
