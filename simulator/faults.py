"""Faults on demand: what networks, proxies and services do wrong."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import Any

from simulator.http import Request, Response, json_response
from simulator.odata import graph_error

_CODES = {
    429: ("TooManyRequests", "Too many requests"),
    403: ("Authorization_RequestDenied", "Insufficient privileges to complete the operation."),
    404: ("Request_ResourceNotFound", "Resource does not exist."),
    410: ("resyncRequired", "Resync required. Any held state should be discarded."),
    500: ("generalException", "An unexpected error occurred."),
    502: ("badGateway", "Bad gateway"),
    503: ("serviceNotAvailable", "The service is temporarily unavailable."),
    504: ("gatewayTimeout", "Gateway time-out"),
}
_HTML = b"<!DOCTYPE html><html><body>Your organization's proxy wants a sign-in.</body></html>"


@dataclass
class Fault:
    """What goes wrong for requests that match; `after` matches pass first, `times` are hit."""

    kind: str
    match: str = ".*"
    method: str | None = None
    tenant: str | None = None
    times: int | None = None
    after: int = 0
    values: dict[str, Any] = field(default_factory=dict)
    hits: int = 0

    def applies(self, request: Request, tenant: str | None) -> bool:
        """Whether this request is hit; counts it."""
        if self.method not in (None, request.method) or self.tenant not in (None, tenant):
            return False
        target = request.path + "?" + "&".join(f"{k}={v}" for k, v in request.query.items())
        if not re.search(self.match, target):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is not None and self.hits >= self.times:
            return False
        self.hits += 1
        return True

    def replaces(self, request: Request) -> Response | None:
        """The response instead of the service's; None if the service answers first."""
        match self.kind:
            case "status":
                return self._status(request)
            case "reset":
                return Response(200, reset=True)
            case "html_200":
                return Response(200, _HTML, {"content-type": "text/html"})
            case "html_error":
                status = int(self.values.get("status", 502))
                return Response(status, _HTML, {"content-type": "text/html"})
            case "non_json":
                return Response(200, b"\x00not json", {"content-type": "application/json"})
            case "redirect":
                location = self.values.get("location", f"{request.base}{request.path}")
                return Response(302, b"", {"location": location})
            case "empty_list":
                return json_response({"value": []})
            case "expired_token":
                return graph_error(
                    request, 401, "InvalidAuthenticationToken", "Lifetime validation failed."
                )
        return None

    def _status(self, request: Request) -> Response:
        status = int(self.values.get("status", 500))
        code, message = _CODES.get(status, ("error", "An error occurred."))
        response = graph_error(
            request, status, self.values.get("code", code), self.values.get("message", message)
        )
        if "retry_after" in self.values:
            response.headers["Retry-After"] = str(self.values["retry_after"])
        if status == 410:
            response.headers["Location"] = f"{request.base}{request.path}?$deltatoken="
        if status == 429:
            response.headers["x-ms-throttle-scope"] = "Tenant_Application/ReadWrite"
        return response

    async def delay(self) -> None:
        """Lets time pass before the service answers."""
        if self.kind == "latency":
            await asyncio.sleep(float(self.values.get("seconds", 1)))

    def alters(self, response: Response) -> Response:
        """The service's response, cut or marked."""
        match self.kind:
            case "truncated":
                response.cut = True
            case "next_link":
                page = json.loads(response.body)
                page["@odata.nextLink"] = self.values["link"]
                response.body = json.dumps(page).encode()
            case "fields":
                page = json.loads(response.body)
                page["value"] = [{**item, **self.values["fields"]} for item in page["value"]]
                response.body = json.dumps(page).encode()
            case "throttle_percentage":
                response.headers["x-ms-throttle-limit-percentage"] = str(
                    self.values.get("percentage", 0.9)
                )
        return response
