"""Every answer of the simulator, held to the shape and words of Microsoft's published examples."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from devhost.stack import Stack
from graph.users import FIELDS
from simulator.control import IMPORT_PERMISSIONS, Control

EXAMPLES = Path(__file__).parents[3] / "shared" / "graph-examples"
SECRET = "a-client-secret-of-some-length"
PERMISSIONS = (*IMPORT_PERMISSIONS, "LicenseAssignment.ReadWrite.All", "AuditLog.Read.All")

pytestmark = pytest.mark.skipif(not EXAMPLES.exists(), reason="no documented examples at hand")


def documented(name: str) -> Any:
    """A published example."""
    return json.loads((EXAMPLES / name).read_text())


def merged(values: list[Any]) -> Any:
    """One value with all that the values show: objects are united, lists keep one item."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    if all(isinstance(value, dict) for value in known):
        keys = {key for value in known for key in value}
        return {key: merged([value.get(key) for value in known]) for key in keys}
    if all(isinstance(value, list) for value in known):
        return [merged([item for value in known for item in value])]
    return known[0]


def differences(ours: Any, theirs: Any, at: str = "$") -> list[str]:
    """Where ours has a property or a type that theirs has not; null goes with everything."""
    if ours is None or theirs is None:
        return []
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [
            line
            for key, value in ours.items()
            for line in (
                differences(value, theirs[key], f"{at}.{key}")
                if key in theirs
                else [f"{at}.{key} is not documented"]
            )
        ]
    if isinstance(ours, list) and isinstance(theirs, list):
        return differences(ours[0], theirs[0], f"{at}[]") if ours and theirs else []
    return [] if type(ours) is type(theirs) else [f"{at} is {type(ours).__name__}"]


class Caller:
    """A tenant, called by plain HTTP with all permissions."""

    def __init__(self, parts: Stack, control: Control, **spec: Any) -> None:
        self.control = control
        self.http = httpx.Client(base_url=control.url)
        self.tenant_id = control.create_tenant(
            **{"users": 40, "groups": [{"name": "G", "skus": ["VISIOCLIENT"]}], **spec}
        )
        self.client_id = str(uuid.uuid4())
        control.register(self.tenant_id, self.client_id, secret=SECRET, permissions=PERMISSIONS)
        token = self.sign_in(client_secret=SECRET).json()["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"

    def sign_in(self, **form: str) -> httpx.Response:
        """The token endpoint's answer."""
        return self.http.post(
            f"/{self.tenant_id}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": self.client_id,
                "scope": f"{self.control.url}/.default",
                **form,
            },
        )

    def values(self, path: str) -> Any:
        """The items of a collection, merged into one that shows all there is."""
        answer = self.http.get(path)
        assert answer.status_code == 200, answer.text
        return merged(answer.json()["value"])


@pytest.fixture
def caller(parts: Stack, cloud: Control) -> Iterator[Caller]:
    """A tenant of 40 users and a group."""
    calling = Caller(parts, cloud)
    yield calling
    calling.http.close()


@pytest.mark.parametrize(
    ("path", "example", "whole"),
    [
        ("/v1.0/subscribedSkus", "new_v1.0__subscribedsku-list_", True),
        ("/v1.0/directory/subscriptions", "new_beta__directory-list-subscriptions_", True),
        ("/v1.0/users?$select=id,mail,assignedLicenses", "v1.0__user-list__07", True),
        (
            "/v1.0/users/delta?$select=displayName,id",
            "concept__delta-query-users__03",
            True,
        ),
        ("/v1.0/organization", "v1.0__organization-list__01", False),
        ("/v1.0/users", "v1.0__user-list__01", False),
        (
            "/v1.0/users?$select=id,displayName,userPrincipalName,signInActivity",
            "new_v1.0__user-list-signinactivity_",
            False,
        ),
        ("/v1.0/groups", "v1.0__group-list__01", False),
        ("/v1.0/groups", "beta__group-list__01", False),
    ],
)
def test_what_is_selected_comes_as_documented(caller: Caller, path: str, example: str, whole: bool):
    theirs = merged(documented(f"{example}_response_200.json")["value"])
    found = differences(caller.values(path), theirs)
    # most examples say of themselves that they are shortened
    assert [line for line in found if whole or not line.endswith("is not documented")] == []


def _values(example: Any) -> list[Any]:
    return example["value"] if isinstance(example.get("value"), list) else [example]


def test_subscribed_skus_lack_nothing_that_is_documented(caller: Caller):
    theirs = merged(documented("new_v1.0__subscribedsku-list__response_200.json")["value"])
    assert differences(theirs, caller.values("/v1.0/subscribedSkus")) == []


def test_subscriptions_lack_nothing_that_is_documented(caller: Caller):
    theirs = merged(
        documented("new_beta__directory-list-subscriptions__response_200.json")["value"]
    )
    assert differences(theirs, caller.values("/v1.0/directory/subscriptions")) == []


def test_every_property_that_the_import_selects_comes_and_no_other(caller: Caller):
    answer = caller.http.get(f"/v1.0/users?$select={','.join(FIELDS)}&$top=999").json()
    assert merged(answer["value"]).keys() == set(FIELDS)
    shown = merged(
        [
            value
            for name in EXAMPLES.glob("*user-*_response_200.json")
            for value in _values(json.loads(name.read_text()))
        ]
    )
    ours = {key: value for key, value in merged(answer["value"]).items() if key in shown}
    assert {"assignedLicenses", "accountEnabled", "userPrincipalName"} <= ours.keys()
    assert differences(ours, shown) == []


