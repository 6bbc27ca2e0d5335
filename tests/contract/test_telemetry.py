"""Each span and metric that operators rely on is emitted, and carries no secret and no person."""

from __future__ import annotations

import json
import logging
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any, get_args

import msgspec
import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

import composition
import imports.service
from compliance.messages import RecalculationMessage
from compliance.service import recalculate
from composition import Ledger
from consolidation.messages import ConsolidationMessage
from consolidation.queueing import queue_consolidation
from consolidation.service import consolidate
from errors import TokenRejected
from identifiers import ClientId, RunId, TenantId, UserId
from imports.messages import ImportMessage
from ledger.erasure import erase_person
from monitor.measure import measure
from monitor.run import Run, Task
from portals.certificates import ClientSecretMaterial
from portals.model import Portal
from portals.testing import test_portal as check_connection
from reclamation.messages import ReclamationMessage
from reclamation.model import Exclusions, Rule
from reclamation.service import PreviewRequest, start_preview
from reclamation.worker import work_off
from settings import Settings
from simulator.control import IMPORT_PERMISSIONS, Control
from telemetry.export import OnlyOurs
from telemetry.logs import WorkFilter
from telemetry.signals import Attribute, CounterName, GaugeName, SpanName, count, span
from tests.builders import make_portal, make_run
from tests.contract.test_graph_reports import USAGE_PERMISSIONS
from tests.indexed import queue_names
from usage.messages import UsageMessage
from usage.model import UsageTask
from usage.service import collect_usage

SECRET = "Q~telemetry-secret-0123456789"
COUNTERS = set(get_args(CounterName))
GAUGES = set(get_args(GaugeName))


