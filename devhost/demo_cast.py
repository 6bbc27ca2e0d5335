"""Who appears in the demo: three simulated tenants, and the portals that connect them."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from simulator.control import IMPORT_PERMISSIONS, Control

EXCLUDED = "VISIOCLIENT"
USAGE_PERMISSIONS = ("Reports.Read.All", "ReportSettings.Read.All", "AuditLog.Read.All")

_CONTOSO = {
    "name": "Contoso",
    "seed": 11,
    "users": 1200,
    "guests": 0.05,
    "blocked": 0.03,
    "rooms": 0.02,
    "errors": 0.02,
    "active": 0.8,
    "skus": [
        {"part_number": "SPE_E3", "enabled": 1250},
        {"part_number": "POWER_BI_PRO", "enabled": 300},
        {"part_number": "Microsoft_365_Copilot", "enabled": 150, "next_lifecycle_days": 12},
        {"part_number": "VISIOCLIENT", "enabled": 120, "warning": 20},
        {"part_number": "PROJECTPROFESSIONAL", "suspended": 40, "capability_status": "Suspended"},
        {"part_number": "WINDOWS_STORE", "enabled": 25, "applies_to": "Company"},
    ],
    "groups": [
        {"name": "Reporting", "skus": ["POWER_BI_PRO"], "share": 0.27},
        {"name": "Copilot pilots", "skus": ["Microsoft_365_Copilot", "SPE_E3"], "share": 0.08},
        {"name": "Design", "skus": ["VISIOCLIENT"], "share": 0.07},
    ],
}
_FABRIKAM = {
    "name": "Fabrikam",
    "seed": 23,
    "users": 400,
    "guests": 0.1,
    "errors": 0.01,
    "skus": [
        {"part_number": "SPB", "enabled": 450},
        {"part_number": "AAD_PREMIUM_P2", "enabled": 60},
        {"part_number": "FLOW_FREE", "enabled": 10_000, "next_lifecycle_days": None},
    ],
    "groups": [{"name": "Administrators", "skus": ["AAD_PREMIUM_P2"], "share": 0.1}],
}
_LITWARE = {"name": "Litware", "seed": 31, "users": 150}


@dataclass(frozen=True)
class Member:
    """One tenant of the demo: its truth in the simulator, and the request that connects it."""

    name: str
    tenant_id: str
    kind: str
    connects: bool
    request: dict[str, Any]


def appear(control: Control) -> list[Member]:
    """Creates the tenants and their app registrations.

    Contoso signs in with a client secret, Fabrikam with a certificate, and
    Litware with a secret that Entra does not know.
    """
    right, wrong = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    contoso, contoso_client = control.create_tenant(**_CONTOSO), str(uuid.uuid4())
    permissions = [*IMPORT_PERMISSIONS, *USAGE_PERMISSIONS]
    control.register(contoso, contoso_client, secret=right, permissions=permissions)
    fabrikam, fabrikam_client = control.create_tenant(**_FABRIKAM), str(uuid.uuid4())
    certificate, private_key = make_certificate("Ledger365 at Fabrikam")
    control.register(fabrikam, fabrikam_client, certificates=[certificate])
    litware, litware_client = control.create_tenant(**_LITWARE), str(uuid.uuid4())
    control.register(litware, litware_client, secret=right)
    until = (datetime.now(UTC) + timedelta(days=180)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [
        Member(
            "Contoso",
            contoso,
            "client secret",
            True,
            {
                **_portal("Contoso", contoso, contoso_client, _secret(right, until)),
                "tasks": ["access", "sign_ins"],
            },
        ),
        Member(
            "Fabrikam",
            fabrikam,
            "certificate",
            True,
            _portal(
                "Fabrikam",
                fabrikam,
                fabrikam_client,
                {"kind": "certificate", "certificate": certificate, "privateKey": private_key},
            ),
        ),
        Member(
            "Litware",
            litware,
            "wrong secret",
            False,
            _portal("Litware", litware, litware_client, _secret(wrong, until)),
        ),
    ]


def make_certificate(common_name: str) -> tuple[str, str]:
    """A self-signed certificate for a year, and its private key, both as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


def _secret(value: str, until: str) -> dict[str, str]:
    return {"kind": "clientSecret", "value": value, "expiresAt": until}


def _portal(
    name: str, tenant_id: str, client_id: str, credential: dict[str, str]
) -> dict[str, Any]:
    return {
        "name": name,
        "description": f"The simulated tenant of {name}",
        "tenantId": tenant_id,
        "clientId": client_id,
        "cloud": "Simulated",
        "credential": credential,
    }
