"""The OpenAPI 3.1 document, generated from the declared operations and their models."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from exports.negotiation import MEDIA_TYPES
from web.contract import PageQuery, Problem
from web.operation import Operation
from web.reading import GUID_PATH_PARAMETERS

_REFERENCES = "#/components/schemas/{model}"
_STATUS_TEXTS = {
    400: "The request cannot be used; `field` names the culprit.",
    401: "No valid key or sign-in.",
    403: "The caller lacks the role.",
    404: "There is no such thing.",
    405: "The tenant leads: imported data is read-only.",
    409: "The present state does not allow it.",
    412: "The ETag is not the current one.",
    413: "The body is too large, or the list too long for one file.",
    422: "The portal's credential cannot be used.",
    500: "The operation failed unexpectedly.",
    502: "Entra or Graph refused or failed the call.",
    503: "Storage or Key Vault is unavailable.",
}
_FORMAT_PARAMETER = {
    "name": "format",
    "in": "query",
    "required": False,
    "schema": {"type": "string", "enum": list(MEDIA_TYPES.values())},
    "description": "The form of the answer; the Accept header serves as well. "
    "Files hold the whole list unless `top` or `continuation` ask for a page.",
}


def openapi_document(operations: Iterable[Operation]) -> dict[str, Any]:
    """The document as JSON-able values, with paths relative to `/api`."""
    shown = [operation for operation in operations if operation.in_openapi]
    models: list[tuple[type[BaseModel], Any]] = [(Problem, "serialization")]
    for operation in shown:
        if operation.body:
            models.append((operation.body, "validation"))
        if operation.returns:
            models.append((operation.returns, "serialization"))
    references, definitions = models_json_schema(
        list(dict.fromkeys(models)), ref_template=_REFERENCES, by_alias=True
    )
    paths: dict[str, dict[str, Any]] = {}
    for operation in shown:
        for method in operation.methods:
            described = _operation(operation, references)
            paths.setdefault("/" + operation.route, {})[method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ledger365",
            "version": "1",
            "description": "The license ledger of many Microsoft 365 tenants.",
        },
        "servers": [{"url": "/api"}],
        "security": [{"functionKey": []}, {"functionKeyQuery": []}, {"signIn": []}],
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {
                "functionKey": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
                "functionKeyQuery": {"type": "apiKey", "in": "query", "name": "code"},
                "signIn": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An Entra ID token for this app, where App Service "
                    "Authentication is on; `x-required-role` is the app role it needs.",
                },
            },
        },
    }


def _operation(operation: Operation, references: Any) -> dict[str, Any]:
    success: dict[str, Any] = {"description": operation.summary}
    if operation.returns:
        success["content"] = {
            "application/json": {"schema": references[(operation.returns, "serialization")]}
        }
    if operation.rows:
        for media_type in MEDIA_TYPES:
            success["content"].setdefault(
                media_type, {"schema": {"type": "string", "format": "binary"}}
            )
    if operation.status in (201, 202):
        success["headers"] = {
            "Location": {
                "description": "Where the new thing, or the run, is found.",
                "schema": {"type": "string"},
            }
        }
    statuses = {400, 401, 403, 500, 503, *operation.errors}
    if operation.anonymous:
        statuses -= {401, 403}
    if operation.rows:
        statuses.add(413)
    problem = {
        "application/problem+json": {"schema": references[(Problem, "serialization")]},
    }
    responses: dict[str, Any] = {} if operation.status == 405 else {str(operation.status): success}
    for status in sorted(statuses | ({413} if operation.body else set())):
        responses[str(status)] = {"description": _STATUS_TEXTS[status], "content": problem}
        if status == 401:
            # the Functions host refuses keys itself, with an empty body
            responses["401"] = {"description": _STATUS_TEXTS[401]}
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "x-required-role": operation.role,
        "parameters": [*_path_parameters(operation.route), *_query_parameters(operation)],
        "responses": responses,
    }
    if operation.anonymous:
        described["security"] = []
    if operation.body:
        described["requestBody"] = {
            "required": operation.body_required,
            "content": {"application/json": {"schema": references[(operation.body, "validation")]}},
        }
    return described


def _path_parameters(route: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"}
            if name in GUID_PATH_PARAMETERS
            else {"type": "string"},
        }
        for name in re.findall(r"{(\w+)}", route)
    ]


def _query_parameters(operation: Operation) -> Sequence[dict[str, Any]]:
    if operation.query is None:
        return [_FORMAT_PARAMETER] if operation.rows else []
    schema = operation.query.model_json_schema(by_alias=True, ref_template=_REFERENCES)
    definitions = schema.get("$defs", {})
    required = set(schema.get("required", ()))
    parameters = []
    for name, described in schema.get("properties", {}).items():
        inlined = _without_null(described, definitions)
        parameters.append(
            {
                "name": name,
                "in": "query",
                "required": name in required,
                "schema": inlined,
                "description": described.get("description", ""),
            }
        )
    if issubclass(operation.query, PageQuery):
        parameters.sort(key=lambda parameter: parameter["name"] in ("top", "continuation"))
    return [*parameters, *([_FORMAT_PARAMETER] if operation.rows else [])]


def _without_null(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """A query parameter is absent rather than null, and its schema stands inline."""
    if "$ref" in schema:
        return dict(definitions[schema["$ref"].rsplit("/", 1)[-1]])
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    if len(options) == 1:
        rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
        return {**rest, **_without_null(options[0], definitions)}
    return schema