class Emitted:
    """What has been emitted since the last look."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        tracing = TracerProvider(sampler=OnlyOurs(ALWAYS_ON), shutdown_on_exit=False)
        tracing.add_span_processor(SimpleSpanProcessor(self.exporter))
        trace.set_tracer_provider(tracing)
        metrics.set_meter_provider(
            MeterProvider(metric_readers=[self.reader], shutdown_on_exit=False)
        )

    def spans(self) -> list[ReadableSpan]:
        """The spans that have ended."""
        found = list(self.exporter.get_finished_spans())
        self.exporter.clear()
        return found

    def points(self) -> dict[str, list[tuple[dict[str, Any], float]]]:
        """Attributes and value of every point, by metric."""
        data = self.reader.get_metrics_data()
        found: dict[str, list[tuple[dict[str, Any], float]]] = {}
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    found.setdefault(metric.name, []).extend(
                        (dict(point.attributes or {}), getattr(point, "value", 0.0))
                        for point in metric.data.data_points
                    )
        return found


@pytest.fixture(scope="session")
def emitted() -> Emitted:
    """In-memory exporters; OpenTelemetry takes its providers once a process."""
    return Emitted()


@pytest.fixture
async def ledger(settings: Settings) -> AsyncIterator[Ledger]:
    """A ledger on the running parts."""
    opened = composition.build(settings)
    yield opened
    await opened.close()


async def connected(
    ledger: Ledger,
    cloud: Control,
    *,
    secret: str = SECRET,
    permissions: Sequence[str] = IMPORT_PERMISSIONS,
    reclamation_allowed: bool = False,
    tasks: frozenset[UsageTask] = frozenset(),
    **spec: Any,
) -> Portal:
    """A tenant with a portal whose credential expires in a week."""
    tenant_id = cloud.create_tenant(**{"users": 30, "seed": 77, **spec})
    client_id = str(uuid.uuid4())
    cloud.register(tenant_id, client_id, secret=SECRET, permissions=permissions)
    portal = make_portal(
        tenant_id=TenantId(tenant_id),
        client_id=ClientId(client_id),
        cloud="Simulated",
        reclamation_allowed=reclamation_allowed,
        tasks=tasks,
    )
    credential = await ledger.credentials.store(
        portal.portal_id,
        ClientSecretMaterial(secret),
        expires_at=ledger.clock() + timedelta(days=7),
    )
    return await ledger.portals.create(msgspec.structs.replace(portal, credential=credential))


async def imported(ledger: Ledger, portal: Portal) -> Run:
    """A run of an import of the portal, made."""
    run = make_run(ledger.clock(), portal_id=portal.portal_id)
    await ledger.runs.create(run)
    message = ImportMessage(portal.portal_id, run.run_id)
    await imports.service.import_portal(ledger, message, worker="test")
    return await ledger.runs.get(run.run_id)


async def recalculated(ledger: Ledger, portal: Portal) -> Run:
    """A run of a recalculation of the portal, made."""
    run = make_run(ledger.clock(), portal_id=portal.portal_id, task="recalculation")
    await ledger.runs.create(run)
    await recalculate(ledger, RecalculationMessage(portal.portal_id, run.run_id))
    return await ledger.runs.get(run.run_id)


def of_portal(points: list[tuple[dict[str, Any], float]], portal: Portal) -> list[float]:
    """The values of the points that belong to the portal."""
    return [
        value for attributes, value in points if attributes.get("portal_id") == portal.portal_id
    ]


async def test_every_name_is_emitted_with_its_portal(
    ledger: Ledger, cloud: Control, emitted: Emitted
):
    portal = await connected(ledger, cloud, skus=[{"part_number": "SPE_E3", "enabled": 3}])
    emitted.spans()
    cloud.fault("status", status=429, retry_after="0.05", match="/v1.0/users", times=2)
    run = await imported(ledger, portal)
    assert run.state == "Succeeded"
    again = await recalculated(ledger, portal)
    # while another worker has the lease, work is put off
    lease = await ledger.sync_state.acquire_lease(
        portal.portal_id, owner="other", run_id=run.run_id, now=ledger.clock(), seconds=60
    )
    await imported(ledger, portal)
    await recalculated(ledger, portal)
    await ledger.sync_state.release_lease(lease)
    broken = await connected(ledger, cloud, secret="Q~another-secret-0123456789")
    assert (await imported(ledger, broken)).state == "Failed"
    await measure(ledger)

    spans = emitted.spans()
    assert {s.name for s in spans} == {"import", "recalculation", "graph.request", "table.batch"}
    mine = {
        name: [
            s
            for s in spans
            if s.name == name and s.attributes and s.attributes.get("run_id") == run.run_id
        ]
        for name in get_args(SpanName)
    }
    (whole,) = mine["import"]
    assert whole.attributes
    assert whole.attributes["state"] == "Succeeded"
    inner = [*mine["graph.request"], *mine["table.batch"]]
    assert whole.context
    assert {s.parent.span_id for s in inner if s.parent} == {whole.context.span_id}
    assert all(s.attributes and s.attributes["portal_id"] == portal.portal_id for s in inner)
    requests = [dict(s.attributes or {}) for s in mine["graph.request"]]
    assert {r["resource"] for r in requests} >= {"users", "subscribedSkus"}
    answers = Counter(r["status"] for r in requests if r["resource"] == "users")
    # users, and where to follow their changes from
    assert answers == {200: 2, 429: 2}
    assert sum(r["attempt"] == 3 for r in requests) == 1
    assert all(s.attributes and int(str(s.attributes["rows"])) > 0 for s in mine["table.batch"])
    (recalculation,) = [
        s for s in spans if s.attributes and s.attributes.get("run_id") == again.run_id
        and s.name == "recalculation"
    ]  # fmt: skip
    assert recalculation.attributes
    assert recalculation.attributes["portal_id"] == portal.portal_id

    points = emitted.points()
    assert points.keys() >= COUNTERS | GAUGES
    failures = {
        str(s.attributes["portal_id"])
        for s in spans
        if s.name == "import" and s.attributes and not s.status.is_ok
    }
    # a failed run is a failure though it is settled, waiting for another is none
    assert failures == {broken.portal_id}
    assert of_portal(points["ledger.users_imported"], portal) == [30]
    assert of_portal(points["ledger.graph_requests"], portal) == [run.counts["graph_requests"]]
    assert of_portal(points["ledger.graph_throttled"], portal) == [2]
    assert of_portal(points["ledger.lease_waits"], portal) == [2]
    assert of_portal(points["ledger.under_licensed"], portal) == [1]
    assert [
        attributes
        for attributes, value in points["ledger.runs_failed"]
        if attributes["portal_id"] == broken.portal_id and value == 1
    ] == [{"portal_id": broken.portal_id, "task": "import", "code": "token_rejected"}]
    assert points["ledger.secrets_expiring"][0][1] >= 2
    assert points["ledger.recalculation_age_minutes"][0][1] >= 0
    assert {a["queue"] for a, _ in points["ledger.poison_messages"]} == queue_names()

    allowed = set(get_args(Attribute))
    used = {name for s in spans for name in s.attributes or {}}
    used |= {name for found in points.values() for a, _ in found for name in a}
    assert used <= allowed
    told = json.dumps([[s.to_json() for s in spans], points])
    users = cloud.truth(portal.tenant_id, users=True)["users"]
    assert not [word for word in (SECRET, "another-secret", "eyJ", "Bearer") if word in told]
    assert not [user_id for user_id in users if user_id in told]
    assert "@" not in told


async def test_each_task_of_a_run_has_a_span_and_its_calls_count_for_the_portal(
    ledger: Ledger, cloud: Control, emitted: Emitted
):
    portal = await connected(
        ledger, cloud, permissions=(*USAGE_PERMISSIONS, "LicenseAssignment.ReadWrite.All"),
        reclamation_allowed=True, tasks=frozenset({"sign_ins"}),
    )  # fmt: skip
    await imported(ledger, portal)
    emitted.spans()

    async def run_of(task: Task) -> Run:
        run = make_run(ledger.clock(), portal_id=portal.portal_id, task=task)
        await ledger.runs.create(run)
        return run

    using = await run_of("usage")
    await collect_usage(ledger, UsageMessage(portal.portal_id, using.run_id), worker="test")
    joining = await queue_consolidation(ledger, portal.repository, "manual")
    await consolidate(
        ledger, ConsolidationMessage(portal.repository, joining.run_id), worker="test"
    )
    asked = PreviewRequest(portal.portal_id, None, Rule(blocked=True), Exclusions())
    taking, previewing = await start_preview(ledger, asked, requested_by="Ada")
    message = ReclamationMessage(taking.reclamation_id, previewing.run_id, "preview")
    await work_off(ledger, message, worker="test")
    await check_connection(ledger, portal.portal_id)
    person = next(iter(cloud.truth(portal.tenant_id, users=True)["users"]))
    await erase_person(ledger, portal.portal_id, UserId(person), requested_by="Ada")

    spans = emitted.spans()
    told = {s.name: dict(s.attributes or {}) for s in spans}
    begun = {"import", "recalculation"}
    assert set(told) == set(get_args(SpanName)) - begun
    assert set(get_args(Task)) - begun == set(told) - {"graph.request", "table.batch"}
    for task in set(get_args(Task)) - begun:
        assert (await ledger.runs.get(RunId(str(told[task]["run_id"])))).task == task
        assert told[task]["state"] == "Succeeded", told[task]
        assert told[task].get("portal_id") == (
            None if task == "consolidation" else portal.portal_id
        )
    calls = [dict(s.attributes or {}) for s in spans if s.name == "graph.request"]
    assert calls
    assert {call.get("portal_id") for call in calls} == {portal.portal_id}


async def test_an_error_leaves_its_code_and_never_its_text(emitted: Emitted):
    emitted.spans()
    with pytest.raises(KeyError), span("import", portal_id="p"):
        raise KeyError("Q~a-secret")
    with pytest.raises(TokenRejected), span("import", portal_id="p"):
        raise TokenRejected("Q~a-secret", remedy="none")
    found = emitted.spans()
    assert [s.attributes["code"] for s in found if s.attributes] == ["KeyError", "token_rejected"]
    assert not any(s.status.is_ok for s in found)
    assert "Q~a-secret" not in str([s.to_json() for s in found])


async def test_an_sdk_cannot_add_spans_of_its_own(emitted: Emitted):
    emitted.spans()
    sdk = trace.get_tracer("an.sdk")
    with (
        span("import", portal_id="p", run_id="r"),
        sdk.start_as_current_span("GET https://graph/v1.0/users/ada"),
        span("graph.request", resource="users"),
    ):
        count("ledger.graph_requests")
    request, whole = emitted.spans()
    assert (request.name, whole.name) == ("graph.request", "import")
    # what the SDK put between them is passed over
    assert request.parent is not None
    assert request.parent.span_id == whole.context.span_id


def test_a_log_line_carries_portal_and_run_and_no_exceptions_text():
    lines: list[logging.LogRecord] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record)

    handler = Handler()
    handler.addFilter(WorkFilter())
    logger = logging.Logger("ledger365.test")
    logger.addHandler(handler)
    with span("import", portal_id="p-1", run_id="r-1"):
        text = SECRET
        try:
            raise ValueError(text)
        except ValueError:
            logger.exception("failed")
    logger.info("later")
    first, second = lines
    assert (vars(first)["portal_id"], vars(first)["run_id"]) == ("p-1", "r-1")
    assert "portal_id" not in vars(second)
    shown = logging.Formatter().format(first)
    assert SECRET not in shown
    assert "ValueError" in shown
    assert "test_telemetry.py" in shown


async def test_the_sign_in_sdks_log_nothing_of_a_refused_sign_in(
    ledger: Ledger, cloud: Control, caplog: pytest.LogCaptureFixture
):
    broken = await connected(ledger, cloud, secret="Q~another-secret-0123456789")
    with caplog.at_level(logging.DEBUG):
        run = await imported(ledger, broken)
    assert run.error is not None
    assert run.error.microsoft_code == "AADSTS7000215"
    assert [r for r in caplog.records if r.name.startswith(("azure.identity", "msal"))] == []
    assert "AADSTS" not in caplog.text.replace(run.error.message, "")