def test_pages_and_delta_rounds_carry_the_documented_links(caller: Caller):
    page = caller.http.get("/v1.0/users?$top=5&$count=true").json()
    assert page.keys() == {"@odata.context", "@odata.count", "@odata.nextLink", "value"}
    for name, path in (
        ("v1.0__user-list__07", "/v1.0/users?$select=id,mail,assignedLicenses"),
        ("concept__delta-query-users__03", "/v1.0/users/delta"),
    ):
        theirs = documented(f"{name}_response_200.json")
        assert caller.http.get(path).json().keys() == theirs.keys()


def test_an_error_inside_a_batch_comes_as_documented(caller: Caller):
    theirs = next(
        part
        for part in documented("new_concept__json-batching__response_200.json")["responses"]
        if part["status"] == 403
    )
    items = [{"id": "1", "method": "GET", "url": f"/users/{uuid.uuid4()}"}]
    (ours,) = caller.http.post("/v1.0/$batch", json={"requests": items}).json()["responses"]
    assert ours.keys() == theirs.keys()
    assert differences(ours["body"], theirs["body"]) == []
    assert isinstance(ours["status"], int)


def error_of(answer: httpx.Response, status: int) -> Any:
    """The body of a failure with that status."""
    assert answer.status_code == status, answer.text
    return answer.json()


GUID = re.compile("[0-9a-f]{8}-[0-9a-f-]{27}")


def same_words(ours: Any, example: str) -> None:
    """The error has the documented code, text but for IDs, and shape."""
    theirs = documented(example)
    assert differences(theirs, ours) == []
    for name in ("code", "message"):
        assert GUID.sub("…", ours["error"][name]) == GUID.sub("…", theirs["error"][name])


def test_refusals_of_assign_license_speak_in_the_documented_words(caller: Caller):
    control, tenant_id = caller.control, caller.tenant_id
    truth = control.truth(tenant_id, users=True)
    parts = truth["part_numbers"]
    direct, member = (
        next(
            user_id
            for user_id, user in truth["users"].items()
            if any(path[1] is not None for path in user["paths"]) is by_group
        )
        for by_group in (False, True)
    )

    def refused(user_id: str, **body: Any) -> Any:
        return error_of(caller.http.post(f"/v1.0/users/{user_id}/assignLicense", json=body), 400)

    visio = parts["VISIOCLIENT"]
    add = {"addLicenses": [{"skuId": parts["POWER_BI_PRO"], "disabledPlans": []}]}
    for body, user_id, example in (
        ({"removeLicenses": []}, direct, "missing_param"),
        ({"addLicenses": [], "removeLicenses": [visio]}, direct, "not_held"),
        ({"addLicenses": [], "removeLicenses": [visio]}, member, "group_inherited"),
    ):
        same_words(refused(user_id, **body), f"error_400_assignlicense_{example}.json")
    control.call("sku", tenant_id=tenant_id, part_number="POWER_BI_PRO", enabled=0)
    same_words(refused(direct, removeLicenses=[], **add), "error_400_assignlicense_no_seats.json")
    control.call(
        "change-user", tenant_id=tenant_id, user_id=direct, values={"usage_location": None}
    )
    same_words(
        refused(direct, removeLicenses=[], **add), "error_400_assignlicense_usage_location.json"
    )


def test_refused_reads_speak_in_the_documented_words(parts: Stack, caller: Caller):
    control = caller.control
    delta = caller.http.get("/v1.0/users/delta?$select=id").json()["@odata.deltaLink"]
    control.call("expire-deltas", tenant_id=caller.tenant_id)
    same_words(error_of(caller.http.get(delta), 400), "error_400_delta_token_expired.json")
    same_words(
        error_of(caller.http.get("/v1.0/users/delta?$select=id,signInActivity"), 400),
        "error_400_users-delta_signinactivity.json",
    )
    plain = Caller(parts, control, premium=False)
    same_words(
        error_of(plain.http.get("/v1.0/users?$select=signInActivity"), 403),
        "error_403_signinactivity_no_premium.json",
    )
    plain.http.close()


def test_throttling_comes_with_the_documented_header_and_code(caller: Caller):
    text = (EXAMPLES / "concept__throttling__response_429_with_headers.http").read_text()
    wait = re.search(r"Retry-After: (\S+)", text)
    assert wait is not None
    caller.control.fault(
        "status", status=429, retry_after=wait.group(1), tenant=caller.tenant_id, times=1
    )
    answer = caller.http.get("/v1.0/users")
    assert answer.headers["Retry-After"] == wait.group(1)
    theirs = documented("concept__throttling__01_response_429.json")
    assert error_of(answer, 429)["error"]["code"] == theirs["error"]["code"]


@pytest.mark.parametrize("code", [7000215, 7000222, 700027])
def test_refused_sign_ins_come_as_documented(caller: Caller, code: int):
    caller.control.register(
        caller.tenant_id,
        caller.client_id,
        secret=SECRET,
        secret_expires="2020-01-01T00:00:00+00:00",
    )
    form = {
        7000215: {"client_secret": "wrong"},
        7000222: {"client_secret": SECRET},
        700027: {
            "client_assertion": "e30.e30.",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        },
    }[code]
    ours = error_of(caller.sign_in(**form), 401)
    theirs = documented(f"token_error_401_AADSTS{code}.json")
    assert ours.keys() == theirs.keys()
    assert differences(ours, theirs) == []
    assert (ours["error"], ours["error_codes"]) == (theirs["error"], theirs["error_codes"])
    assert ours["error_description"].startswith(f"AADSTS{code}: ")
    lines = [line.partition(":")[0] for line in theirs["error_description"].split("\r\n")]
    assert [line.partition(":")[0] for line in ours["error_description"].split("\r\n")] == lines
