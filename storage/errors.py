"""Turns what the storage SDKs raise into the ledger's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.data.tables import TableErrorCode

from errors import (
    Conflict,
    LedgerError,
    NotFound,
    PreconditionFailed,
    StorageError,
    StorageUnavailable,
)

_BUSY = frozenset({408, 429, 500, 502, 503, 504})


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raises the ledger's error for what the SDK raises inside.

    `what` is the thing as a sentence says it, e.g. "the product". NotFound,
    Conflict (exists already), PreconditionFailed (stale ETag),
    StorageUnavailable (unreachable or busy), StorageError (anything else,
    such as a table that is missing).
    """
    try:
        yield
    except (ServiceRequestError, ServiceResponseError) as error:
        raise unavailable(what) from error
    except HttpResponseError as error:
        raise _refusal(what, error) from error
    except AzureError as error:
        raise _refused(what, f"({type(error).__name__})") from error


def _refusal(what: str, error: HttpResponseError) -> LedgerError:
    # a transaction reports its statuses without their own exception classes
    status = error.status_code
    if table_missing(error):
        return _refused(what, "(their table is missing)")
    if status == 404:
        return NotFound(f"{_capital(what)} does not exist.", remedy="List what exists.")
    if status == 409:
        return Conflict(f"{_capital(what)} exists already.", remedy="Change the existing one.")
    if status == 412:
        return stale(what)
    return unavailable(what) if status in _BUSY else _refused(what, f"(status {status})")


def table_missing(error: HttpResponseError) -> bool:
    """Whether the table itself is gone, and not a row of it."""
    return getattr(error, "error_code", None) == TableErrorCode.TABLE_NOT_FOUND


def stale(what: str) -> PreconditionFailed:
    """The error for an ETag that is no longer current."""
    return PreconditionFailed(
        f"{_capital(what)} has changed since it was read.",
        remedy="Read it again, and repeat the change with the new ETag.",
    )


def unavailable(what: str) -> StorageUnavailable:
    """The error for storage that cannot be reached or is busy."""
    return StorageUnavailable(
        f"Storage did not answer while handling {what}.",
        remedy="Try again; if it persists, check the storage account and its network rules.",
    )


def _refused(what: str, cause: str) -> StorageError:
    return StorageError(
        f"Storage refused the call for {what} {cause}.",
        remedy="Check the app's role assignments on the storage account.",
    )


def _capital(what: str) -> str:
    return what[:1].upper() + what[1:]
