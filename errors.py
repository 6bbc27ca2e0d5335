"""Every error the ledger raises on purpose.

LedgerError                       code, message, remedy
├─ InvalidInput                   field                              400
├─ ExportTooLarge                 limit                              413
├─ Misconfigured                  setting                            500
├─ NotAllowed                     what the tenant leads, or no role  403 · 405
├─ NotFound · Conflict            what                               404 · 409
├─ PreconditionFailed             stale ETag                         412
├─ NotReady                       what does not answer               503
├─ Stuck                          a run handed over without an end
├─ CredentialError                portal
│  ├─ CredentialMissing
│  ├─ SignInMissing
│  └─ ClientAssertionFailed
├─ GraphError                     Microsoft's code, text, request ID
│  ├─ GraphUnreachable · GraphThrottled      worth another try later
│  ├─ GraphSuccessUnreadable · GraphFailureUnreadable
│  ├─ TokenRejected · PermissionMissing      this portal stops, others go on
│  └─ DeltaExpired                           a full enumeration is due
└─ StorageError
   ├─ LeaseLost                   another worker has the portal
   └─ StorageUnavailable          worth another try later

A class stands for a decision that a caller takes; the code, message and
remedy are what a person reads. No text may carry a secret.
"""

from __future__ import annotations

from typing import ClassVar


class LedgerError(Exception):
    """An error with a stable code, a sentence, and what to do about it."""

    default_code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, remedy: str, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.code = code or self.default_code


class InvalidInput(LedgerError):
    """A value from outside that cannot be used; names the field.

    `details` lists field and message of each problem where there are several.
    """

    default_code = "invalid_input"
    status = 400

    def __init__(
        self,
        field: str,
        message: str,
        *,
        remedy: str,
        code: str | None = None,
        details: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message, remedy=remedy, code=code)
        self.field = field
        self.details = details


class BodyTooLarge(InvalidInput):
    """A request body over the limit."""

    default_code = "body_too_large"
    status = 413


class Misconfigured(LedgerError):
    """The deployment lacks a setting, or has one that cannot be used."""

    default_code = "misconfigured"


class ExportTooLarge(LedgerError):
    """A list is too long for one file."""

    default_code = "export_too_large"
    status = 413


class Unauthorized(LedgerError):
    """The caller is not known."""

    default_code = "unauthorized"
    status = 401


class Forbidden(LedgerError):
    """The caller is known and lacks the role."""

    default_code = "forbidden"
    status = 403


class ReadOnly(LedgerError):
    """A change to data that the tenant leads; `allowed` are the methods that work."""

    default_code = "read_only"
    status = 405

    def __init__(self, message: str, *, remedy: str, allowed: tuple[str, ...]) -> None:
        super().__init__(message, remedy=remedy)
        self.allowed = allowed


class NotFound(LedgerError):
    """The thing asked for does not exist."""

    default_code = "not_found"
    status = 404


class Conflict(LedgerError):
    """The state of the thing does not allow the operation, or its name is taken."""

    default_code = "conflict"
    status = 409


class PreconditionFailed(LedgerError):
    """The caller's ETag is not the current one."""

    default_code = "etag_mismatch"
    status = 412


class CredentialError(LedgerError):
    """A portal's credential cannot be used."""

    status = 422


class CredentialMissing(CredentialError):
    """Key Vault has no usable secret for the portal, or cannot be reached."""

    default_code = "credential_missing"


class ClientAssertionFailed(CredentialError):
    """The signed assertion could not be made from key and certificate."""

    default_code = "client_assertion_failed"


class SignInMissing(CredentialError):
    """Nobody has signed in for the portal, or the sign-in cannot be used any more."""

    default_code = "sign_in_missing"


class GraphError(LedgerError):
    """Entra or Graph refused or failed a call.

    `microsoft_code`, `microsoft_message` and `request_id` are what the service
    said, for the support case; None where it said nothing.
    """

    default_code = "graph_error"
    status = 502

    def __init__(
        self,
        message: str,
        *,
        remedy: str,
        code: str | None = None,
        http_status: int | None = None,
        microsoft_code: str | None = None,
        microsoft_message: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy, code=code)
        self.http_status = http_status
        self.microsoft_code = microsoft_code
        self.microsoft_message = microsoft_message
        self.request_id = request_id


class GraphUnreachable(GraphError):
    """DNS, TCP, TLS or a time-out stood between us and Graph or Entra."""

    default_code = "graph_unreachable"


class GraphThrottled(GraphError):
    """Still throttled after all retries."""

    retry_after_seconds: float | None = None


class GraphSuccessUnreadable(GraphError):
    """A success status with a body that is not what it should be."""

    default_code = "graph_success_unreadable"


class GraphFailureUnreadable(GraphError):
    """A failure status with a body that carries no readable error."""

    default_code = "graph_failure_unreadable"


class TokenRejected(GraphError):
    """Entra ID refused the sign-in."""

    default_code = "token_rejected"


class PermissionMissing(GraphError):
    """The application lacks a permission; `permission` is the least one that helps."""

    default_code = "permission_missing"

    def __init__(
        self,
        permission: str,
        *,
        remedy: str,
        http_status: int | None = None,
        microsoft_code: str | None = None,
        microsoft_message: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(
            f"Permission {permission} is missing.",
            remedy=remedy,
            http_status=http_status,
            microsoft_code=microsoft_code,
            microsoft_message=microsoft_message,
            request_id=request_id,
        )
        self.permission = permission


class DeltaExpired(GraphError):
    """The delta link is no longer valid; enumerate in full."""


class NotReady(LedgerError):
    """The app cannot do its work at this moment."""

    default_code = "not_ready"
    status = 503


class Stuck(LedgerError):
    """A run that was handed over too often for an end to be expected."""


class StorageError(LedgerError):
    """Table or Queue Storage failed a call."""

    default_code = "storage_error"
    status = 503


class LeaseLost(StorageError):
    """Another worker holds the portal's lease."""

    default_code = "lease_lost"


class StorageUnavailable(StorageError):
    """Storage cannot be reached, or is busy, after the SDK's own retries."""

    default_code = "storage_unavailable"
