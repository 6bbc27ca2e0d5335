"""Sends spans, metrics and log lines to Application Insights, once a process."""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

from azure.identity import DefaultAzureCredential
from azure.monitor.opentelemetry import configure_azure_monitor
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

from telemetry.logs import WorkFilter
from telemetry.signals import SCOPE, SpanName

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind, TraceState
    from opentelemetry.util.types import Attributes

_OURS = frozenset(get_args(SpanName))
# Their spans hold addresses, and with them IDs of users and names of secrets.
_INSTRUMENTATIONS = (
    "azure_sdk", "django", "fastapi", "flask", "httpx", "httpx2", "psycopg2", "requests", "urllib",
    "urllib3",
)  # fmt: skip


class OnlyOurs(Sampler):
    """Leaves out the spans that SDKs make of their own accord; asks `inner` for the others."""

    def __init__(self, inner: Sampler) -> None:
        self._inner = inner

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """The decision on one span."""
        if name not in _OURS:
            return SamplingResult(Decision.DROP)
        return self._inner.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )

    def get_description(self) -> str:
        """What the sampler does."""
        return f"OnlyOurs({self._inner.get_description()})"


@functools.cache
def start_export(connection_string: str, *, signs_in: bool) -> None:
    """Begins to send; further calls change nothing.

    With `signs_in` it sends as the app's managed identity, for a component
    that takes nothing from strangers.

    The ledger's log lines go to Application Insights directly then, and no
    longer through the Functions host, which would tell them a second time.
    """
    logger = logging.getLogger(SCOPE)
    configure_azure_monitor(
        connection_string=connection_string,
        logger_name=SCOPE,
        **({"credential": DefaultAzureCredential()} if signs_in else {}),
        enable_live_metrics=False,
        enable_performance_counters=False,
        instrumentation_options={name: {"enabled": False} for name in _INSTRUMENTATIONS},
    )
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.sampler = OnlyOurs(provider.sampler)
    for handler in logger.handlers:
        handler.addFilter(WorkFilter())
    logger.setLevel(logging.INFO)
    logger.propagate = False
