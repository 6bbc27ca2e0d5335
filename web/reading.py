"""Reads of a request what an operation takes: path, parameters, body; refuses all else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import ValidationError

from errors import BodyTooLarge, InvalidInput
from exports.negotiation import Format, chosen_format
from identifiers import canonical_guid
from web.continuation import binding_of, decode_continuation
from web.contract import Contract, PageQuery
from web.problem import invalid_input

if TYPE_CHECKING:
    from web.operation import Operation

MAX_BODY_BYTES = 1_000_000
GUID_PATH_PARAMETERS = frozenset(
    {"portal_id", "sku_id", "user_id", "run_id", "webhook_id", "reclamation_id"}
)


def read_path(raw: Mapping[str, str]) -> dict[str, str]:
    """The path's parameters, GUIDs in lower case. Raises InvalidInput for what is no GUID."""
    path: dict[str, str] = {}
    for name, value in raw.items():
        if name in GUID_PATH_PARAMETERS:
            guid = canonical_guid(value)
            if guid is None:
                raise InvalidInput(
                    name,
                    f"{name} in the address is not a GUID.",
                    remedy="Use the ID as the API listed it, e.g. "
                    "0f8fad5b-d9cb-469f-a165-70867728950e.",
                )
            path[name] = guid
        else:
            path[name] = value
    return path


def read_parameters(operation: Operation, raw: Mapping[str, str]) -> dict[str, str]:
    """The parameters but the function key."""
    # `code` carries the function key, where one is needed
    return {name: value for name, value in raw.items() if operation.anonymous or name != "code"}


def read_form(operation: Operation, given: dict[str, str], accept: str | None) -> Format:
    """The form of the answer; takes `format` out of the parameters of a list."""
    if operation.rows is None:
        return "json"
    return chosen_format(given.pop("format", None), accept)


def read_query(operation: Operation, given: Mapping[str, str]) -> tuple[Contract | None, str]:
    """The query, and to which list continuations are bound. Raises InvalidInput."""
    if operation.query is None:
        if given:
            name = next(iter(given))
            raise InvalidInput(
                name,
                f"The operation has no parameter {name}.",
                remedy=f"Remove the parameter {name}.",
            )
        return None, ""
    try:
        query = operation.query.model_validate(given)
    except ValidationError as error:
        raise invalid_input(error, where="query") from None
    filters = query.model_dump_json(exclude={"top", "continuation"})
    binding = binding_of(operation.name, filters)
    if isinstance(query, PageQuery) and query.continuation is not None:
        position = decode_continuation(binding, query.continuation)
        query = query.model_copy(update={"continuation": position})
    return query, binding


def read_body(operation: Operation, raw: bytes) -> Contract | None:
    """The body as the operation's contract; None if it takes none. Raises InvalidInput."""
    if len(raw) > MAX_BODY_BYTES:
        raise BodyTooLarge(
            "body",
            f"The body has {len(raw)} bytes; {MAX_BODY_BYTES} are allowed.",
            remedy="Send less at a time.",
        )
    if operation.body is None:
        return None
    if not raw.strip() and not operation.body_required:
        return operation.body()
    try:
        return operation.body.model_validate_json(raw)
    except ValidationError as error:
        raise invalid_input(error, where="body") from None


def read_if_match(header: str | None) -> str | None:
    """The ETag of If-Match without quotes; None where any will do."""
    if header is None or header.strip() == "*":
        return None
    return header.strip().removeprefix("W/").strip('"')
