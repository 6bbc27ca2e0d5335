"""No secret shows in what the app leaves behind or sends: logs, tables, queues, telemetry, answers.

One ledger is used up here in every way that touches a credential, right and
wrong, with telemetry on. The stack of all other tests is searched as it ends.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest

from devhost.stack import Stack
from simulator.control import Control
from telemetry.signals import Attribute, CounterName, SpanName
from tests.certificates import new_certificate
from tests.e2e.admin import SECRET, Admin, new_tenant, portal_body
from tests.e2e.leaks import key_lines, leaks, left_by

PASSPHRASE = "pass-phrase-that-must-not-leak-0123456789"
WRONG = "Q~wrong-value-that-must-not-leak-0123456789"
INSTRUMENTATION_KEY = "0c7d7b5e-9d0c-4c58-9f2a-6d2f1a6c1b11"


class Ingestion:
    """Takes telemetry as Application Insights does, and keeps it."""

    def __init__(self) -> None:
        items: list[Any] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("content-length") or 0))
                if self.headers.get("content-encoding") == "gzip":
                    raw = gzip.decompress(raw)
                for line in raw.decode().splitlines():
                    sent = json.loads(line)
                    items.extend(sent if isinstance(sent, list) else [sent])
                answer = json.dumps({"itemsReceived": 1, "itemsAccepted": 1, "errors": []}).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_request(self, code: Any = "-", size: Any = "-") -> None:
                """Says nothing."""

        self.items = items
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def connection_string(self) -> str:
        """What APPLICATIONINSIGHTS_CONNECTION_STRING says."""
        url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        return (
            f"InstrumentationKey={INSTRUMENTATION_KEY};IngestionEndpoint={url};LiveEndpoint={url}"
        )

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The data of all items of a type, e.g. RemoteDependencyData."""
        return [i["data"]["baseData"] for i in list(self.items) if i["data"]["baseType"] == kind]

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def ingestion() -> Iterator[Ingestion]:
    """Where telemetry goes."""
    with contextlib.closing(Ingestion()) as taking:
        yield taking


