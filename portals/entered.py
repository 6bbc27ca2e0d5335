"""What an admin enters of a portal, and the usable credential in it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from errors import InvalidInput
from identifiers import ClientId, SkuId, TenantId, canonical_guid
from portals.certificates import (
    ClientSecretMaterial,
    DelegatedMaterial,
    Material,
    read_pem,
    read_pfx,
)
from portals.model import DEFAULT_REPOSITORY
from usage.model import ReportPeriod, UsageTask

MIN_SECRET_CHARACTERS = 8
MAX_SECRET_CHARACTERS = 1024


class ClientSecretInput(msgspec.Struct, frozen=True):
    """A client secret as an admin enters it. Its representation does not show it."""

    value: str
    secret_id: str | None
    expires_at: datetime | None

    def __repr__(self) -> str:
        return "ClientSecretInput(…)"


class CertificateInput(msgspec.Struct, frozen=True):
    """A certificate as an admin enters it: PEM texts, or a PFX in base64. Shows nothing of it."""

    certificate: str | None
    private_key: str | None
    pfx: str | None
    passphrase: str | None

    def __repr__(self) -> str:
        return "CertificateInput(…)"


class DelegatedInput(msgspec.Struct, frozen=True):
    """A sign-in as an admin asks for it, with the app's secret if it has one. Shows nothing."""

    value: str | None
    secret_id: str | None
    expires_at: datetime | None

    def __repr__(self) -> str:
        return "DelegatedInput(…)"


CredentialInput = ClientSecretInput | CertificateInput | DelegatedInput


class PortalInput(msgspec.Struct, frozen=True):
    """A portal as an admin enters it."""

    name: str
    description: str
    tenant_id: TenantId
    client_id: ClientId
    cloud: str
    credential: CredentialInput
    exclusions: frozenset[SkuId]
    enabled: bool
    tasks: frozenset[UsageTask] = frozenset()
    report_period: ReportPeriod = "D90"
    inactive_days: int = 90
    reclamation_allowed: bool = False
    repository: str = DEFAULT_REPOSITORY
    consolidate_after_import: bool = False


class PortalChange(msgspec.Struct, frozen=True):
    """What an admin changes of a portal; None stays as it is."""

    name: str | None = None
    description: str | None = None
    tenant_id: TenantId | None = None
    client_id: ClientId | None = None
    cloud: str | None = None
    credential: CredentialInput | None = None
    exclusions: frozenset[SkuId] | None = None
    enabled: bool | None = None
    tasks: frozenset[UsageTask] | None = None
    report_period: ReportPeriod | None = None
    inactive_days: int | None = None
    reclamation_allowed: bool | None = None
    repository: str | None = None
    consolidate_after_import: bool | None = None


def read_credential(entered: CredentialInput, *, now: datetime) -> Material:
    """The usable material of what was entered. Raises InvalidInput naming the field."""
    if isinstance(entered, ClientSecretInput):
        _check_secret(entered.value, entered.expires_at, now)
        return ClientSecretMaterial(entered.value)
    if isinstance(entered, DelegatedInput):
        if entered.value is not None:
            _check_secret(entered.value, entered.expires_at, now)
        return DelegatedMaterial(entered.value)
    if entered.pfx is not None:
        if entered.certificate is not None or entered.private_key is not None:
            raise InvalidInput(
                "credential.pfx",
                "Both a PFX file and PEM texts were given.",
                remedy="Give one PFX file, or certificate and privateKey.",
            )
        return read_pfx(entered.pfx, entered.passphrase, now=now)
    for field, value in (
        ("credential.certificate", entered.certificate),
        ("credential.privateKey", entered.private_key),
    ):
        if not value:
            raise InvalidInput(
                field,
                f"{field} is missing.",
                remedy="Give certificate and privateKey as PEM, or one PFX file.",
            )
    return read_pem(
        entered.certificate or "", entered.private_key or "", entered.passphrase, now=now
    )


def _check_secret(value: str, expires_at: datetime | None, now: datetime) -> None:
    if value != value.strip() or not value.isprintable():
        raise InvalidInput(
            "credential.value",
            "The secret begins or ends with a blank, or contains a line break.",
            remedy="Copy the value again, without anything around it.",
        )
    if not MIN_SECRET_CHARACTERS <= len(value) <= MAX_SECRET_CHARACTERS:
        raise InvalidInput(
            "credential.value",
            f"The secret has {len(value)} characters; Entra's have some 40.",
            remedy="Copy the secret's value from Entra.",
        )
    if canonical_guid(value) is not None:
        raise InvalidInput(
            "credential.value",
            "The value is a GUID, so it is the secret's ID and not its value.",
            remedy="Copy the column Value. If Entra hides it by now, create a new secret.",
        )
    if expires_at is not None and expires_at <= now:
        raise InvalidInput(
            "credential.expiresAt",
            f"The secret expired on {expires_at:%Y-%m-%d}.",
            remedy="Create a new secret in Entra, and store it with its date.",
        )


def secret_facts(entered: CredentialInput) -> tuple[str | None, datetime | None]:
    """The ID and the end of a secret that Entra made, where the admin told them."""
    if isinstance(entered, ClientSecretInput | DelegatedInput):
        return entered.secret_id, entered.expires_at
    return None, None
