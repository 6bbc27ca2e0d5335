"""HTTP functions of the monitor, and the timer that reviews poison queues."""

from __future__ import annotations

import logging

import azure.functions as func

import composition
from identifiers import PortalId, RunId
from monitor import service
from monitor.contract import RunDetails, RunsQuery, RunView
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
    page = await ledger.runs.list_page(
        now=ledger.clock(),
        top=query.top,
        continuation=query.continuation,
        task=query.task,
        portal_id=PortalId(str(query.portal_id)) if query.portal_id else None,
        state=query.state,
        parent_run_id=RunId(str(query.parent_run_id)) if query.parent_run_id else None,
    )
    rows = [RunView.of(await service.as_children_make_it(ledger, run)) for run in page.items]
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


@api.blueprint.function_name(name="ReviewPoisonQueues")
@api.blueprint.timer_trigger(
    arg_name="timer", schedule="0 */5 * * * *", run_on_startup=False, use_monitor=True
)
async def review_poison_queues(timer: func.TimerRequest) -> None:
    """Ends runs whose messages were given up."""
    ended = await service.review_poison_queues(await composition.ledger())
    if ended:
        logger.error("%d runs ended in a poison queue", ended)
