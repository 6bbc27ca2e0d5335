"""Spans and metrics by name; what they carry is listed here, and is no secret and no person.

OpenTelemetry's API is imported on first use, which keeps it out of the cold
start; without an exporter its calls do nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal

from errors import LedgerError

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.metrics import Counter, Meter, _Gauge
    from opentelemetry.trace import Tracer

SCOPE = "ledger365"
# The tasks of runs, and what they do.
SpanName = Literal[
    "connection_test", "consolidation", "erasure", "import", "recalculation", "reclamation",
    "usage", "graph.request", "table.batch",
]  # fmt: skip
CounterName = Literal[
    "ledger.users_imported",
    "ledger.graph_requests",
    "ledger.graph_throttled",
    "ledger.lease_waits",
    "ledger.runs_failed",
]
GaugeName = Literal[
    "ledger.under_licensed",
    "ledger.secrets_expiring",
    "ledger.poison_messages",
    "ledger.recalculation_age_minutes",
]
Attribute = Literal[
    "attempt", "code", "portal_id", "queue", "resource", "rows", "run_id", "state", "status",
    "table", "task",
]  # fmt: skip
Value = str | int

_DESCRIPTIONS: dict[CounterName | GaugeName, tuple[str, str]] = {
    "ledger.users_imported": ("{user}", "Users that imports read: all, or the changed."),
    "ledger.graph_requests": ("{request}", "Calls to Graph, repeated ones included."),
    "ledger.graph_throttled": ("{request}", "Calls that Graph answered with 429."),
    "ledger.lease_waits": ("{wait}", "Work put off because a portal was being imported."),
    "ledger.runs_failed": ("{run}", "Runs that ended as failed."),
    "ledger.under_licensed": ("{license}", "Under-licensed licenses of a portal."),
    "ledger.secrets_expiring": ("{credential}", "Credentials of portals that expire soon."),
    "ledger.poison_messages": ("{message}", "Messages that were given up, by queue."),
    "ledger.recalculation_age_minutes": ("min", "Age of the oldest compliance position."),
}
# Metrics of a run would each be a series of their own; the portal is what one asks for.
_NOT_ON_METRICS = frozenset({"run_id"})

_work: ContextVar[Mapping[str, Value]] = ContextVar("ledger365_work")
_parent: ContextVar[Context | None] = ContextVar("ledger365_parent", default=None)
_of_run: ContextVar[Span | None] = ContextVar("ledger365_of_run", default=None)


class Span:
    """A span under way; `note` adds what is known later."""

    def __init__(self, span: Any) -> None:
        self._span = span

    def failed(self, code: str) -> None:
        """Says that what the span is around failed, though nothing is raised."""
        from opentelemetry import trace

        self._span.set_attribute("code", code)
        self._span.set_status(trace.StatusCode.ERROR)

    def note(self, name: Attribute, value: Value) -> None:
        """Adds an attribute."""
        self._span.set_attribute(name, value)


def work() -> Mapping[str, Value]:
    """The portal and run that are being worked on here, by the names of their attributes."""
    return _work.get({})


@contextmanager
def span(
    name: SpanName, *, expected: tuple[type[BaseException], ...] = (), **attributes: Value
) -> Iterator[Span]:
    """A span around the body. `portal_id` and `run_id` pass on to the spans and metrics inside.

    An error leaves its code or class on the span, never its text; those that
    are `expected` do not make it a failure.
    """
    from opentelemetry import trace

    inherited = {k: v for k, v in attributes.items() if k in ("portal_id", "run_id")}
    known = {**work(), **inherited}
    started = _tracer().start_span(
        name, context=_parent.get(), attributes={**known, **attributes}, record_exception=False
    )
    in_it = _work.set(known)
    told = Span(started)
    under = _parent.set(trace.set_span_in_context(started))
    of_run = _of_run.set(told if "run_id" in attributes else _of_run.get())
    try:
        yield told
    except expected as error:
        told.note("code", _code_of(error))
        raise
    except BaseException as error:
        told.failed(_code_of(error))
        raise
    finally:
        _of_run.reset(of_run)
        _parent.reset(under)
        _work.reset(in_it)
        started.end()


def run_ended(run_id: str, state: str, code: str | None) -> None:
    """Tells the run's span, if that is what is under way, how the run ended.

    With a code it is a failure, though nothing is raised.
    """
    told = _of_run.get()
    if told is None or work().get("run_id") != run_id:
        return
    told.note("state", state)
    if code is not None:
        told.failed(code)


def _code_of(error: BaseException) -> str:
    return error.code if isinstance(error, LedgerError) else type(error).__name__


def count(name: CounterName, number: int = 1, **attributes: Value) -> None:
    """Adds to a counter, for the portal that is being worked on."""
    if number:
        _counter(name).add(number, _of_metric(attributes))


def gauge(name: GaugeName, value: float, **attributes: Value) -> None:
    """States how much there is of something now."""
    _gauge(name).set(value, _of_metric(attributes))


def _of_metric(attributes: Mapping[str, Value]) -> dict[str, Value]:
    return {k: v for k, v in {**work(), **attributes}.items() if k not in _NOT_ON_METRICS}


@functools.cache
def _tracer() -> Tracer:
    from opentelemetry import trace

    return trace.get_tracer(SCOPE)


@functools.cache
def _meter() -> Meter:
    from opentelemetry import metrics

    return metrics.get_meter(SCOPE)


@functools.cache
def _counter(name: CounterName) -> Counter:
    unit, description = _DESCRIPTIONS[name]
    return _meter().create_counter(name, unit=unit, description=description)


@functools.cache
def _gauge(name: GaugeName) -> _Gauge:
    unit, description = _DESCRIPTIONS[name]
    return _meter().create_gauge(name, unit=unit, description=description)
