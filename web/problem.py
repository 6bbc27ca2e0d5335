"""Turns errors into RFC 9457 problem documents."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

import azure.functions as func

from errors import GraphError, InvalidInput, LedgerError, ReadOnly
from web.contract import FieldProblem, Problem

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

logger = logging.getLogger("ledger365.web")

_REMEDIES = {
    "missing": "Add the field.",
    "extra_forbidden": "Remove the field; the API does not know it.",
    "json_invalid": "Send valid JSON in UTF-8.",
    "model_type": "Send a JSON object.",
    "string_too_long": "Shorten the value.",
    "string_too_short": "Give a value.",
}


def problem_response(error: LedgerError) -> func.HttpResponse:
    """The response for an error the ledger raised on purpose."""
    title = HTTPStatus(error.status).phrase
    problem = Problem(
        type=f"urn:ledger365:problem:{error.code}",
        title=title,
        status=error.status,
        detail=error.message,
        code=error.code,
        remedy=error.remedy,
        field=error.field if isinstance(error, InvalidInput) else None,
        errors=[FieldProblem(field=f, message=m) for f, m in error.details]
        if isinstance(error, InvalidInput) and error.details
        else None,
    )
    headers = {"Allow": ", ".join(error.allowed)} if isinstance(error, ReadOnly) else {}
    if isinstance(error, GraphError) and error.request_id:
        headers["X-Microsoft-Request-Id"] = error.request_id
    return func.HttpResponse(
        problem.model_dump_json(exclude_none=True),
        status_code=error.status,
        headers=headers,
        mimetype="application/problem+json",
    )


def unexpected_response(operation: str) -> func.HttpResponse:
    """The response for a defect: logged with its traceback, told without it.

    Call it inside the `except` block.
    """
    logger.exception("%s failed unexpectedly", operation)
    return problem_response(
        LedgerError(
            "The operation failed unexpectedly.",
            remedy="Try again; if it persists, look up the failure in Application Insights.",
        )
    )


def invalid_input(error: ValidationError, *, where: str) -> InvalidInput:
    """The field, message and remedy of a model that did not validate.

    `where` names the part of the request ("body", "query") when no field can
    be named. Input values are never repeated, since they may be secrets.
    """
    problems = error.errors(include_input=False, include_url=False)
    details = tuple((_field(problem["loc"]) or where, _message(problem)) for problem in problems)
    kind = problems[0]["type"]
    field, message = details[0]
    return InvalidInput(
        field,
        f"{field}: {message}",
        remedy=_REMEDIES.get(kind, "Correct the value; the API's description has its form."),
        details=details if len(details) > 1 else (),
    )


def _message(problem: ErrorDetails) -> str:
    if problem["type"] == "union_tag_invalid":
        # the library's own message repeats what was given
        return f"The kind is none of {problem['ctx']['expected_tags']}"
    return problem["msg"]


def _field(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        # pydantic puts the tag of a discriminated union into the location
        if part in ("clientSecret", "certificate", "delegated") and path == "credential":
            continue
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path
