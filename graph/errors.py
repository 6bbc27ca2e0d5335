"""What Entra and Graph answer, and what stands between us and them, as the ledger's errors."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from errors import (
    DeltaExpired,
    GraphError,
    GraphFailureUnreadable,
    GraphSuccessUnreadable,
    GraphThrottled,
    GraphUnreachable,
    PermissionMissing,
    TokenRejected,
)
from graph.models import ErrorAnswer, ErrorBody
from portals.model import Cloud

Classed = TypeVar("Classed", bound=GraphError)

_AADSTS = re.compile(r"AADSTS(\d+)")
_TRACE = re.compile(r"\s*(Trace ID|Correlation ID|Timestamp):.*", re.DOTALL)
_EXPIRED_DELTA = frozenset({"syncstatenotfound", "resyncrequired", "syncstateinvalid"})
_SAID_CHARACTERS = 500
_CODE_CHARACTERS = 100
_answer_decoder = msgspec.json.Decoder(ErrorAnswer)

SIGN_IN_AGAIN = "Sign in again: authorize of the portal answers where."
# Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
_TOKEN_REMEDIES = {
    "7000215": "Store the value of a valid client secret; its ID is not its value.",
    "7000222": "The client secret has expired. Create a new one in Entra and store it.",
    "700027": "Upload the portal's certificate to the app registration, or store the one that "
    "is there. A new certificate may take some minutes to be known everywhere.",
    "700024": "Set the clock of the machine; the signed assertion lies outside its time.",
    "700016": "Check client ID and tenant ID; the app is not in this tenant, or was not consented.",
    "90002": "Check the tenant ID and the cloud; this sign-in service knows no such tenant.",
    "65001": "Have an administrator of the tenant consent to the app's permissions; where "
    "somebody signed in for the portal, by signing in again.",
    "70011": "Check the cloud of the portal; the scope belongs to another one.",
    "53003": "Exempt the app from the Conditional Access policy that blocks it.",
    "7000218": "Store a credential for the portal; none was sent.",
    "50173": "The password was changed, or all sign-ins were revoked. " + SIGN_IN_AGAIN,
    "700082": "The sign-in was not used for too long. " + SIGN_IN_AGAIN,
    "70008": "The sign-in has expired. " + SIGN_IN_AGAIN,
    "70043": "A policy of the tenant ended the sign-in. " + SIGN_IN_AGAIN,
    "50076": "The tenant asks for another factor. " + SIGN_IN_AGAIN,
    "50079": "The tenant asks for another factor. " + SIGN_IN_AGAIN,
    "50057": "The account that signed in is disabled. Sign in with another one.",
    "50105": "Assign the account that signed in to the app in the tenant's enterprise "
    "applications, or sign in with another one.",
    "54005": "The page was loaded twice. " + SIGN_IN_AGAIN,
    "501481": SIGN_IN_AGAIN,
    "500112": "Register the redirect URI that authorize answers. " + SIGN_IN_AGAIN,
    "65004": "Sign in again, and accept the permissions.",
    "700025": "The app registration is a public client. Store the credential without a secret.",
    "7000112": "Enable the app in the tenant's enterprise applications.",
}
_UNKNOWN_TOKEN_REMEDY = "Look the AADSTS code up in Microsoft's list of Entra error codes."  # noqa: S105 - a sentence
_CODE_REMEDIES = {
    "request_resourcenotfound": "What was asked for does not exist in the tenant; import again.",
    "toomanyrequests": "The tenant throttles; the next scheduled run tries again.",
    "missinglicense": "The tenant needs a license for this data.",
    "authentication_requestfromnonpremiumtenantorb2ctenant": "The tenant needs Entra ID P1 or P2 "
    "for this data.",
}


def unreachable(cloud: Cloud, cause: str) -> GraphUnreachable:
    """The error for a server that could not be reached; `cause` names the failure's kind."""
    hosts = ", ".join(host for url in (cloud.login_url, cloud.graph_url) if (host := _host(url)))
    return GraphUnreachable(
        "Could not connect to GraphAPI server.",
        remedy=f"Release {hosts} (TCP 443) in firewall and proxy, and check DNS and TLS "
        f"inspection. Cause: {cause}.",
    )


def _host(url: str) -> str:
    return urlsplit(url).netloc


def unreadable_success(request_id: str | None) -> GraphSuccessUnreadable:
    """The error for a success whose body is not what it should be."""
    return GraphSuccessUnreadable(
        "GraphAPI webcall returned success but information could not be deserialized.",
        remedy="A proxy or cache may be answering in Graph's place; check its settings.",
        request_id=request_id,
    )