@pytest.fixture(scope="module")
def told(ingestion: Ingestion, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """Everything that a day with many credentials left behind, by place."""
    answers: list[str] = []
    running = Stack(
        tmp_path_factory.mktemp("secrets"),
        environment={
            "LEASE_SECONDS": "3",
            "GRAPH_TIMEOUT_SECONDS": "2",
            "GRAPH_MAX_RETRIES": "1",
            "APPLICATIONINSIGHTS_CONNECTION_STRING": ingestion.connection_string,
            "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
            "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",
            "OTEL_TRACES_SAMPLER": "always_on",
            "OTEL_METRIC_EXPORT_INTERVAL": "1000",
            "OTEL_BSP_SCHEDULE_DELAY": "500",
            "OTEL_BLRP_SCHEDULE_DELAY": "500",
        },
    )
    with running, Admin(running.api_url, running.function_key, running.master_key) as admin:
        admin.http.event_hooks = {"response": [lambda r: answers.append(r.read().decode())]}
        live(admin, Control(running.simulator_url, running.control_key, running.ca_bundle))
        wait_for_telemetry(ingestion)
        secrets = [
            *(SECRET, WRONG, PASSPHRASE, running.function_key, running.master_key),
            running.storage_connection.split("AccountKey=")[1].split(";")[0],
            *key_lines(CERTIFICATE.key_pem),
            *key_lines(CERTIFICATE.encrypted_key_pem),
            base64.b64encode(CERTIFICATE.pfx).decode()[100:160],
        ]
        return [
            *left_by(running),
            *(("an answer", text) for text in answers),
            ("telemetry", json.dumps(ingestion.items)),
            ("secrets", "\n".join(secrets)),
        ]


CERTIFICATE = new_certificate(passphrase=PASSPHRASE)


def live(admin: Admin, cloud: Control) -> None:
    """Uses credentials in every way, the wrong ones included."""
    tenant_id, client_id = new_tenant(cloud, users=20)
    cloud.register(tenant_id, client_id, secret=SECRET, certificates=[CERTIFICATE.certificate_pem])
    portal = admin.call("POST", "/portals", portal_body(tenant_id, client_id), status=201)
    path = f"/portals/{portal['portalId']}"
    admin.call("POST", f"{path}/test", status=200)
    admin.recalculate(portal["portalId"])
    key = {"certificate": CERTIFICATE.certificate_pem, "privateKey": CERTIFICATE.key_pem}
    locked = {**key, "privateKey": CERTIFICATE.encrypted_key_pem}
    pfx = {"pfx": base64.b64encode(CERTIFICATE.pfx).decode()}
    right: list[dict[str, Any]] = [
        key,
        {**locked, "passphrase": PASSPHRASE},
        {**pfx, "passphrase": PASSPHRASE},
    ]
    for parts in right:
        admin.call("PATCH", path, {"credential": {"kind": "certificate", **parts}}, status=200)
        assert admin.import_portal(portal["portalId"])["state"] == "Succeeded"
    wrong: list[dict[str, Any]] = [
        {**locked, "passphrase": WRONG},
        {**pfx, "passphrase": WRONG},
        {**key, "surprise": WRONG},
        {**key, "privateKey": CERTIFICATE.key_pem.replace("A", "B")},
        {"kind": "clientSecret", "value": f" {WRONG}"},
        {"kind": "clientSecret", "value": [WRONG]},
        {"kind": WRONG},
    ]
    for parts in wrong:
        refused = admin.http.patch(path, json={"credential": {"kind": "certificate", **parts}})
        assert refused.status_code == 400
    admin.call("PATCH", path, {"credential": {"kind": "clientSecret", "value": WRONG}}, status=200)
    assert admin.import_portal(portal["portalId"])["error"]["code"] == "token_rejected"
    assert admin.call("POST", f"{path}/test", status=200)["state"] == "failed"
    cloud.fault("html_error", match="token", status=502)
    assert admin.import_portal(portal["portalId"])["state"] == "Failed"
    cloud.clear_faults()
    cloud.fault("status", match="/secrets/", status=500)
    admin.call("PATCH", path, {"credential": {"kind": "clientSecret", "value": SECRET}}, status=422)
    cloud.clear_faults()
    # a key in the address, and a body that is no JSON
    base = str(admin.http.base_url).rstrip("/")
    httpx.get(f"{base}/portals", params={"code": admin.http.headers["x-functions-key"]})
    admin.http.post("/portals", content=f'{{"credential": "{WRONG}"'.encode())
    admin.call("DELETE", path, status=200)


def wait_for_telemetry(ingestion: Ingestion) -> None:
    """Waits until spans, metrics and lines have come."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        kinds = {item["data"]["baseType"] for item in list(ingestion.items)}
        names = {m["name"] for d in ingestion.of("MetricData") for m in d["metrics"]}
        if {"RemoteDependencyData", "MetricData"} <= kinds and "ledger.runs_failed" in names:
            return
        time.sleep(0.3)
    raise AssertionError("no telemetry came")


def test_no_secret_is_left_anywhere(told: list[tuple[str, str]]):
    secrets = next(text for name, text in told if name == "secrets").splitlines()
    places = [(name, text) for name, text in told if name != "secrets"]
    assert len(places) > 50
    assert {"telemetry", "an answer", "devhost.log"} <= {name for name, _ in places}
    assert sorted(set(leaks(secrets, places))) == []


def test_a_secret_would_be_found():
    in_base64 = base64.b64encode(f'{{"value": "{SECRET}"}}'.encode()).decode()
    for text in (f"error: {SECRET}.", in_base64, f"x{in_base64}"):
        assert leaks([SECRET], [("log", text)]) != [], text
    assert leaks([], [("log", CERTIFICATE.key_pem)]) != []
    assert leaks([], [("log", "Bearer eyJhbGciOiJub25l.eyJhdWQiOiJncmFwaC.c2lnbmF0dXJl")]) != []
    assert leaks([SECRET], [("log", "nothing")]) == []


def test_application_insights_gets_our_names_and_nothing_else(
    told: list[tuple[str, str]], ingestion: Ingestion
):
    spans = ingestion.of("RemoteDependencyData")
    named = {span["name"] for span in spans}
    assert named <= set(get_args(SpanName))
    done = {"connection_test", "import", "recalculation"}
    assert named >= done | {"graph.request", "table.batch"}
    imports = [span for span in spans if span["name"] == "import"]
    assert {span["success"] for span in imports} == {True, False}
    assert all(span["properties"]["portal_id"] for span in imports)
    assert all(span["properties"]["run_id"] for span in imports)
    assert {name for span in spans for name in span["properties"]} <= set(get_args(Attribute))
    metrics = {m["name"] for d in ingestion.of("MetricData") for m in d["metrics"]}
    assert metrics >= {"ledger.users_imported", "ledger.graph_requests", "ledger.runs_failed"}
    # the exporter itself tells of the resource
    assert metrics <= {*get_args(CounterName), "ledger.under_licensed", "_OTELRESOURCE_"}
    lines = [line["message"] for line in ingestion.of("MessageData")]
    assert any(line.startswith("CreatePortal") for line in lines)
    assert "@" not in json.dumps([spans, sorted(metrics), lines])


def test_the_host_shows_no_line_twice(told: list[tuple[str, str]], tmp_path: Path):
    log = next(text for name, text in told if name == "devhost.log")
    # the audit goes to Application Insights directly, not through the host as well
    assert "ledger365.audit" not in log
