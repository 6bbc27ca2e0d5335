"""devhost as a process: HTTP, timers and queues of a small app, on a real Azurite."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueClient

from devhost.stack import Stack

APP = Path(__file__).parent / "devhost_app"


@dataclass
class Sample:
    """The running sample app and ways to reach it."""

    stack: Stack
    journal: Path

    def notes(self, function: str) -> list[dict[str, object]]:
        if not self.journal.exists():
            return []
        lines = [json.loads(line) for line in self.journal.read_text().splitlines()]
        return [line for line in lines if line["function"] == function]

    def queue(self, name: str) -> QueueClient:
        return QueueClient.from_connection_string(self.stack.storage_connection, name)

    def send(self, queue: str, text: str, *, encoded: bool = True) -> None:
        client = self.queue(queue)
        with suppress(ResourceExistsError):
            client.create_queue()
        client.send_message(base64.b64encode(text.encode()).decode() if encoded else text)

    def request(
        self, method: str, path: str, *, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        connection = self.connection()
        try:
            connection.request(method, path, body=body or None, headers=headers or {})
            answer = connection.getresponse()
            lower = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, lower, answer.read()
        finally:
            connection.close()

    def connection(self) -> http.client.HTTPConnection:
        host = self.stack.host_url.removeprefix("http://")
        return http.client.HTTPConnection(host, timeout=30)


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    run_dir = tmp_path_factory.mktemp("devhost")
    journal = run_dir / "journal"
    stack = Stack(
        run_dir,
        simulator=False,
        script_root=APP,
        message_lock_seconds=2,
        environment={
            "SAMPLE_JOURNAL": str(journal),
            "WORK_QUEUE": "work",
            "TICK_SCHEDULE": "0 0 0 1 1 *",
        },
    )
    with stack:
        yield Sample(stack, journal)


def test_a_request_reaches_its_function_with_route_query_headers_and_body(sample: Sample) -> None:
    status, headers, body = sample.request(
        "POST",
        "/api/echo/caf%C3%A9%20a%2Fb?x=1&x=2&empty=&y=%C3%BC",
        body=b"hello",
        headers={"X-Sample": "s", "traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"},
    )
    seen = json.loads(body)
    assert (status, headers["content-type"]) == (201, "application/json")
    assert seen["method"] == "POST"
    # Kestrel leaves %2F alone; the host joins repeated parameters and drops empty ones
    assert seen["route"] == {"name": "café a%2Fb"}
    assert seen["query"] == {"x": "1,2", "y": "ü"}
    assert (seen["header"], seen["body"], seen["function"]) == ("s", "hello", "Echo")
    assert seen["trace"] == "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
    assert (
        seen["url"] == f"{sample.stack.host_url}/api/echo/caf%C3%A9%20a%2Fb?x=1&x=2&empty=&y=%C3%BC"
    )


def test_a_literal_segment_beats_a_parameter(sample: Sample) -> None:
    status, headers, body = sample.request("GET", "/API/Echo/ME")
    assert (status, body) == (200, b"me")
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert json.loads(sample.request("DELETE", "/api/echo/me")[2])["route"] == {"name": "me"}


def test_an_unknown_path_or_method_is_not_found(sample: Sample) -> None:
    assert sample.request("GET", "/api/absent")[0] == 404
    assert sample.request("GET", "/echo/me")[0] == 404
    assert sample.request("PUT", "/api/guarded")[0] == 404
    assert sample.request("HEAD", "/api/guarded")[0] == 404


def test_a_function_key_or_the_master_key_opens_a_guarded_function(sample: Sample) -> None:
    stack = sample.stack
    assert sample.request("GET", "/api/guarded")[0] == 401
    assert sample.request("GET", "/api/guarded", headers={"x-functions-key": "no"})[0] == 401
    for key in (stack.function_key, stack.master_key):
        assert sample.request("GET", "/api/guarded", headers={"x-functions-key": key})[0] == 204
        assert sample.request("GET", f"/api/guarded?code={key}")[0] == 204


def test_an_admin_function_opens_to_the_master_key_only(sample: Sample) -> None:
    key = {"x-functions-key": sample.stack.function_key}
    assert sample.request("GET", "/api/for-admins", headers=key)[0] == 401
    master = {"x-functions-key": sample.stack.master_key}
    status, headers, body = sample.request("GET", "/api/for-admins", headers=master)
    assert (status, headers["x-answer"], body) == (200, "42", b"hello")


def test_an_exception_or_no_response_is_an_empty_500(sample: Sample) -> None:
    assert sample.request("GET", "/api/broken")[::2] == (500, b"")
    assert sample.request("GET", "/api/nothing")[::2] == (500, b"")


def test_head_is_served_without_a_body_where_every_method_is(sample: Sample) -> None:
    assert sample.request("HEAD", "/api/echo/x")[::2] == (201, b"")


def test_a_body_over_a_hundred_megabytes_is_refused(sample: Sample) -> None:
    connection = sample.connection()
    connection.putrequest("POST", "/api/echo/x")
    connection.putheader("Content-Length", str(104_857_601))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_the_status_lists_functions_and_those_in_error(sample: Sample) -> None:
    assert sample.request("GET", "/admin/host/status")[0] == 401
    master = {"x-functions-key": sample.stack.master_key}
    status = json.loads(sample.request("GET", "/admin/host/status", headers=master)[2])
    assert status["state"] == "Running"
    assert "Work" in status["functions"]
    assert "Unconfigured" not in status["functions"]
    assert status["errors"] == ["Unconfigured: %NO_SUCH_SETTING% does not resolve to a value."]


def test_a_message_is_delivered_once_with_its_properties_and_deleted(sample: Sample) -> None:
    sample.send("work", json.dumps({"n": 1}))
    until(lambda: any(n.get("done") == {"n": 1} for n in sample.notes("Work")))
    [delivery] = [n for n in sample.notes("Work") if n.get("order") == {"n": 1}]
    assert delivery["message_id"]
    assert delivery["dequeue_count"] == 1
    assert delivery["receipt"] is True
    assert str(delivery["inserted"]).startswith("20")
    until(lambda: sample.queue("work").get_queue_properties().approximate_message_count == 0)


def test_a_failed_message_comes_again_after_the_visibility_timeout(sample: Sample) -> None:
    order = {"n": 2, "failures": 1}
    sample.send("work", json.dumps(order))
    until(lambda: any(n.get("done") == order for n in sample.notes("Work")))
    deliveries = [n for n in sample.notes("Work") if n.get("order") == order]
    assert [d["dequeue_count"] for d in deliveries] == [1, 2]
    assert float(str(deliveries[1]["at"])) - float(str(deliveries[0]["at"])) >= 0.9


def test_a_message_that_fails_every_time_goes_to_the_poison_queue(sample: Sample) -> None:
    order = {"n": 3, "failures": 99}
    sample.send("work", json.dumps(order))
    poison = sample.queue("work-poison")
    until(lambda: bool([n for n in sample.notes("Work") if n.get("dequeue_count") == 3]))

    def poisoned() -> list[dict[str, object]]:
        try:
            messages = poison.peek_messages(32)
        except ResourceNotFoundError:
            # it is created for its first message
            return []
        return [json.loads(base64.b64decode(m.content)) for m in messages]

    until(lambda: order in poisoned())
    deliveries = [n for n in sample.notes("Work") if n.get("order") == order]
    assert [d["dequeue_count"] for d in deliveries] == [1, 2, 3]
    until(lambda: sample.queue("work").get_queue_properties().approximate_message_count == 0)


def test_a_message_that_is_not_base64_goes_to_the_poison_queue(sample: Sample) -> None:
    sample.send("texts", "ü not base64 !", encoded=False)
    sample.send("texts", "grüße")
    until(lambda: [n["text"] for n in sample.notes("Text")] == ["grüße"])
    until(
        lambda: (
            [message.content for message in sample.queue("texts-poison").peek_messages()]
            == ["ü not base64 !"]
        )
    )


def test_a_message_stays_hidden_while_its_function_runs_longer_than_the_lock(
    sample: Sample,
) -> None:
    order = {"n": 4, "seconds": 3}
    sample.send("work", json.dumps(order))
    until(lambda: any(n.get("done") == order for n in sample.notes("Work")))
    assert len([n for n in sample.notes("Work") if n.get("order") == order]) == 1


def test_a_timer_starts_by_hand_with_the_master_key(sample: Sample) -> None:
    before = len(sample.notes("Tick"))
    assert sample.request("POST", "/admin/functions/Tick", body=b"{}")[0] == 401
    master = {"x-functions-key": sample.stack.master_key}
    assert sample.request("POST", "/admin/functions/Absent", headers=master)[0] == 404
    status = sample.request("POST", "/admin/functions/tick", body=b"{}", headers=master)[0]
    assert status == 202
    until(lambda: len(sample.notes("Tick")) == before + 2)
    assert sample.notes("Tick")[-2]["past_due"] is False


def test_a_timer_with_run_on_startup_runs_when_the_host_starts(sample: Sample) -> None:
    until(lambda: len(sample.notes("Startup")) == 1)


def test_requests_run_side_by_side(sample: Sample) -> None:
    started = time.monotonic()
    connections = []
    for _ in range(20):
        connection = sample.connection()
        connection.request("GET", "/api/slow/0.5")
        connections.append(connection)
    assert [c.getresponse().read() for c in connections] == [b"done"] * 20
    for connection in connections:
        connection.close()
    assert time.monotonic() - started < 5


def test_a_function_over_its_time_limit_fails(sample: Sample) -> None:
    assert sample.request("GET", "/api/slow/30")[::2] == (500, b"")


def test_a_stuck_synchronous_function_costs_its_process_and_the_host_goes_on(
    sample: Sample,
) -> None:
    before = _pid(sample)
    assert sample.request("GET", "/api/stuck")[0] == 500
    until(lambda: _pid(sample) != before)
    until(lambda: sample.request("GET", "/api/echo/me")[0] == 200)


def test_sigterm_lets_a_running_message_finish_and_leaves_no_process(sample: Sample) -> None:
    order = {"n": 5, "seconds": 1.5}
    sample.send("work", json.dumps(order))
    until(lambda: any(n.get("order") == order for n in sample.notes("Work")))
    [running] = [n for n in sample.notes("Work") if n.get("order") == order]
    supervisor = sample.stack.host_pid
    os.kill(supervisor, signal.SIGTERM)
    until(lambda: not _exists(int(str(running["pid"]))))
    assert any(n.get("done") == order for n in sample.notes("Work"))
    sample.stack.stop_host()
    assert not _exists(supervisor)
    sample.stack.start_host()


def test_a_killed_supervisor_takes_its_workers_along_and_the_message_comes_again(
    sample: Sample,
) -> None:
    order = {"n": 6, "seconds": 1.5}
    sample.send("work", json.dumps(order))
    until(lambda: any(n.get("order") == order for n in sample.notes("Work")))
    [running] = [n for n in sample.notes("Work") if n.get("order") == order]
    os.kill(sample.stack.host_pid, signal.SIGKILL)
    until(lambda: not _exists(int(str(running["pid"]))))
    assert not any(n.get("done") == order for n in sample.notes("Work"))
    sample.stack.stop_host()
    sample.stack.start_host()
    until(lambda: any(n.get("done") == order for n in sample.notes("Work")))


def test_several_workers_share_queues_and_http_and_one_runs_timers(sample: Sample) -> None:
    sample.stack.stop_host()
    startups = len(sample.notes("Startup"))
    sample.stack.start_host(workers=3)
    for number in range(30):
        sample.send("work", json.dumps({"shared": number, "seconds": 0.3}))
    until(lambda: len([n for n in sample.notes("Work") if "shared" in str(n.get("done"))]) == 30)
    done = [n for n in sample.notes("Work") if "shared" in str(n.get("done"))]
    assert len({n["pid"] for n in done}) > 1
    assert len(sample.notes("Startup")) == startups + 1


def _pid(sample: Sample) -> str:
    return sample.request("GET", "/api/pid")[2].decode()


def _exists(pid: int) -> bool:
    """Whether the process runs; one that waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
