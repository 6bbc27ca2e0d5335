"""host.json as the host reads it, and access keys."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from devhost.host_config import HostConfig, HostConfigError, Queues, read_host_config, time_span
from devhost.keys import Keys


def _written(tmp_path: Path, **content: object) -> Path:
    path = tmp_path / "host.json"
    path.write_text(json.dumps({"version": "2.0", **content}))
    return path


def test_an_empty_host_json_has_the_hosts_defaults(tmp_path: Path) -> None:
    assert read_host_config(_written(tmp_path)) == HostConfig()


def test_the_new_batch_threshold_is_half_the_batch_size_unless_told(tmp_path: Path) -> None:
    path = _written(tmp_path, extensions={"queues": {"batchSize": 10}})
    assert read_host_config(path).queues == Queues(batch_size=10, new_batch_threshold=5)


@pytest.mark.parametrize("timeout", [None, "-1"])
def test_a_function_timeout_may_be_unlimited(tmp_path: Path, timeout: str | None) -> None:
    assert read_host_config(_written(tmp_path, functionTimeout=timeout)).function_timeout is None


def test_the_projects_own_host_json_is_valid() -> None:
    config = read_host_config(Path(__file__).parents[2] / "host.json")
    assert config.queues.max_dequeue_count == 5
    assert config.function_timeout == timedelta(minutes=30)


@pytest.mark.parametrize(
    "content",
    [
        {"version": "1.0"},
        {"functionTimeout": "soon"},
        {"extensions": {"queues": {"batchSize": 33}}},
        {"extensions": {"queues": {"batchSize": 0}}},
        {"extensions": {"queues": {"messageEncoding": "utf-16"}}},
        {"extensions": {"queues": {"maxDequeueCount": 0}}},
        {"extensions": {"queues": {"visibilityTimeout": "00:99:00"}}},
        {"extensions": {"queues": {"batchSize": "many"}}},
    ],
)
def test_values_the_host_refuses_are_refused(tmp_path: Path, content: dict[str, object]) -> None:
    with pytest.raises(HostConfigError):
        read_host_config(_written(tmp_path, **content))


def test_a_missing_host_json_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HostConfigError, match="missing"):
        read_host_config(tmp_path / "host.json")


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("00:00:30", timedelta(seconds=30)),
        ("1.02:03:04.5", timedelta(days=1, hours=2, minutes=3, seconds=4, milliseconds=500)),
    ],
)
def test_time_spans_read_as_in_dotnet(text: str, span: timedelta) -> None:
    assert time_span(text, "x") == span


def test_keys_open_their_level_and_never_show() -> None:
    keys = Keys("f", "m")
    assert keys.admits("ANONYMOUS", {}, {})
    assert keys.admits("FUNCTION", {"x-functions-key": "f"}, {})
    assert keys.admits("FUNCTION", {}, {"code": "m"})
    assert not keys.admits("FUNCTION", {"x-functions-key": "no"}, {"code": "f"})
    assert not keys.admits("FUNCTION", {}, {})
    assert not keys.admits("ADMIN", {"x-functions-key": "f"}, {})
    assert "'f'" not in repr(keys)
