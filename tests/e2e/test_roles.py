"""Who may call what: every function, with each role, signed in by the platform or by key.

The tests play App Service: it alone sets X-MS-CLIENT-PRINCIPAL.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import function_app
from devhost.stack import Stack
from simulator.control import Control
from tests.e2e.admin import Admin, connected
from tests.indexed import http_functions
from tests.principal import OBJECT_ID, principal

# All others want a role; whoever adds a name here says that anyone may call it.
ANONYMOUS = {"GetOpenApi", "GetHealth", "ShowConsole", "FinishAuthorization"}
# Reads that must be sent with a body.
READING_POSTS: set[str] = set()
CALLERS: dict[str, dict[str, str]] = {
    "anonymous": {},
    "nothing": principal(),
    "read": principal("Ledger.Read"),
    "manage": principal("Ledger.Manage"),
    "reclaim": principal("Ledger.Reclaim"),
}
ADMITTED = {
    "Ledger.Read": {"read", "manage", "reclaim"},
    "Ledger.Manage": {"manage"},
    "Ledger.Reclaim": {"reclaim"},
}
OPERATIONS = {
    operation.name: operation for area in function_app.AREAS for operation in area.operations
}

FUNCTIONS = http_functions()
CALLS = [
    (name, method.value)
    for name, trigger in sorted(FUNCTIONS.items())
    for method in trigger["methods"]
]


@pytest.fixture(scope="module")
def signed_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """An app behind App Service Authentication; it has no portals."""
    running = Stack(
        tmp_path_factory.mktemp("roles"),
        simulator=False,
        timers=False,
        environment={"APP_SERVICE_AUTHENTICATION": "true", "WEBSITE_AUTH_ENABLED": "True"},
    )
    with running, httpx.Client(base_url=running.api_url, timeout=60) as client:
        yield client


def address(name: str) -> str:
    """The function's route with an ID nobody has in each place."""
    return re.sub(r"{\w+[^}]*}", lambda _: str(uuid.uuid4()), FUNCTIONS[name]["route"])


def code_of(answer: httpx.Response) -> Any:
    """The code of a problem, or of an OData error."""
    return answer.json().get("error", answer.json())["code"]


def test_only_the_named_functions_want_no_role():
    assert FUNCTIONS.keys() - OPERATIONS.keys() <= ANONYMOUS
    open_ = {name for name, operation in OPERATIONS.items() if operation.anonymous}
    assert open_ <= ANONYMOUS
    assert FUNCTIONS.keys() >= OPERATIONS.keys()
    assert {operation.role for operation in OPERATIONS.values()} <= ADMITTED.keys()


def test_keys_guard_every_function_that_wants_a_role():
    levels = {name: trigger["authLevel"].value for name, trigger in FUNCTIONS.items()}
    assert {name for name, level in levels.items() if level == "anonymous"} <= ANONYMOUS
    assert {level for name, level in levels.items() if name not in ANONYMOUS} == {"function"}


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_what_changes_something_wants_more_than_reading(name: str):
    operation = OPERATIONS[name]
    changes = bool({"POST", "PUT", "PATCH", "DELETE"} & set(operation.methods))
    if changes and operation.status != 405 and name not in READING_POSTS:
        assert operation.role != "Ledger.Read"
    elif not changes:
        assert operation.role == "Ledger.Read"


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("name", "method"), CALLS)
def test_a_function_admits_exactly_those_with_its_role(
    signed_in: httpx.Client, name: str, method: str, caller: str
):
    answer = signed_in.request(method, address(name), headers=CALLERS[caller])
    if name in ANONYMOUS:
        assert answer.status_code not in (401, 403)
        return
    if caller == "anonymous":
        assert (answer.status_code, code_of(answer)) == (401, "unauthorized")
    elif caller in ADMITTED[OPERATIONS[name].role]:
        assert answer.status_code not in (401, 403), answer.text
    else:
        assert (answer.status_code, code_of(answer)) == (403, "forbidden")
        assert OPERATIONS[name].role in answer.text


@pytest.mark.parametrize(("name", "method"), [call for call in CALLS if call[0] not in ANONYMOUS])
def test_without_the_platform_a_principal_opens_nothing(admin: Admin, name: str, method: str):
    spoofed = principal("Ledger.Read", "Ledger.Manage", "Ledger.Reclaim")
    base = str(admin.http.base_url).rstrip("/")
    # without a key the host refuses, before the app is asked
    assert httpx.request(method, f"{base}/{address(name)}", headers=spoofed).status_code == 401
    answer = admin.http.request(method, address(name), headers=spoofed)
    assert (answer.status_code, code_of(answer)) == (401, "unauthorized")
    assert "X-MS-CLIENT-PRINCIPAL" in answer.text


@pytest.mark.parametrize("path", ["imports", "compliance/recalculate"])
def test_another_sites_page_starts_nothing_with_the_sign_in_cookie(
    signed_in: httpx.Client, path: str
):
    headers = {**principal("Ledger.Manage"), "Sec-Fetch-Site": "cross-site"}
    answer = signed_in.post(path, headers=headers)
    assert (answer.status_code, code_of(answer)) == (403, "cross_site")


def test_a_run_tells_who_asked_for_it(signed_in: httpx.Client, admin: Admin, cloud: Control):
    headers = principal("Ledger.Manage")
    started = signed_in.post("imports", headers=headers).json()
    run = signed_in.get(f"runs/{started['runId']}", headers=headers).json()
    assert run["requestedBy"] == f"ada@contoso.example ({OBJECT_ID})"
    by_key = admin.recalculate(connected(admin, cloud, users=1)["portalId"])
    assert by_key["requestedBy"] == by_key["children"][0]["requestedBy"] == "function key"
