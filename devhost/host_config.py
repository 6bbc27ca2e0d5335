"""What host.json says, typed, with the Functions host's own defaults and limits."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Literal

import msgspec

_TIME_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{1,7}))?")


class HostConfigError(Exception):
    """host.json cannot be used; the message says where."""


class Queues(msgspec.Struct, frozen=True):
    """`extensions.queues`; one function runs at most batch_size + new_batch_threshold messages.

    Source: https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue#hostjson-settings
    """

    batch_size: int = 16
    new_batch_threshold: int = 8
    max_dequeue_count: int = 5
    visibility_timeout: timedelta = timedelta()
    max_polling_interval: timedelta = timedelta(minutes=1)
    message_encoding: Literal["base64", "none"] = "base64"


class HostConfig(msgspec.Struct, frozen=True):
    """The parts of host.json that this host follows; `function_timeout` None is no limit."""

    route_prefix: str = "api"
    function_timeout: timedelta | None = timedelta(minutes=30)
    log_level: str = "Information"
    queues: Queues = Queues()


class _RawQueues(msgspec.Struct, rename="camel"):
    batch_size: int = 16
    # the host halves the batch size, whatever it is, unless told
    new_batch_threshold: int | None = None
    max_dequeue_count: int = 5
    visibility_timeout: str = "00:00:00"
    max_polling_interval: str = "00:01:00"
    message_encoding: str = "base64"


class _RawHttp(msgspec.Struct, rename="camel"):
    route_prefix: str = "api"


class _RawExtensions(msgspec.Struct, rename="camel"):
    http: _RawHttp = msgspec.field(default_factory=_RawHttp)
    queues: _RawQueues = msgspec.field(default_factory=_RawQueues)


class _RawLogging(msgspec.Struct, rename="camel"):
    log_level: dict[str, str] = {}


class _RawHost(msgspec.Struct, rename="camel"):
    version: str
    function_timeout: str | None = "00:30:00"
    extensions: _RawExtensions = msgspec.field(default_factory=_RawExtensions)
    logging: _RawLogging = msgspec.field(default_factory=_RawLogging)


def read_host_config(path: Path) -> HostConfig:
    """The host.json at `path`.

    Raises HostConfigError if it is missing, not JSON, or out of the host's limits.
    """
    try:
        raw = msgspec.json.decode(path.read_bytes(), type=_RawHost)
    except FileNotFoundError as error:
        raise HostConfigError(f"{path} is missing.") from error
    except msgspec.DecodeError as error:
        raise HostConfigError(f"{path} cannot be read: {error}") from error
    if raw.version != "2.0":
        raise HostConfigError(f'{path}: version must be "2.0", not "{raw.version}".')
    timeout = raw.function_timeout
    unlimited = timeout is None or timeout == "-1"
    return HostConfig(
        route_prefix=raw.extensions.http.route_prefix.strip("/"),
        function_timeout=None if unlimited else time_span(str(timeout), "functionTimeout"),
        log_level=raw.logging.log_level.get("default", "Information"),
        queues=_queues(raw.extensions.queues),
    )


def time_span(text: str, name: str) -> timedelta:
    """A .NET TimeSpan, [days.]hh:mm:ss[.fraction]; raises HostConfigError naming `name`."""
    match = _TIME_SPAN.fullmatch(text)
    if match is None:
        raise HostConfigError(f'{name} is not a time span such as "00:00:30": "{text}"')
    days, hours, minutes, seconds, fraction = match.groups()
    if int(hours) > 23 or int(minutes) > 59 or int(seconds) > 59:
        raise HostConfigError(f'{name} is not a time span such as "00:00:30": "{text}"')
    return timedelta(
        days=int(days or 0),
        hours=int(hours),
        minutes=int(minutes),
        seconds=int(seconds),
        microseconds=int((fraction or "0").ljust(7, "0")) // 10,
    )


def _queues(raw: _RawQueues) -> Queues:
    if not 1 <= raw.batch_size <= 32:
        raise HostConfigError(f"queues.batchSize must be from 1 to 32, not {raw.batch_size}.")
    if raw.max_dequeue_count < 1:
        raise HostConfigError("queues.maxDequeueCount must be at least 1.")
    encoding = raw.message_encoding.lower()
    if encoding not in ("base64", "none"):
        raise HostConfigError(
            f'queues.messageEncoding must be base64 or none, not "{raw.message_encoding}".'
        )
    threshold = raw.new_batch_threshold
    if threshold is None:
        threshold = raw.batch_size // 2
    if threshold < 0:
        raise HostConfigError("queues.newBatchThreshold must not be negative.")
    return Queues(
        batch_size=raw.batch_size,
        new_batch_threshold=threshold,
        max_dequeue_count=raw.max_dequeue_count,
        visibility_timeout=time_span(raw.visibility_timeout, "queues.visibilityTimeout"),
        max_polling_interval=time_span(raw.max_polling_interval, "queues.maxPollingInterval"),
        message_encoding="base64" if encoding == "base64" else "none",
    )
