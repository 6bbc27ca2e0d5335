"""Who calls is what the platform says, and a change needs the role and our own pages."""

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import Forbidden, InvalidInput, Unauthorized
from settings import Access, read_access
from tests.principal import OBJECT_ID, principal
from web.caller import KEY_HOLDER, ROLES, authorized

ADA = f"ada@contoso.example ({OBJECT_ID})"


@pytest.mark.parametrize(
    ("environment", "access"),
    [
        ({}, Access.KEYS),
        ({"WEBSITE_AUTH_ENABLED": "False"}, Access.KEYS),
        ({"WEBSITE_AUTH_ENABLED": "True"}, Access.IGNORED),
        ({"APP_SERVICE_AUTHENTICATION": "false", "WEBSITE_AUTH_ENABLED": "1"}, Access.IGNORED),
        ({"APP_SERVICE_AUTHENTICATION": "true", "WEBSITE_AUTH_ENABLED": "True"}, Access.SIGN_IN),
    ],
)
def test_sign_in_needs_our_setting_and_the_platforms_word(environment, access):
    assert read_access(environment) is access


@pytest.mark.parametrize("platform", [{}, {"WEBSITE_AUTH_ENABLED": "False"}])
def test_sign_in_that_the_platform_does_not_do_is_refused_by_name(platform):
    with pytest.raises(InvalidInput) as refused:
        read_access({"APP_SERVICE_AUTHENTICATION": "true", **platform})
    assert refused.value.field == "APP_SERVICE_AUTHENTICATION"


def test_a_caller_is_known_by_name_object_id_and_roles():
    headers = principal("Ledger.Read", "Ledger.Reclaim", "Other.Role")
    caller = authorized(headers, "GET", "Ledger.Read", Access.SIGN_IN)
    assert caller.label == ADA
    assert caller.audited == OBJECT_ID
    assert caller.roles == {"Ledger.Read", "Ledger.Reclaim"}


def test_an_application_is_known_by_its_id():
    claims = [{"typ": "appid", "val": "app-1"}, {"typ": "roles", "val": "Ledger.Read"}]
    headers = principal(claims=claims)
    caller = authorized(headers, "GET", "Ledger.Read", Access.SIGN_IN)
    assert (caller.name, caller.object_id) == ("app-1", None)


def test_a_name_cannot_break_a_line_or_fill_a_page():
    headers = principal("Ledger.Read", name="a\nb" + "x" * 1000)
    name = authorized(headers, "GET", "Ledger.Read", Access.SIGN_IN).name
    assert name.startswith("abx")
    assert len(name) == 200


@pytest.mark.parametrize("wanted", ROLES)
@pytest.mark.parametrize("held", ROLES)
def test_changing_and_reclaiming_include_reading_and_nothing_else(wanted, held):
    headers = principal(held)
    if wanted in (held, "Ledger.Read"):
        assert authorized(headers, "GET", wanted, Access.SIGN_IN).roles == {held}
    else:
        with pytest.raises(Forbidden, match=wanted):
            authorized(headers, "GET", wanted, Access.SIGN_IN)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        principal("Ledger.Read", auth_typ="github"),
        principal("Ledger.Read", auth_typ=""),
        principal(claims={"roles": "Ledger.Read"}),
        {"X-MS-CLIENT-PRINCIPAL": "not base64"},
        {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(b"[1]").decode()},
        {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(b"\xff\xfe").decode()},
        {"X-MS-CLIENT-PRINCIPAL-NAME": "ada@contoso.example"},
    ],
)
def test_whoever_entra_did_not_sign_in_is_unknown(headers):
    with pytest.raises(Unauthorized):
        authorized(headers, "GET", "Ledger.Read", Access.SIGN_IN)


@given(st.text(string.printable, max_size=60) | st.binary(max_size=60))
def test_any_header_is_read_or_refused(text):
    encoded = base64.b64encode(text).decode() if isinstance(text, bytes) else text
    with pytest.raises(Unauthorized):
        authorized({"X-MS-CLIENT-PRINCIPAL": encoded}, "GET", "Ledger.Read", Access.SIGN_IN)


def test_a_principal_that_no_platform_set_is_refused_and_never_counts():
    spoofed = principal(*ROLES)
    with pytest.raises(Unauthorized, match="not believed"):
        authorized(spoofed, "GET", "Ledger.Read", Access.KEYS)
    assert authorized(spoofed, "GET", "Ledger.Manage", Access.IGNORED) is KEY_HOLDER


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "same-origin"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "same-site"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Authorization": "Bearer x"}, False),
        ({"Origin": "https://ledger.example", "Host": "Ledger.example"}, False),
        (
            {
                "Origin": "https://ledger.example",
                "Host": "internal:80",
                "X-Forwarded-Host": "ledger.example",
            },
            False,
        ),
        ({"Origin": "https://evil.example", "Host": "ledger.example"}, True),
        ({"Origin": "null", "Host": "ledger.example"}, True),
        ({"Origin": "https://["}, True),
        ({"Origin": ""}, True),
        (
            {
                "Origin": "https://ledger.example",
                "Host": "ledger.example",
                "Sec-Fetch-Site": "cross-site",
            },
            True,
        ),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_another_sites_page_changes_nothing(headers, refused, method):
    signed_in = {**principal("Ledger.Manage"), **headers}
    if refused and method != "GET":
        with pytest.raises(Forbidden) as error:
            authorized(signed_in, method, "Ledger.Manage", Access.SIGN_IN)
        assert error.value.code == "cross_site"
    else:
        authorized(signed_in, method, "Ledger.Manage", Access.SIGN_IN)
