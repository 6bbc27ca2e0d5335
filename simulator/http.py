"""Requests and responses as the simulated services see them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Request:
    """A request; `base` is scheme and host as the caller addressed them."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    base: str

    def json(self) -> Any:
        """The body as JSON; None if it is not."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass
class Response:
    """A response. The connection breaks after half the body (`cut`) or at once (`reset`)."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    reset: bool = False


def json_response(value: Any, status: int = 200, **headers: str) -> Response:
    """A JSON response; underscores in header names become dashes."""
    return Response(
        status,
        json.dumps(value, ensure_ascii=False).encode(),
        {
            "content-type": "application/json; charset=utf-8",
            **{name.replace("_", "-"): text for name, text in headers.items()},
        },
    )
