"""Request and response models of the portal routes."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, SecretStr

from consolidation.names import RepositoryName
from identifiers import ClientId, SkuId, TenantId
from portals.connection_test import Check
from portals.entered import (
    CertificateInput,
    ClientSecretInput,
    DelegatedInput,
    PortalChange,
    PortalInput,
)
from portals.exclusions import AvailableLicense
from portals.model import (
    DEFAULT_REPOSITORY,
    MAX_DESCRIPTION_LENGTH,
    MAX_EXCLUSIONS,
    ConnectionTest,
    Portal,
    StepState,
    TestState,
)
from portals.service import PortalDeleted
from usage.model import USAGE_TASKS, ReportPeriod, UsageTask
from web.contract import Contract, Guid, Moment, PageQuery, Timestamp

if TYPE_CHECKING:
    from datetime import datetime

_PEM_CHARACTERS = 20_000
CONSOLIDATE = "Consolidate the portal's repository after each import."
RECLAMATION_ALLOWED = (
    "Lets licenses be taken back from users; needs LicenseAssignment.ReadWrite.All."
)
Exclusions = Annotated[list[Guid[SkuId]], Field(max_length=MAX_EXCLUSIONS)]


class ClientSecretCredential(Contract):
    """A client secret of the app registration."""

    kind: Literal["clientSecret"]
    secret_id: Guid[str] | None = Field(
        None, description="The secret's ID, to recognize it in Entra."
    )
    value: SecretStr = Field(description="The secret's value; kept in Key Vault only.")
    expires_at: Moment | None = Field(None, description="Until when the secret is valid.")

    def input(self) -> "ClientSecretInput":
        """What the service takes."""
        return ClientSecretInput(
            self.value.get_secret_value(),
            self.secret_id,
            self.expires_at,
        )


class CertificateCredential(Contract):
    """A certificate with its private key: both as PEM, or one PFX file in base64."""

    kind: Literal["certificate"]
    certificate: str | None = Field(None, max_length=_PEM_CHARACTERS)
    private_key: SecretStr | None = Field(None, max_length=_PEM_CHARACTERS)
    pfx: SecretStr | None = Field(None, max_length=_PEM_CHARACTERS)
    passphrase: SecretStr | None = Field(None, max_length=1024)

    def input(self) -> "CertificateInput":
        """What the service takes."""
        return CertificateInput(
            self.certificate,
            _revealed(self.private_key),
            _revealed(self.pfx),
            _revealed(self.passphrase),
        )


class DelegatedCredential(Contract):
    """The sign-in of an administrator, which `authorize` begins once the portal is stored.

    `value` is a client secret of the app registration; a public client has none.
    """

    kind: Literal["delegated"]
    secret_id: Guid[str] | None = Field(
        None, description="The secret's ID, to recognize it in Entra."
    )
    value: SecretStr | None = Field(None, description="The secret's value; kept in Key Vault only.")
    expires_at: Moment | None = Field(None, description="Until when the secret is valid.")

    def input(self) -> "DelegatedInput":
        """What the service takes."""
        return DelegatedInput(
            _revealed(self.value),
            self.secret_id,
            self.expires_at,
        )


def _revealed(secret: "SecretStr | None") -> str | None:
    return secret.get_secret_value() if secret is not None else None


CredentialRequest = Annotated[
    ClientSecretCredential | CertificateCredential | DelegatedCredential,
    Field(discriminator="kind"),
]


class ConnectionRequest(Contract):
    """Settings of a connection, saved or not."""

    tenant_id: Guid[TenantId]
    client_id: Guid[ClientId]
    cloud: str = Field("AzurePublic", min_length=1, max_length=64)
    credential: CredentialRequest
    tasks: list[UsageTask] = Field([], description="Usage tasks; each needs more permissions.")
    report_period: ReportPeriod = "D90"
    inactive_days: int = Field(
        90, ge=1, le=3650, description="Days without activity until a contact is inactive."
    )
    repository: RepositoryName = DEFAULT_REPOSITORY
    consolidate_after_import: bool = Field(False, description=CONSOLIDATE)


class TestConnectionQuery(Contract):
    """Which check to make; all of them if none is named."""

    __test__ = False

    check: Check | None = Field(
        None, description="One check alone, and what it needs if that fails."
    )


class TestConnectionRequest(ConnectionRequest):
    """Settings to test before they are saved; name and exclusions make no difference."""

    __test__ = False

    name: str | None = Field(None, max_length=500)
    description: str | None = Field(None, max_length=MAX_DESCRIPTION_LENGTH)
    exclusions: Exclusions = []
    enabled: bool = True
    reclamation_allowed: bool = Field(False, description=RECLAMATION_ALLOWED)

    def input(self) -> "PortalInput":
        """What the service takes."""
        return _portal_input(self, self.name or "unsaved", self.description, True)


class CreatePortalRequest(ConnectionRequest):
    """A new portal."""

    name: str = Field(max_length=1000, description="Unique in any case; prefix of product names.")
    description: str | None = Field(None, max_length=MAX_DESCRIPTION_LENGTH)
    exclusions: Exclusions = []
    enabled: bool = True
    reclamation_allowed: bool = Field(False, description=RECLAMATION_ALLOWED)

    def input(self) -> "PortalInput":
        """What the service takes."""
        return _portal_input(self, self.name, self.description, self.enabled)


def _portal_input(
    request: "TestConnectionRequest | CreatePortalRequest",
    name: str,
    description: str | None,
    enabled: bool,
) -> "PortalInput":
    return PortalInput(
        name=name,
        description=description or "",
        tenant_id=request.tenant_id,
        client_id=request.client_id,
        cloud=request.cloud,
        credential=request.credential.input(),
        exclusions=frozenset(request.exclusions),
        enabled=enabled,
        tasks=frozenset(request.tasks),
        report_period=request.report_period,
        inactive_days=request.inactive_days,
        reclamation_allowed=request.reclamation_allowed,
        repository=request.repository,
        consolidate_after_import=request.consolidate_after_import,
    )


class UpdatePortalRequest(Contract):
    """What to change; what is left out stays."""

    name: str | None = Field(None, max_length=1000)
    description: str | None = Field(None, max_length=MAX_DESCRIPTION_LENGTH)
    tenant_id: Guid[TenantId] | None = None
    client_id: Guid[ClientId] | None = None
    cloud: str | None = Field(None, min_length=1, max_length=64)
    credential: CredentialRequest | None = None
    exclusions: Exclusions | None = None
    enabled: bool | None = None
    tasks: list[UsageTask] | None = None
    report_period: ReportPeriod | None = None
    inactive_days: int | None = Field(None, ge=1, le=3650)
    reclamation_allowed: bool | None = Field(None, description=RECLAMATION_ALLOWED)
    repository: RepositoryName | None = None
    consolidate_after_import: bool | None = Field(None, description=CONSOLIDATE)

    def change(self) -> "PortalChange":
        """What the service takes."""
        return PortalChange(
            name=self.name,
            description=self.description,
            tenant_id=self.tenant_id,
            client_id=self.client_id,
            cloud=self.cloud,
            credential=self.credential.input() if self.credential else None,
            exclusions=frozenset(self.exclusions) if self.exclusions is not None else None,
            enabled=self.enabled,
            tasks=frozenset(self.tasks) if self.tasks is not None else None,
            report_period=self.report_period,
            inactive_days=self.inactive_days,
            reclamation_allowed=self.reclamation_allowed,
            repository=self.repository,
            consolidate_after_import=self.consolidate_after_import,
        )


class ExclusionsRequest(Contract):
    """The SKUs that imports of the portal leave out."""

    exclusions: Exclusions


class AvailableQuery(Contract):
    """Which SKUs to choose from."""

    subscribed: bool = Field(
        True, description="Only those of the tenant, or Microsoft's whole list."
    )
    search: str | None = Field(None, min_length=1, max_length=200)


class CredentialView(Contract):
    """What is known of a credential; never the secret."""

    kind: Literal["clientSecret", "certificate", "delegated"]
    secret_id: str | None
    expires_at: Timestamp | None
    expires_in_days: int | None
    expiring: bool
    subject: str | None
    thumbprint_sha1: str | None
    thumbprint_sha256: str | None
    signed_in_at: Timestamp | None


class TestStepView(Contract):
    """One check of a connection test."""

    __test__ = False

    name: str
    state: StepState
    message: str
    code: str | None
    remedy: str | None
    microsoft_code: str | None
    microsoft_message: str | None
    request_id: str | None


class ConnectionTestView(Contract):
    """The outcome of a connection test."""

    state: TestState
    tested_at: Timestamp | None
    run_id: str | None
    steps: list[TestStepView]

    @classmethod
    def of(cls, test: "ConnectionTest") -> "ConnectionTestView":
        """The view of a test."""
        return cls.model_validate(test)


class PortalView(Contract):
    """A portal with all its settings but the secret."""

    portal_id: str
    name: str
    description: str
    tenant_id: str
    client_id: str
    cloud: str
    enabled: bool
    reclamation_allowed: bool
    credential: CredentialView
    exclusions: list[str]
    last_test: ConnectionTestView
    tasks: list[UsageTask]
    report_period: ReportPeriod
    inactive_days: int
    repository: str
    consolidate_after_import: bool
    created_at: Timestamp
    updated_at: Timestamp
    etag: str | None

    @classmethod
    def of(cls, portal: "Portal", now: "datetime", warning_days: int) -> "PortalView":
        """The view of a portal; credentials within `warning_days` of their end are expiring."""
        credential = portal.credential
        expires_at = credential.expires_at
        days = (expires_at - now).days if expires_at is not None else None
        return cls(
            portal_id=portal.portal_id,
            name=portal.name,
            description=portal.description,
            tenant_id=portal.tenant_id,
            client_id=portal.client_id,
            cloud=portal.cloud,
            enabled=portal.enabled,
            reclamation_allowed=portal.reclamation_allowed,
            credential=CredentialView(
                kind="clientSecret" if credential.kind == "client_secret" else credential.kind,
                secret_id=credential.secret_id,
                expires_at=expires_at,
                expires_in_days=days,
                expiring=days is not None and days <= warning_days,
                subject=credential.subject,
                thumbprint_sha1=credential.thumbprint_sha1,
                thumbprint_sha256=credential.thumbprint_sha256,
                signed_in_at=credential.signed_in_at,
            ),
            exclusions=sorted(portal.exclusions),
            last_test=ConnectionTestView.of(portal.last_test),
            tasks=[task for task in USAGE_TASKS if task in portal.tasks],
            report_period=portal.report_period,
            inactive_days=portal.inactive_days,
            repository=portal.repository,
            consolidate_after_import=portal.consolidate_after_import,
            created_at=portal.created_at,
            updated_at=portal.updated_at,
            etag=portal.etag,
        )


class PortalsQuery(PageQuery):
    """Paging of the list of portals."""


class PortalDeletedView(Contract):
    """What remains of a deleted portal."""

    portal_id: str
    name: str
    licenses: int
    products: int
    credential_purged: bool
    message: str

    @classmethod
    def of(cls, deleted: "PortalDeleted") -> "PortalDeletedView":
        """The view of a deletion."""
        return cls.model_validate(deleted)


class AvailableLicenseView(Contract):
    """A SKU that may be excluded."""

    sku_id: str
    part_number: str
    title: str
    subscribed: bool | None
    excluded: bool


class AvailableLicensesView(Contract):
    """The SKUs to choose exclusions from, by title."""

    value: list[AvailableLicenseView]

    @classmethod
    def of(cls, available: "list[AvailableLicense]") -> "AvailableLicensesView":
        """The view of a choice."""
        return cls(value=[AvailableLicenseView.model_validate(item) for item in available])


class AuthorizationView(Contract):
    """Where an administrator of the tenant signs in for a portal."""

    sign_in_url: str = Field(description="Microsoft's page; open it in a browser.")
    redirect_uri: str = Field(description="Must be registered with the app registration.")
    expires_at: Timestamp


class CallbackQuery(Contract):
    """What Entra sends the browser back with."""

    model_config = {"extra": "ignore"}

    state: str = Field(min_length=1, max_length=500)
    code: str | None = Field(None, max_length=8000)
    client_info: str | None = Field(None, max_length=2000, alias="client_info")
    error: str | None = Field(None, max_length=200)
    error_description: str | None = Field(None, max_length=8000, alias="error_description")
