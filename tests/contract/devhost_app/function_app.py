"""A small function app for the tests of devhost; what its functions did, they append to a file."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
blueprint = func.Blueprint()
JOURNAL = Path(os.environ["SAMPLE_JOURNAL"])


def note(**what: object) -> None:
    with JOURNAL.open("a") as journal:
        journal.write(json.dumps({"pid": os.getpid(), "at": time.time(), **what}) + "\n")


@app.function_name("Echo")
@app.route("echo/{name}/{item?}", auth_level=func.AuthLevel.ANONYMOUS)
def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    seen = {
        "method": req.method,
        "url": req.url,
        "route": dict(req.route_params),
        "query": dict(req.params),
        "header": req.headers.get("X-Sample"),
        "body": req.get_body().decode(),
        "function": context.function_name,
        "invocation": context.invocation_id,
        "trace": context.trace_context.trace_parent,
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/json", status_code=201)


@app.function_name("EchoMe")
@app.route("echo/me", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def echo_me(req: func.HttpRequest) -> str:
    return "me"


@blueprint.function_name("Guarded")
@blueprint.route("guarded", methods=["GET"])
def guarded(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(status_code=204)


@blueprint.function_name("ForAdmins")
@blueprint.route("for-admins", methods=["GET"], auth_level=func.AuthLevel.ADMIN)
def for_admins(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("hello", headers={"X-Answer": "42"})


@app.function_name("Broken")
@app.route("broken", auth_level=func.AuthLevel.ANONYMOUS)
async def broken(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("a sentence that must not reach the caller")


@app.function_name("ReturnsNothing")
@app.route("nothing", auth_level=func.AuthLevel.ANONYMOUS)
def returns_nothing(req: func.HttpRequest) -> func.HttpResponse:
    return None  # type: ignore[return-value]  # on purpose


@app.function_name("Slow")
@app.route("slow/{seconds}", auth_level=func.AuthLevel.ANONYMOUS)
async def slow(req: func.HttpRequest) -> func.HttpResponse:
    await asyncio.sleep(float(req.route_params["seconds"]))
    return func.HttpResponse("done")


@app.function_name("Pid")
@app.route("pid", auth_level=func.AuthLevel.ANONYMOUS)
def pid(req: func.HttpRequest) -> str:
    return str(os.getpid())


@app.function_name("Stuck")
@app.route("stuck", auth_level=func.AuthLevel.ANONYMOUS)
def stuck(req: func.HttpRequest) -> func.HttpResponse:
    time.sleep(60)
    return func.HttpResponse("never")


@app.function_name("Work")
@app.queue_trigger(arg_name="message", queue_name="%WORK_QUEUE%", connection="AzureWebJobsStorage")
async def work(message: func.QueueMessage) -> None:
    order = message.get_json()
    note(
        function="Work",
        order=order,
        message_id=message.id,
        dequeue_count=message.dequeue_count,
        inserted=str(message.insertion_time),
        receipt=bool(message.pop_receipt),
    )
    await asyncio.sleep(order.get("seconds", 0))
    if message.dequeue_count is not None and message.dequeue_count <= order.get("failures", 0):
        raise RuntimeError("asked to fail")
    note(function="Work", done=order)


@app.function_name("Text")
@app.queue_trigger(arg_name="message", queue_name="texts", connection="AzureWebJobsStorage")
def text(message: str) -> None:
    note(function="Text", text=message)


@app.function_name("Tick")
@app.timer_trigger(arg_name="timer", schedule="%TICK_SCHEDULE%")
async def tick(timer: func.TimerRequest) -> None:
    note(function="Tick", past_due=timer.past_due)
    await asyncio.sleep(float(os.environ.get("TICK_SECONDS", "0")))
    note(function="Tick", done=True)


@app.function_name("Startup")
@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *", run_on_startup=True)
def startup(timer: func.TimerRequest) -> None:
    note(function="Startup", past_due=timer.past_due)


@app.function_name("Unconfigured")
@app.timer_trigger(arg_name="timer", schedule="%NO_SUCH_SETTING%")
def unconfigured(timer: func.TimerRequest) -> None:
    note(function="Unconfigured")


app.register_functions(blueprint)
