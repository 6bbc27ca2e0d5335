"""The whole simulated cloud as an ASGI application."""

from __future__ import annotations

import csv
import io
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, unquote

from simulator.control_api import ControlApi
from simulator.entra import Entra
from simulator.graph import Graph
from simulator.http import Request, Response, json_response
from simulator.key_vault import RESOURCE, KeyVault
from simulator.odata import graph_error
from simulator.products import PRODUCTS
from simulator.tenant import Tenant
from simulator.tokens import LIFETIME_SECONDS, Tokens

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


class Cloud:
    """Routes a request to the service whose path it is."""

    def __init__(self, control_key: str, identity_header: str) -> None:
        tokens = Tokens()
        tenants: dict[str, Tenant] = {}
        self._tokens = tokens
        self._identity_header = identity_header
        self._vault = KeyVault(tokens)
        self._entra = Entra(tokens, tenants)
        self._graph = Graph(tokens, tenants, self._batched)
        self._control = ControlApi(control_key, tenants, self._vault, self._entra.sign_in)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """The ASGI entry."""
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {
            name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        request = Request(
            scope["method"],
            unquote(scope["raw_path"].decode().partition("?")[0]),
            dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)),
            headers,
            body,
            f"https://{headers.get('host', 'localhost')}",
        )
        response = await self._respond(request)
        if response.reset or response.cut:
            await _break_off(scope, response, send)
        else:
            await _send(response, len(response.body), send)

    async def _respond(self, request: Request) -> Response:
        controlled = self._control.handle(request)
        if controlled is not None:
            return controlled
        tenant = _tenant_of(request, self._tokens)
        fault = next((f for f in self._control.faults if f.applies(request, tenant)), None)
        response = fault.replaces(request) if fault is not None else None
        if response is None:
            response = self._serve(request)
            if fault is not None:
                await fault.delay()
                response = fault.alters(response)
        self._control.counters[f"{request.method} {_counted(request.path)} {response.status}"] += 1
        return response

    def _batched(self, request: Request, serve: Callable[[Request], Response]) -> Response:
        """One request of a batch, hit by faults and counted like any other."""
        tenant = _tenant_of(request, self._tokens)
        fault = next((f for f in self._control.faults if f.applies(request, tenant)), None)
        response = fault.replaces(request) if fault is not None else None
        if response is None:
            response = serve(request)
            if fault is not None:
                response = fault.alters(response)
        if response.reset or response.cut:
            # Graph stands between, and tells it of the single request
            response = graph_error(request, 504, "gatewayTimeout", "Gateway time-out")
        self._control.counters[f"{request.method} {_counted(request.path)} {response.status}"] += 1
        return response

    def _serve(self, request: Request) -> Response:
        if request.path == "/msi/token":
            return self._managed_identity(request)
        if request.path == "/catalogue.csv":
            return _catalogue(request)
        for service in (self._graph, self._vault, self._entra):
            response = service.handle(request)
            if response is not None:
                return response
        return json_response({"error": {"code": "NotFound", "message": "No such service."}}, 404)

    def _managed_identity(self, request: Request) -> Response:
        """App Service's identity endpoint.

        Source: https://learn.microsoft.com/azure/app-service/overview-managed-identity
        """
        if request.headers.get("x-identity-header") != self._identity_header:
            return json_response({"statusCode": 401, "message": "The header is wrong."}, 401)
        resource = request.query.get("resource", "")
        if resource != RESOURCE:
            return json_response({"statusCode": 400, "message": "Unknown resource."}, 400)
        token = self._tokens.issue(resource, f"{request.base}/vault-tenant/", oid="app")
        return json_response(
            {
                "access_token": token,
                "expires_on": str(self._tokens.claims(token, [resource])["exp"]),  # type: ignore[index]
                "expires_in": str(LIFETIME_SECONDS),
                "resource": resource,
                "token_type": "Bearer",
            }
        )


def _tenant_of(request: Request, tokens: Tokens) -> str | None:
    bearer = request.headers.get("authorization", "")
    claims = tokens.claims(bearer[7:], [request.base]) if bearer else None
    if claims is not None:
        return str(claims.get("tid"))
    return request.path.strip("/").partition("/")[0]


def _counted(path: str) -> str:
    """The path without what differs from call to call."""
    parts = path.strip("/").split("/")
    return "/" + "/".join("{id}" if len(part) >= 32 else part for part in parts)


def _catalogue(request: Request) -> Response:
    """The list of products as Microsoft publishes it, with some of its dirt."""
    etag = '"catalogue-1"'
    if request.headers.get("if-none-match") == etag:
        return Response(304, b"", {"etag": etag})
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(
        [
            "Product_Display_Name",
            "String_Id",
            "GUID",
            "Service_Plan_Name",
            "Service_Plan_Id",
            "Service_Plans_Included_Friendly_Names",
        ]
    )
    for index, product in enumerate(PRODUCTS):
        sku_id = f" {product.sku_id.upper()}" if index % 5 == 0 else product.sku_id
        for plan in product.plans:
            row = [product.title, product.part_number, sku_id, plan.name, plan.plan_id, plan.title]
            writer.writerow(row)
            if index % 7 == 0:
                writer.writerow(row)
    return Response(200, text.getvalue().encode(), {"content-type": "text/csv", "etag": etag})


async def _send(response: Response, length: int, send: Send) -> None:
    headers = {**response.headers, "content-length": str(length)}
    await send(
        {
            "type": "http.response.start",
            "status": response.status,
            "headers": [(n.encode(), v.encode("latin-1")) for n, v in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": response.body})


async def _break_off(scope: dict[str, Any], response: Response, send: Send) -> None:
    """Ends the connection before the response is whole."""
    if response.cut:
        headers = {**response.headers, "content-length": str(len(response.body))}
        await send(
            {
                "type": "http.response.start",
                "status": response.status,
                "headers": [(n.encode(), v.encode("latin-1")) for n, v in headers.items()],
            }
        )
        half = response.body[: len(response.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
    scope["simulator.transport"].abort()
