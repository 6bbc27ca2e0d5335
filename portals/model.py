"""What a portal is: one connection to one Microsoft 365 tenant. Rules only, no I/O."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Literal

import msgspec

from errors import InvalidInput
from identifiers import ClientId, PortalId, RunId, SkuId, TenantId
from usage.model import ReportPeriod, UsageTask

CredentialKind = Literal["client_secret", "certificate", "delegated"]
TestState = Literal["never", "queued", "passed", "failed"]
StepState = Literal["passed", "failed", "skipped", "warning"]

DEFAULT_INACTIVE_DAYS = 90
DEFAULT_REPOSITORY = "default"
# The name is a part of table keys.
REPOSITORY_PATTERN = "^[a-z0-9][a-z0-9_-]{0,62}$"
MAX_NAME_LENGTH = 100
MAX_DESCRIPTION_LENGTH = 1000
MAX_EXCLUSIONS = 2000
# Table Storage forbids / \ # ? in keys, and the name becomes a directory and a guard key.
FORBIDDEN_IN_NAMES = frozenset("/\\#?")


class Cloud(msgspec.Struct, frozen=True):
    """Where a tenant lives: its sign-in service and its Graph.

    `instance_discovery` is off for clouds that Microsoft's public discovery
    endpoint does not know.
    Source: https://learn.microsoft.com/graph/deployments
    """

    name: str
    login_url: str
    graph_url: str
    instance_discovery: bool = True


CLOUDS: dict[str, Cloud] = {
    cloud.name: cloud
    for cloud in (
        Cloud("AzurePublic", "https://login.microsoftonline.com", "https://graph.microsoft.com"),
        Cloud(
            "AzureUSGovernment", "https://login.microsoftonline.us", "https://graph.microsoft.us"
        ),
        Cloud(
            "AzureUSGovernmentDoD",
            "https://login.microsoftonline.us",
            "https://dod-graph.microsoft.us",
        ),
        Cloud(
            "AzureChina",
            "https://login.chinacloudapi.cn",
            "https://microsoftgraph.chinacloudapi.cn",
        ),
    )
}


class Credential(msgspec.Struct, frozen=True):
    """What may be known of a credential outside Key Vault; never the secret itself.

    `secret_name` and `secret_version` address the Key Vault secret.
    `expires_at` is when Entra stops accepting it: read from the certificate,
    stated by the admin for a client secret, None when not stated. Of a
    delegated credential, the newest version counts, since its refresh token
    is renewed with every use; `signed_in_at` is when somebody last signed in.
    """

    kind: CredentialKind
    secret_name: str
    secret_version: str
    secret_id: str | None = None
    expires_at: datetime | None = None
    subject: str | None = None
    thumbprint_sha1: str | None = None
    thumbprint_sha256: str | None = None
    signed_in_at: datetime | None = None


class Authorization(msgspec.Struct, frozen=True):
    """A sign-in under way: of its state, only the digest; the rest of it is in Key Vault."""

    portal_id: PortalId
    state_sha256: str
    flow_secret: str
    credential_secret: str
    expires_at: datetime
    etag: str | None = None


class TestStep(msgspec.Struct, frozen=True):
    """One check of a connection test, in the order tried."""

    __test__ = False

    name: str
    state: StepState
    message: str
    code: str | None = None
    remedy: str | None = None
    microsoft_code: str | None = None
    microsoft_message: str | None = None
    request_id: str | None = None


class ConnectionTest(msgspec.Struct, frozen=True):
    """The outcome of a connection test.

    While it is queued or goes on, `tested_at` is None and `steps` are those so far.
    """

    state: TestState = "never"
    tested_at: datetime | None = None
    steps: tuple[TestStep, ...] = ()
    run_id: RunId | None = None


class Portal(msgspec.Struct, frozen=True):
    """One connection to one tenant, as stored; `etag` is set by storage.

    `tasks` are the usage tasks switched on, `report_period` what their reports
    cover, `inactive_days` after how many days without activity a contact
    counts as inactive. `repository` is the named inventory that its imports
    fill, consolidated after each one if `consolidate_after_import`.
    """

    portal_id: PortalId
    name: str
    description: str
    tenant_id: TenantId
    client_id: ClientId
    cloud: str
    credential: Credential
    exclusions: frozenset[SkuId]
    enabled: bool
    created_at: datetime
    updated_at: datetime
    last_test: ConnectionTest = ConnectionTest()
    tasks: frozenset[UsageTask] = frozenset()
    report_period: ReportPeriod = "D90"
    inactive_days: int = DEFAULT_INACTIVE_DAYS
    etag: str | None = None
    reclamation_allowed: bool = False
    repository: str = DEFAULT_REPOSITORY
    consolidate_after_import: bool = False


def same_connection(one: Portal, other: Portal) -> bool:
    """Whether both reach a tenant in the same way, so that a test of one holds for the other."""
    return (one.tenant_id, one.client_id, one.cloud, one.credential) == (
        other.tenant_id,
        other.client_id,
        other.cloud,
        other.credential,
    )


class DeletedPortal(msgspec.Struct, frozen=True):
    """What remains of a deleted portal, so that its data stays explicable.

    A portal created later for the same tenant under the same name takes the
    ID over, which heals the positions left behind.
    """

    portal_id: PortalId
    name: str
    tenant_id: TenantId
    deleted_at: datetime


def folded_name(name: str) -> str:
    """The name without what makes no difference: two portals must not share it."""
    return unicodedata.normalize("NFKC", name).casefold()


def checked_name(name: str, *, field: str = "name") -> str:
    """The portal name without blanks at its ends.

    Raises InvalidInput for an empty name, one over 100 characters, `.` and
    `..`, and one with a character that cannot be part of a directory or a
    table key.
    """
    name = name.strip()
    if not name:
        raise InvalidInput(field, "The name is empty.", remedy="Give the portal a name.")
    if name in (".", ".."):
        raise InvalidInput(
            field,
            "The name means a directory relative to another.",
            remedy="Give the portal a name that is more than dots.",
        )
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidInput(
            field,
            f"The name has {len(name)} characters; {MAX_NAME_LENGTH} are allowed.",
            remedy=f"Shorten the name to {MAX_NAME_LENGTH} characters.",
        )
    forbidden = sorted({c for c in name if c in FORBIDDEN_IN_NAMES or not c.isprintable()})
    if forbidden:
        shown = " ".join(c if c.isprintable() else f"U+{ord(c):04X}" for c in forbidden)
        raise InvalidInput(
            field,
            f"The name contains characters that are not allowed: {shown}",
            remedy="Leave out / \\ # ? and control characters.",
        )
    return name
