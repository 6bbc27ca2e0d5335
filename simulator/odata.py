"""Graph's manners: error bodies, access rights, opaque tokens."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

from simulator.http import Request, Response, json_response
from simulator.tenant import timestamp


def graph_error(request: Request, status: int, code: str, message: str, **headers: str) -> Response:
    """An error in Graph's form."""
    request_id = str(uuid.uuid4())
    client_id = request.headers.get("client-request-id", request_id)
    return json_response(
        {
            "error": {
                "code": code,
                "message": message,
                "innerError": {
                    "date": timestamp().removesuffix("Z"),
                    "request-id": request_id,
                    "client-request-id": client_id,
                },
            }
        },
        status,
        request_id=request_id,
        client_request_id=client_id,
        **headers,
    )


def denied(request: Request) -> Response:
    """403 for a role that the token lacks."""
    return graph_error(
        request,
        403,
        "Authorization_RequestDenied",
        "Insufficient privileges to complete the operation.",
    )


def bad_request(request: Request, message: str, code: str = "Request_BadRequest") -> Response:
    """400 with Graph's usual code."""
    return graph_error(request, 400, code, message)


def opaque(**values: Any) -> str:
    """A token that callers pass back unread."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def unopaque(token: str) -> dict[str, Any] | None:
    """What `opaque` hid; None if it is not such a token."""
    try:
        value = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def collection(
    request: Request,
    context: str,
    items: list[bytes],
    *,
    version: str,
    links: dict[str, str] | None = None,
    count: int | None = None,
) -> Response:
    """A collection of items that are encoded already."""
    head = f'{{"@odata.context":"{request.base}/{version}/$metadata#{context}"'
    if count is not None:
        head += f',"@odata.count":{count}'
    for name, link in (links or {}).items():
        head += f',"@odata.{name}":{json.dumps(link)}'
    body = head.encode() + b',"value":[' + b",".join(items) + b"]}"
    return Response(
        200, body, {"content-type": "application/json;odata.metadata=minimal;charset=utf-8"}
    )
