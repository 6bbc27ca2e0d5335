"""HTTP: finds the function for a request, checks its key, answers as the host would."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route as StarletteRoute

from devhost.converters import HttpReply, http_reply, http_request
from devhost.indexing import HttpTrigger, IndexedFunction, QueueTrigger
from devhost.routes import RouteTable

if TYPE_CHECKING:
    from devhost.indexing import Index
    from devhost.invocation import Invoker
    from devhost.keys import Keys

logger = logging.getLogger("devhost.http")

# Source: https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#limits
MAX_BODY_BYTES = 104_857_600

StartByHand = Callable[[IndexedFunction, str], Awaitable[None]]


class _ManualStart(msgspec.Struct):
    input: str = ""


class HttpFront:
    """An ASGI app over the indexed functions.

    `start_by_hand` runs a timer or queue function for POST /admin/functions/{name}.
    """

    def __init__(
        self, index: Index, invoker: Invoker, keys: Keys, start_by_hand: StartByHand
    ) -> None:
        self._index = index
        self._invoker = invoker
        self._keys = keys
        self._start_by_hand = start_by_hand
        self._routes = RouteTable(
            [f.trigger.route for f in index.functions if isinstance(f.trigger, HttpTrigger)]
        )

    def asgi(self) -> Starlette:
        """The application to serve; the host's own routes come first."""
        every = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        return Starlette(
            routes=[
                StarletteRoute("/admin/host/status", self._status, methods=["GET"]),
                StarletteRoute("/admin/functions/{name}", self._manual, methods=["POST"]),
                StarletteRoute("/{path:path}", self._function, methods=every),
            ]
        )

    async def _status(self, request: Request) -> Response:
        if not self._keys.admits("ADMIN", request.headers, request.query_params):
            return Response(status_code=401)
        return JSONResponse(
            {
                "state": "Running",
                "functions": sorted(f.name for f in self._index.functions),
                "disabled": sorted(self._index.disabled),
                "errors": [f"{name}: {why}" for name, why in self._index.in_error.items()],
            }
        )

    async def _manual(self, request: Request) -> Response:
        if not self._keys.admits("ADMIN", request.headers, request.query_params):
            return Response(status_code=401)
        function = self._index.named(request.path_params["name"])
        if function is None:
            return Response(status_code=404)
        if isinstance(function.trigger, HttpTrigger):
            return Response("Call an HTTP function at its route.", status_code=400)
        body = await request.body()
        try:
            manual = msgspec.json.decode(body, type=_ManualStart) if body else _ManualStart()
        except msgspec.DecodeError as error:
            return Response(f"The body is not of the form {{'input': '…'}}: {error}", 400)
        if isinstance(function.trigger, QueueTrigger) and not manual.input:
            return Response("A queue function needs its message as input.", status_code=400)
        await self._start_by_hand(function, manual.input)
        return Response(status_code=202)

    async def _function(self, request: Request) -> Response:
        raw_path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
        match = self._routes.match(request.method, raw_path)
        function = self._index.named(match.function) if match else None
        if match is None or function is None or not isinstance(function.trigger, HttpTrigger):
            return Response(status_code=404)
        if not self._keys.admits(
            function.trigger.auth_level, request.headers, request.query_params
        ):
            return Response(status_code=401)
        try:
            body = await _body(request)
        except ClientDisconnect:
            return Response(status_code=400)
        if body is None:
            return Response(status_code=413)
        value = http_request(
            request.method,
            f"{request.url.scheme}://{request.url.netloc}{raw_path}"
            + (f"?{request.url.query}" if request.url.query else ""),
            _joined(request.headers.items()),
            # the host joins repeated parameters and leaves empty ones out
            {n: v for n, v in _joined(request.query_params.multi_items()).items() if v},
            match.parameters,
            body,
        )
        try:
            returned = await self._invoker.invoke(
                function, value, trace_parent=request.headers.get("traceparent")
            )
            return _response(http_reply(returned))
        except Exception:
            logger.exception("%s failed", function.name)
            return Response(status_code=500)


def _response(reply: HttpReply) -> Response:
    response = Response(reply.body, status_code=reply.status)
    for name, text in reply.headers:
        response.headers.append(name, text)
    return response


async def _body(request: Request) -> bytes | None:
    """The request's body, or None if it is over the host's limit."""
    if int(request.headers.get("content-length") or 0) > MAX_BODY_BYTES:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, text in pairs:
        joined[name] = f"{joined[name]},{text}" if name in joined else text
    return joined
