"""Indexing: what the Functions host and its Python worker refuse, is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import azure.functions as func
import pytest

from devhost.indexing import Index, IndexingError, QueueTrigger, index_app

SETTINGS = {"AzureWebJobsStorage": "UseDevelopmentStorage=true"}
Register = Callable[[func.FunctionApp], Any]


def _app() -> func.FunctionApp:
    return func.FunctionApp()


def _index(app: func.FunctionApp, **settings: str) -> Index:
    return index_app(app, {**SETTINGS, **settings}, "api")


def _http(app: func.FunctionApp, name: str, route: str = "r", **options: Any) -> None:
    @app.function_name(name)
    @app.route(route, **options)
    def handler(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse()


def _queue(app: func.FunctionApp, queue: str, connection: str = "AzureWebJobsStorage") -> None:
    @app.function_name("Q")
    @app.queue_trigger(arg_name="m", queue_name=queue, connection=connection)
    def handler(m: func.QueueMessage) -> None: ...


def test_two_functions_of_one_name_are_refused() -> None:
    app = _app()
    _http(app, "Same", "a")
    _http(app, "Same", "b")
    with pytest.raises(IndexingError, match="Same"):
        _index(app)


def test_names_that_differ_in_case_only_are_refused() -> None:
    app = _app()
    _http(app, "Same", "a")
    _http(app, "SAME", "b")
    with pytest.raises(IndexingError, match="Two functions are named SAME"):
        _index(app)


@pytest.mark.parametrize("name", ["1st", "with space", "_x", "ü", "a" * 129])
def test_a_name_the_host_does_not_allow_is_refused(name: str) -> None:
    app = _app()
    _http(app, name)
    with pytest.raises(IndexingError, match="valid function name"):
        _index(app)


def test_a_function_without_a_trigger_is_refused() -> None:
    app = _app()

    @app.function_name("None")
    def handler() -> None: ...

    with pytest.raises(IndexingError, match="trigger"):
        _index(app)


def test_a_trigger_of_another_kind_is_refused() -> None:
    app = _app()

    @app.blob_trigger(arg_name="b", path="p", connection="AzureWebJobsStorage")
    def handler(b: func.InputStream) -> None: ...

    with pytest.raises(IndexingError, match="does not serve blobTrigger"):
        _index(app)


def test_routes_that_contradict_each_other_are_refused() -> None:
    app = _app()
    _http(app, "A", "x/{y}", methods=["GET"])
    _http(app, "B", "x/{z}", methods=["GET"])
    with pytest.raises(IndexingError, match="same route"):
        _index(app)


def test_a_parameter_that_no_binding_fills_is_refused() -> None:
    app = _app()

    @app.route("r")
    def handler(req: func.HttpRequest, other: str) -> func.HttpResponse:
        return func.HttpResponse()

    with pytest.raises(IndexingError, match="handler takes"):
        _index(app)


def test_an_annotation_the_worker_refuses_is_refused() -> None:
    app = _app()

    @app.timer_trigger(arg_name="t", schedule="0 0 * * * *")
    def handler(t: func.HttpRequest) -> None: ...

    with pytest.raises(IndexingError, match="t cannot be"):
        _index(app)


def test_an_http_function_that_returns_something_else_is_refused() -> None:
    app = _app()

    @app.route("r")
    def handler(req: func.HttpRequest) -> int:
        return 200

    with pytest.raises(IndexingError, match="cannot return"):
        _index(app)


def test_a_missing_setting_puts_only_its_own_function_in_error() -> None:
    app = _app()
    _http(app, "Fine")
    _queue(app, "%QUEUE%")
    index = _index(app)
    assert [f.name for f in index.functions] == ["Fine"]
    assert index.in_error == {"Q": "%QUEUE% does not resolve to a value."}


def test_settings_in_percent_signs_are_resolved() -> None:
    app = _app()
    _queue(app, "%STAGE%-orders")
    [function] = _index(app, STAGE="test").functions
    assert function.trigger == QueueTrigger("test-orders", "AzureWebJobsStorage")


@pytest.mark.parametrize("queue", ["a", "with_underscore", "a--b", "-ab", "a" * 64])
def test_a_queue_name_that_storage_refuses_puts_the_function_in_error(queue: str) -> None:
    app = _app()
    _queue(app, queue)
    assert "not a valid queue name" in _index(app).in_error["Q"]


@pytest.mark.parametrize(
    ("settings", "served"),
    [
        ({}, False),
        ({"Other": "connection"}, True),
        ({"AzureWebJobsOther": "connection"}, True),
        ({"Other__accountName": "account"}, True),
        ({"Other__queueServiceUri": "https://account.queue.core.windows.net"}, True),
    ],
)
def test_a_connection_is_found_where_the_host_looks(settings: dict[str, str], served: bool) -> None:
    app = _app()
    _queue(app, "orders", "Other")
    assert bool(_index(app, **settings).functions) is served


def test_a_schedule_that_is_none_puts_the_function_in_error() -> None:
    app = _app()

    @app.function_name("T")
    @app.timer_trigger(arg_name="t", schedule="every day")
    def handler(t: func.TimerRequest) -> None: ...

    assert "every day" in _index(app).in_error["T"]


def test_a_disabled_function_is_left_out() -> None:
    app = _app()
    _http(app, "A", "a")
    _http(app, "B", "b")
    settings = {"AzureWebJobs.A.Disabled": "true", "AzureWebJobs__B__Disabled": "1"}
    index = _index(app, **settings)
    assert (index.functions, index.disabled) == ((), ("A", "B"))
