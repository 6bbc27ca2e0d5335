"""What Entra and Graph answer becomes the error catalogue."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import (
    DeltaExpired,
    GraphError,
    GraphFailureUnreadable,
    GraphSuccessUnreadable,
    GraphThrottled,
    PermissionMissing,
    TokenRejected,
)
from graph.errors import failure, sign_in_failed, token_rejected, unreachable
from graph.permissions import needs_of
from portals.model import CLOUDS


def body(code: str, message: str = "Text.", inner: str = "innerError") -> bytes:
    """Graph's error body."""
    return json.dumps(
        {"error": {"code": code, "message": message, inner: {"request-id": "rq"}}}
    ).encode()


def told(status: int, content: bytes) -> GraphError:
    """The error for an answer."""
    return failure(status, content, permission="User.Read.All", request_id="header")


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "Request_BadRequest", GraphError),
        (400, "syncStateNotFound", DeltaExpired),
        (400, "resyncRequired", DeltaExpired),
        (410, "anything", DeltaExpired),
        (401, "InvalidAuthenticationToken", TokenRejected),
        (403, "Authorization_RequestDenied", PermissionMissing),
        (403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", GraphError),
        (429, "TooManyRequests", GraphThrottled),
        (500, "", GraphError),
    ],
)
def test_status_and_code_decide_the_class(status, code, expected):
    error = told(status, body(code))
    assert type(error) is expected
    assert error.microsoft_code == code
    assert error.request_id == "rq"
    assert error.remedy


@pytest.mark.parametrize("inner", ["innerError", "innererror"])
def test_the_request_id_is_found_in_either_spelling(inner):
    assert told(400, body("x", inner=inner)).request_id == "rq"


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"error": "text"}', b'{"x": 1}'])
def test_a_failure_without_a_readable_error_says_so(content):
    error = told(502, content)
    assert isinstance(error, GraphFailureUnreadable)
    assert error.request_id == "header"


@given(st.binary(max_size=200), st.integers(400, 599))
def test_any_body_becomes_an_error(content, status):
    assert isinstance(told(status, content), GraphError)


def test_unreachable_lists_the_clouds_addresses():
    for cloud in CLOUDS.values():
        error = unreachable(cloud, "ConnectError")
        assert cloud.login_url.removeprefix("https://") in error.remedy
        assert cloud.graph_url.removeprefix("https://") in error.remedy


def test_a_refused_sign_in_names_the_code_and_no_secret():
    text = (
        "Authentication failed: AADSTS7000215: Invalid client secret hunter2hunter2 provided. "
        "Trace ID: 1 Correlation ID: 2 Timestamp: now"
    )
    error = token_rejected(text, ["hunter2hunter2"])
    assert error.message == "Entra ID refused the sign-in: AADSTS7000215"
    assert error.microsoft_message is not None
    assert "hunter2" not in error.microsoft_message
    assert "Trace ID" not in error.microsoft_message
    assert "value" in error.remedy


def test_codes_have_remedies_of_their_own():
    codes = ("7000215", "7000222", "700027", "700024", "700016", "90002", "65001", "53003", "1")
    remedies = {token_rejected(f"AADSTS{code}: x", ()).remedy for code in codes}
    assert len(remedies) == len(codes)


def test_a_higher_permission_serves_as_well():
    needs = {need.permission: need for need in needs_of(["import"])}
    assert needs["User.Read.All"].granted_by({"Directory.Read.All"}) == "Directory.Read.All"
    assert needs["User.Read.All"].granted_by({"Organization.Read.All"}) is None
    assert needs["Place.Read.All"].optional


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, GraphFailureUnreadable),
        (500, GraphFailureUnreadable),
        (401, TokenRejected),
        (403, PermissionMissing),
        (410, DeltaExpired),
        (429, GraphThrottled),
    ],
)
def test_an_error_that_says_nothing_is_told_by_its_status(status, expected):
    error = told(status, b'{"error": {}}')
    assert type(error) is expected
    assert "None" not in error.message
    assert error.http_status == status


def test_the_message_has_microsofts_code_and_text():
    error = told(404, body("Request_ResourceNotFound", "No such thing."))
    assert error.message == "GraphAPI reported an error: Request_ResourceNotFound: No such thing."
    assert error.code == "graph_error"
    assert "does not exist" in error.remedy


def test_a_missing_permission_is_named_with_its_remedy():
    error = told(403, body("Authorization_RequestDenied"))
    assert isinstance(error, PermissionMissing)
    assert error.message == "Permission User.Read.All is missing."
    assert "User.Read.All" in error.remedy
    assert "admin consent" in error.remedy


def test_a_throttled_answer_keeps_its_wait():
    error = failure(
        429,
        body("TooManyRequests"),
        permission="User.Read.All",
        request_id=None,
        retry_after_seconds=2.5,
    )
    assert isinstance(error, GraphThrottled)
    assert error.retry_after_seconds == 2.5


@given(st.text(min_size=501), st.text(min_size=101))
def test_no_more_text_is_kept_than_a_run_may_have(message, code):
    error = told(400, json.dumps({"error": {"code": code, "message": message}}).encode())
    assert error.microsoft_message == message[:500]
    assert error.microsoft_code == code[:100]


@pytest.mark.parametrize(
    ("status", "text", "expected"),
    [
        (400, "AADSTS90002: Tenant not found.", TokenRejected),
        (401, "invalid_client", TokenRejected),
        (None, "no answer", TokenRejected),
        (503, "AADSTS90033: A transient error.", TokenRejected),
        (429, "slow down", GraphThrottled),
        (200, "<html>", GraphSuccessUnreadable),
        (302, "moved", GraphSuccessUnreadable),
        (403, "<html>", GraphFailureUnreadable),
        (503, "<html>", GraphFailureUnreadable),
    ],
)
def test_a_sign_in_that_entra_did_not_refuse_says_nothing_of_the_credential(status, text, expected):
    assert type(sign_in_failed(status, text, ())) is expected


def test_a_refusal_without_a_code_says_so():
    error = token_rejected("invalid_client", ())
    assert error.message == "Entra ID refused the sign-in: no code given"
    assert error.microsoft_code is None
    assert error.remedy


secrets = st.text("abcdefghijk~.-_", min_size=8, max_size=40)


@given(secrets, st.text(max_size=600), st.text(max_size=600), st.sampled_from([None, 400, 503]))
def test_no_part_of_a_refusal_shows_the_secret(secret, before, after, status):
    text = f"{before}AADSTS7000215: {before}{secret}{after}{secret}"
    error = sign_in_failed(status, text, [secret])
    shown = f"{error!r} {error} {error.remedy} {error.microsoft_message} {vars(error)}"
    assert secret not in shown
