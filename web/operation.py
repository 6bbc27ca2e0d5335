"""Declares HTTP operations: read, call the handler, render; every error becomes a problem."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode, urlsplit

import azure.functions as func
from pydantic import BaseModel

import composition
from errors import LedgerError
from exports.columns import row_model
from exports.negotiation import FileFormat
from web.caller import NOBODY, SAFE_METHODS, Caller, authorized, checked_access, platform_guards
from web.continuation import encode_continuation
from web.contract import Contract, PageOf
from web.files import file_of_list
from web.problem import problem_response, unexpected_response
from web.reading import (
    read_body,
    read_form,
    read_if_match,
    read_parameters,
    read_path,
    read_query,
)

audit = logging.getLogger("ledger365.audit")
# What a path may hold that no log line does: whom an erasure is about is not to be kept.
_PERSONAL = frozenset({"user_id"})

Query = TypeVar("Query")
Body = TypeVar("Body")


@dataclass(frozen=True)
class Request(Generic[Query, Body]):
    """A parsed request; GUIDs in `path` are canonical, `if_match` is unquoted.

    `if_absent` is If-None-Match: *, a change only where nothing is yet.
    `caller` has the role that the operation wants.
    """

    path: Mapping[str, str]
    query: Query
    body: Body
    if_match: str | None
    method: str
    caller: Caller
    url: str
    if_absent: bool = False


@dataclass(frozen=True)
class Content:
    """A body that is no JSON object of the API."""

    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """What a handler answers; `etag` and `location` become headers."""

    body: BaseModel | Content | None
    status: int = 200
    location: str | None = None
    etag: str | None = None


Handler = Callable[[composition.Ledger, Request[Any, Any]], Awaitable[Reply]]
AnyHandler = TypeVar("AnyHandler", bound=Callable[..., Awaitable[Reply]])


@dataclass(frozen=True)
class Operation:
    """One HTTP function, as the OpenAPI document describes it."""

    name: str
    methods: tuple[str, ...]
    route: str
    summary: str
    query: type[Contract] | None
    body: type[Contract] | None
    body_required: bool
    returns: type[BaseModel] | None
    status: int
    errors: tuple[int, ...]
    role: str
    anonymous: bool
    in_openapi: bool
    problem: Callable[[LedgerError], func.HttpResponse]

    @property
    def rows(self) -> type[BaseModel] | None:
        """The contract of its rows if it lists something, which also goes as CSV and XLSX."""
        return row_model(self.returns) if "GET" in self.methods else None


def _blueprint() -> func.Blueprint:
    return func.Blueprint()  # type: ignore[no-untyped-call]  # the SDK's constructor is untyped


@dataclass
class Api:
    """The functions of one area: its blueprint, and its HTTP operations."""

    blueprint: func.Blueprint = field(default_factory=_blueprint)
    operations: list[Operation] = field(default_factory=list)

    def operation(
        self,
        name: str,
        method: str | tuple[str, ...],
        route: str,
        *,
        summary: str,
        query: type[Contract] | None = None,
        body: type[Contract] | None = None,
        body_required: bool = True,
        returns: type[BaseModel] | None = None,
        status: int = 200,
        errors: tuple[int, ...] = (),
        role: str = "Ledger.Read",
        anonymous: bool = False,
        in_openapi: bool = True,
        problem: Callable[[LedgerError], func.HttpResponse] = problem_response,
    ) -> Callable[[AnyHandler], AnyHandler]:
        """Registers `handler(ledger, request)` as the HTTP function `name`.

        `errors` are the statuses besides 400, 401 and 500 that callers meet;
        `problem` renders errors.
        """
        methods = (method,) if isinstance(method, str) else method
        operation = Operation(
            name,
            methods,
            route,
            summary,
            query,
            body,
            body_required,
            returns,
            status,
            errors,
            role,
            anonymous,
            in_openapi,
            problem,
        )

        def register(handler: AnyHandler) -> AnyHandler:
            self.operations.append(operation)

            async def entry(req: func.HttpRequest) -> func.HttpResponse:
                return await _answer(operation, handler, req)

            entry.__name__ = handler.__name__
            entry.__doc__ = inspect.getdoc(handler)
            # the host asks for keys even of those whom the platform has signed in
            keyless = anonymous or platform_guards()
            level = func.AuthLevel.ANONYMOUS if keyless else func.AuthLevel.FUNCTION
            routed = self.blueprint.route(
                route=route,
                methods=[func.HttpMethod(m) for m in methods],
                auth_level=level,
            )(entry)
            self.blueprint.function_name(name=name)(routed)
            return handler

        return register


async def _answer(
    operation: Operation, handler: Handler, req: func.HttpRequest
) -> func.HttpResponse:
    try:
        caller = (
            NOBODY
            if operation.anonymous
            else authorized(req.headers, req.method, operation.role, checked_access())
        )
        path = read_path(req.route_params)
        given = read_parameters(operation, req.params)
        form = read_form(operation, given, req.headers.get("Accept"))
        query, binding = read_query(operation, given)
        body = read_body(operation, req.get_body())
        ledger = await composition.ledger()
        if_match = read_if_match(req.headers.get("If-Match"))
        if_absent = req.headers.get("If-None-Match", "").strip() == "*"
        url = req.url.partition("?")[0]
        request = Request(path, query, body, if_match, req.method, caller, url, if_absent)
        if form == "json" or operation.rows is None:
            reply = await handler(ledger, request)
        else:

            def next_link(position: str) -> str:
                token = encode_continuation(binding, position)
                query = urlencode({**given, "format": form, "continuation": token})
                return f"{urlsplit(req.url).path}?{query}"

            reply = await _exported(
                operation, handler, ledger, request, form, operation.rows, next_link
            )
        if req.method not in SAFE_METHODS:
            told = {name: value for name, value in path.items() if name not in _PERSONAL}
            audit.info("%s %s by %s: %d", operation.name, told, caller.audited, reply.status)
    except LedgerError as error:
        return operation.problem(error)
    except Exception:  # noqa: BLE001 - the trigger boundary
        return unexpected_response(operation.name)
    return _render(reply, binding)


async def _exported(
    operation: Operation,
    handler: Handler,
    ledger: composition.Ledger,
    request: Request[Any, Any],
    form: FileFormat,
    rows: type[BaseModel],
    next_link: Callable[[str], str],
) -> Reply:
    """A list as a file; the header Link leads to the next one, if a page was asked for."""

    async def listed(query: Any) -> Any:
        return (await handler(ledger, replace(request, query=query))).body

    table = await file_of_list(
        listed,
        request.query,
        rows,
        form,
        name="-".join(part for part in operation.route.split("/") if not part.startswith("{")),
        max_bytes=ledger.settings.export_max_bytes,
        today=ledger.clock().date(),
    )
    headers = {"Content-Disposition": f'attachment; filename="{table.file_name}"'}
    if table.continuation is not None:
        headers["Link"] = f'<{next_link(table.continuation)}>; rel="next"'
    return Reply(Content(table.content, table.content_type, headers))


def _render(reply: Reply, binding: str) -> func.HttpResponse:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if reply.location:
        headers["Location"] = reply.location
    if reply.etag:
        headers["ETag"] = f'"{reply.etag}"'
    if reply.body is None:
        return func.HttpResponse(status_code=reply.status, headers=headers)
    body = reply.body
    if isinstance(body, Content):
        headers |= {**body.headers, "Content-Type": body.content_type}
        return func.HttpResponse(body.body, status_code=reply.status, headers=headers)
    if isinstance(body, PageOf) and body.continuation is not None:
        token = encode_continuation(binding, body.continuation)
        body = body.model_copy(update={"continuation": token})
    return func.HttpResponse(
        body.model_dump_json(by_alias=True),
        status_code=reply.status,
        headers=headers,
        mimetype="application/json",
    )
