"""The API does what its OpenAPI document says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

import function_app
from devhost.stack import Stack
from tests.e2e.admin import Admin
from web.openapi import openapi_document

ROOT = Path(__file__).parents[2]


DOCUMENT = openapi_document(
    operation for area in function_app.AREAS for operation in area.operations
)
# the stack of these tests is guarded by keys; test_roles has one that signs callers in
del DOCUMENT["components"]["securitySchemes"]["signIn"]
DOCUMENT["security"].remove({"signIn": []})
OPERATIONS: list[Any] = [
    found.ok()  # type: ignore[union-attr]  # raises for a description that is wrong
    for found in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()
]
HOST_404 = "text/plain; charset=utf-8"
EXCLUDED_CHECKS = [
    # the host, not the app, answers methods that no function has
    CHECKS.get_one("unsupported_method"),
    # what is well-formed can still be refused: a cloud that is not deployed
    CHECKS.get_one("positive_data_acceptance"),
]


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_an_operation_keeps_to_its_description(operation: Any, mode: GenerationMode, stack: Stack):
    if operation.label in ("POST /imports", "POST /compliance/recalculate"):
        pytest.skip("starts work on the portals of all other tests, over and over")

    @settings(
        max_examples=10,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        # the host drops parameters without a value before the app sees them
        assume("" not in (case.query or {}).values())
        response = case.call(
            base_url=stack.api_url, headers={"x-functions-key": stack.function_key}, timeout=60
        )
        if response.status_code == 404 and response.headers["content-type"] == [HOST_404]:
            # no route of ours: the host answered
            return
        case.validate_response(response, excluded_checks=EXCLUDED_CHECKS)

    try:
        check()
    except Unsatisfiable:
        pytest.skip("the operation takes nothing that could be wrong")


def test_every_function_with_a_route_is_described(admin: Admin):
    import function_app

    document = admin.get("/openapi.json")
    described_ids = {
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
    }
    served = {
        operation.name
        for area in function_app.AREAS
        for operation in area.operations
        if operation.in_openapi
    }
    assert described_ids == served


def test_every_route_stands_in_the_readers_documentation(admin: Admin):
    text = (ROOT / "docs" / "api.md").read_text()
    for path in admin.get("/openapi.json")["paths"]:
        assert f"`/api{path}`" in text, path


def test_every_error_code_stands_in_the_readers_documentation():
    text = (ROOT / "docs" / "errors.md").read_text()
    sources = [
        source
        for source in (*ROOT.glob("*.py"), *ROOT.glob("*/*.py"))
        if source.parent.name not in ("bench", "devhost", "simulator", "tests")
    ]
    codes = {
        code
        for source in sources
        for code in re.findall(r'(?:default_code = |\bcode=)"([a-z_]+)"', source.read_text())
    }
    assert len(codes) > 25
    assert [code for code in sorted(codes) if f"`{code}`" not in text] == []


def test_every_setting_stands_in_the_readers_documentation():
    text = (ROOT / "docs" / "operations.md").read_text()
    names = set(re.findall(r'environment, "([A-Z_]+)"', (ROOT / "settings.py").read_text()))
    names |= {
        "IMPORT_SCHEDULE",
        "RECALCULATION_SCHEDULE",
        "CATALOGUE_SCHEDULE",
        "CLOUDS",
        "DIGEST_SCHEDULE",
        "USAGE_SCHEDULE",
        "CONSOLIDATION_SCHEDULE",
    }
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []


def test_the_description_is_not_sent_again_to_who_has_it(admin: Admin):
    first = admin.http.get("/openapi.json")
    assert first.json()["openapi"].startswith("3.1")
    assert first.headers["Cache-Control"] == "no-cache"
    again = admin.http.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = admin.http.get("/openapi.json", headers={"If-None-Match": '"another"'})
    assert other.content == first.content