def unreadable_failure(status: int, request_id: str | None) -> GraphFailureUnreadable:
    """The error for a failure whose body does not say what failed."""
    return GraphFailureUnreadable(
        "GraphAPI webcall returned failure but error information could not be deserialized.",
        remedy=f"A firewall or proxy may intercept the call (status {status}); check both.",
        http_status=status,
        request_id=request_id,
    )


def failure(
    status: int,
    body: bytes,
    *,
    permission: str,
    request_id: str | None,
    retry_after_seconds: float | None = None,
) -> GraphError:
    """The error for a failed request. `permission` is the least one that the call needs."""
    try:
        error = _shortened(_answer_decoder.decode(body).error)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return unreadable_failure(status, request_id)
    request_id = error.request_id or request_id
    code = error.code or ""
    if status == 410 or code.casefold() in _EXPIRED_DELTA:
        return _classed(DeltaExpired, status, error, "A full read follows.", request_id)
    if status == 401:
        return TokenRejected(
            f"Graph refused the access token: {code or 'no code given'}.",
            remedy="Test the connection; if it fails too, store the credential again.",
            http_status=status,
            microsoft_code=code,
            microsoft_message=error.message,
            request_id=request_id,
        )
    if status == 403 and code.casefold() not in _CODE_REMEDIES:
        return PermissionMissing(
            permission,
            remedy=permission_remedy(permission),
            http_status=status,
            microsoft_code=code,
            microsoft_message=error.message,
            request_id=request_id,
        )
    if status == 429:
        throttled = _classed(
            GraphThrottled, status, error, _CODE_REMEDIES["toomanyrequests"], request_id
        )
        throttled.retry_after_seconds = retry_after_seconds
        return throttled
    if not code and not error.message:
        return unreadable_failure(status, request_id)
    remedy = _CODE_REMEDIES.get(
        code.casefold(), "See Microsoft's text; if it persists, open a case with the request ID."
    )
    return _classed(GraphError, status, error, remedy, request_id)


def _shortened(error: ErrorBody) -> ErrorBody:
    """The error with no more text than a run or a portal may keep."""
    return msgspec.structs.replace(
        error,
        code=error.code and error.code[:_CODE_CHARACTERS],
        message=error.message and error.message[:_SAID_CHARACTERS],
    )


def _classed(
    error_class: type[Classed], status: int, error: ErrorBody, remedy: str, request_id: str | None
) -> Classed:
    said = ": ".join(part for part in (error.code, error.message) if part)
    return error_class(
        f"GraphAPI reported an error: {said or f'status {status}'}",
        remedy=remedy,
        http_status=status,
        microsoft_code=error.code,
        microsoft_message=error.message,
        request_id=request_id,
    )


def permission_remedy(permission: str, *, delegated: bool = False) -> str:
    """How to grant a permission, to the application or for whoever signs in."""
    if delegated:
        return (
            f"Grant the delegated permission {permission} to the app registration in Entra, give "
            "admin consent, and sign in again."
        )
    return (
        f"Grant the application permission {permission} to the app registration in Entra, "
        "and give admin consent."
    )


def sign_in_failed(status: int | None, text: str, secrets: Collection[str]) -> GraphError:
    """The error for a sign-in without a token: Entra's refusal, or an answer that is not Entra's.

    `text` is what the SDK says of it, `status` that of the last answer, if
    there was one. Other answers than Entra's own refusals do not speak of the
    credential: the service is down, throttles, or a proxy answered.
    """
    if _AADSTS.search(text) or status in (None, 400, 401):
        return token_rejected(text, secrets)
    if status == 429:
        return GraphThrottled(
            "Entra ID throttles the sign-in.",
            remedy=_CODE_REMEDIES["toomanyrequests"],
            http_status=status,
        )
    if status < 400:
        return unreadable_success(None)
    return unreadable_failure(status, None)


def token_rejected(text: str, secrets: Collection[str]) -> TokenRejected:
    """The error for a sign-in that Entra refused; `text` is what the SDK says of it.

    Only the code and Microsoft's first sentences are kept, without any of
    `secrets`.
    """
    found = _AADSTS.search(text)
    number = found.group(1) if found else None
    said = _TRACE.sub("", text[found.start() :] if found else text).strip()
    for secret in secrets:
        said = said.replace(secret, "…")
    label = f"AADSTS{number}" if number else "no code given"
    return TokenRejected(
        f"Entra ID refused the sign-in: {label}",
        remedy=_TOKEN_REMEDIES.get(number or "", _UNKNOWN_TOKEN_REMEDY),
        microsoft_code=f"AADSTS{number}" if number else None,
        microsoft_message=said[:_SAID_CHARACTERS],
    )
