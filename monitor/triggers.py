"""HTTP functions of the monitor, and the timer that reviews poison queues."""

from __future__ import annotations

import logging

import azure.functions as func

import composition
from errors import NotReady
from identifiers import RunId
from monitor import health, service
from monitor.contract import CheckView, ReadinessView, RunDetails, RunsQuery, RunView
from monitor.measure import measure
from monitor.orphans import end_orphans
from web.contract import PageOf
from web.operation import Api, Reply, Request

logger = logging.getLogger("ledger365.monitor")

api = Api()


@api.operation(
    "ListRuns",
    "GET",
    "runs",
    summary="Lists runs, newest first.",
    query=RunsQuery,
    returns=PageOf[RunView],
)
async def list_runs(ledger: composition.Ledger, request: Request[RunsQuery, None]) -> Reply:
    """A page of runs that match."""
    query = request.query
    page = await service.list_runs(
        ledger,
        top=query.top,
        continuation=query.continuation,
        task=query.task,
        portal_id=query.portal_id,
        state=query.state,
        parent_run_id=query.parent_run_id,
    )
    rows = [RunView.of(run) for run in page.items]
    return Reply(PageOf[RunView](value=rows, continuation=page.continuation))


@api.operation(
    "GetRun",
    "GET",
    "runs/{run_id}",
    summary="Shows one run with its log, and the runs it asked for.",
    returns=RunDetails,
    errors=(404,),
)
async def get_run(ledger: composition.Ledger, request: Request[None, None]) -> Reply:
    """One run."""
    run = await ledger.runs.get(RunId(request.path["run_id"]))
    return Reply(RunDetails.with_children(*await service.with_children(ledger, run)))


@api.blueprint.function_name(name="GetHealth")
@api.blueprint.route(
    route="health", methods=[func.HttpMethod.GET], auth_level=func.AuthLevel.ANONYMOUS
)
def get_health(req: func.HttpRequest) -> func.HttpResponse:
    """Says that the worker lives, and looks at nothing else."""
    return func.HttpResponse(
        '{"state":"alive"}', mimetype="application/json", headers={"Cache-Control": "no-store"}
    )


@api.operation(
    "GetReadiness",
    "GET",
    "health/ready",
    summary="Looks at what the app needs: storage, queues, Key Vault, portals imported in time.",
    returns=ReadinessView,
)
async def get_readiness(ledger: composition.Ledger, request: Request[None, None]) -> Reply:
    """Every check; a problem if one failed."""
    checks = await health.readiness(ledger)
    failed = [f"{check.name}: {check.detail}" for check in checks if check.state == "failed"]
    if failed:
        raise NotReady(
            " ".join(failed),
            remedy="Check the app's network, its identity's roles, and the runs of the monitor.",
        )
    return Reply(ReadinessView(checks=[CheckView.model_validate(check) for check in checks]))


@api.blueprint.function_name(name="ReviewPoisonQueues")
@api.blueprint.timer_trigger(
    arg_name="timer", schedule="0 */5 * * * *", run_on_startup=False, use_monitor=True
)
async def review_poison_queues(timer: func.TimerRequest) -> None:
    """Ends runs whose messages were given up."""
    ended = await service.review_poison_queues(await composition.ledger())
    if ended:
        logger.error("%d runs ended in a poison queue", ended)


@api.blueprint.function_name(name="MeasureLedger")
@api.blueprint.timer_trigger(
    arg_name="timer", schedule="0 */15 * * * *", run_on_startup=False, use_monitor=True
)
async def measure_ledger(timer: func.TimerRequest) -> None:
    """States the metrics that no single run knows, and ends runs that nothing works on."""
    ledger = await composition.ledger()
    await measure(ledger)
    ended = await end_orphans(ledger)
    if ended:
        logger.error("%d runs were lost", ended)
