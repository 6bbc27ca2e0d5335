"""Builds what functions receive and reads what they return, with the SDK's own converters.

The Python worker uses the same converters, so types, casing and defaults agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http.cookies import SimpleCookie

import azure.functions as func
import msgspec
from azure.functions.meta import Datum

_CONVERTERS = func.get_binding_registry()  # type: ignore[no-untyped-call]


class UnusableReturn(Exception):
    """A function returned what its binding cannot carry."""


@dataclass(frozen=True)
class HttpReply:
    """An HTTP function's answer; each header occurs once, set-cookie excepted."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True)
class Delivery:
    """One receipt of a queue message; `content` is decoded."""

    message_id: str
    pop_receipt: str
    dequeue_count: int
    content: bytes
    inserted_on: datetime | None
    expires_on: datetime | None
    next_visible_on: datetime | None


class ScheduleStatus(msgspec.Struct, frozen=True, rename="pascal"):
    """When a timer ran last and is due next; the host stores and shows these three."""

    last: datetime | None
    next: datetime
    last_updated: datetime


def accepts(trigger: str, annotation: object) -> bool:
    """Whether the worker lets a trigger's parameter have that annotation."""
    if not isinstance(annotation, type):
        return False
    if trigger == "queueTrigger" and annotation in (str, bytes):
        return True
    return bool(_CONVERTERS.get(trigger).check_input_type_annotation(annotation))


def returns_http(annotation: object) -> bool:
    """Whether the worker lets an HTTP function have that return annotation."""
    # a union is refused, even one of types that are each allowed
    if not isinstance(annotation, type):
        return False
    return bool(_CONVERTERS.get("http").check_output_type_annotation(annotation))


def http_request(
    method: str,
    url: str,
    headers: Mapping[str, str],
    query: Mapping[str, str],
    route_parameters: Mapping[str, str],
    body: bytes,
) -> func.HttpRequest:
    """The request a function receives; every value is already decoded."""
    value = {
        "method": Datum(method, "string"),
        "url": Datum(url, "string"),
        "headers": {name: Datum(text, "string") for name, text in headers.items()},
        "query": {name: Datum(text, "string") for name, text in query.items()},
        "params": {name: Datum(text, "string") for name, text in route_parameters.items()},
        "body": Datum(body, "bytes"),
    }
    request: func.HttpRequest = _CONVERTERS.get("httpTrigger").decode(
        Datum(value, "http"), trigger_metadata={}
    )
    return request


def http_reply(returned: object) -> HttpReply:
    """What an HTTP function's return value means; raises UnusableReturn, e.g. for None."""
    try:
        datum = _CONVERTERS.get("http").encode(returned, expected_type=None)
    except NotImplementedError as error:
        raise UnusableReturn(f"an HTTP function returned {type(returned).__name__}") from error
    if datum.type == "string":
        headers = (("content-type", "text/plain; charset=utf-8"),)
        return HttpReply(200, headers, datum.value.encode())
    value = datum.value
    cookies: list[SimpleCookie] = value["cookies"] or []
    return HttpReply(
        status=int(value["status_code"].value),
        headers=(
            # the server counts for itself
            *((n, h.value) for n, h in value["headers"].items() if n.lower() != "content-length"),
            *(("set-cookie", m.OutputString()) for cookie in cookies for m in cookie.values()),
        ),
        body=value["body"].value,
    )


def timer_request(*, past_due: bool, status: ScheduleStatus | None) -> func.TimerRequest:
    """The request a timer function receives."""
    info = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": past_due}
    request: func.TimerRequest = _CONVERTERS.get("timerTrigger").decode(
        Datum(msgspec.json.encode(info).decode(), "json"), trigger_metadata={}
    )
    return request


def queue_message(delivery: Delivery) -> func.QueueMessage:
    """The message a queue function receives."""
    metadata = {
        "Id": delivery.message_id,
        "DequeueCount": delivery.dequeue_count,
        "PopReceipt": delivery.pop_receipt,
        "InsertionTime": delivery.inserted_on,
        "ExpirationTime": delivery.expires_on,
        "NextVisibleTime": delivery.next_visible_on,
    }
    message: func.QueueMessage = _CONVERTERS.get("queueTrigger").decode(
        Datum(delivery.content, "bytes"),
        trigger_metadata={
            name: Datum(msgspec.json.encode(value).decode(), "json")
            for name, value in metadata.items()
            if value is not None
        },
    )
    return message
