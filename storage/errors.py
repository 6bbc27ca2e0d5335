"""Turns what the storage SDKs raise into the ledger's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)

from errors import Conflict, NotFound, PreconditionFailed, StorageError, StorageUnavailable

_BUSY = frozenset({408, 429, 500, 502, 503, 504})


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raises the ledger's error for what the SDK raises inside; `what` names the thing.

    NotFound, Conflict (exists already), PreconditionFailed (stale ETag),
    StorageUnavailable (unreachable or busy), StorageError (anything else).
    """
    try:
        yield
    except ResourceNotFoundError as error:
        raise NotFound(f"{what} does not exist.", remedy="List what exists.") from error
    except ResourceExistsError as error:
        raise Conflict(f"{what} exists already.", remedy="Change the existing one.") from error
    except ResourceModifiedError as error:
        raise stale(what) from error
    except (ServiceRequestError, ServiceResponseError) as error:
        raise unavailable(what) from error
    except HttpResponseError as error:
        # a transaction reports these three without their own exception classes
        if error.status_code == 404:
            raise NotFound(f"{what} does not exist.", remedy="List what exists.") from error
        if error.status_code == 412:
            raise stale(what) from error
        if error.status_code == 409:
            raise Conflict(f"{what} exists already.", remedy="Change the existing one.") from error
        if error.status_code in _BUSY:
            raise unavailable(what) from error
        raise _refused(what, error.status_code) from error
    except AzureError as error:
        raise _refused(what, None) from error


def stale(what: str) -> PreconditionFailed:
    """The error for an ETag that is no longer current."""
    return PreconditionFailed(
        f"{what} has changed since it was read.",
        remedy="Read it again, and repeat the change with the new ETag.",
    )


def unavailable(what: str) -> StorageUnavailable:
    """The error for storage that cannot be reached or is busy."""
    return StorageUnavailable(
        f"Storage did not answer while handling {what}.",
        remedy="Try again; if it persists, check the storage account and its network rules.",
    )


def _refused(what: str, status: int | None) -> StorageError:
    return StorageError(
        f"Storage refused the call for {what} (status {status}).",
        remedy="Check the app's role assignments on the storage account.",
    )
