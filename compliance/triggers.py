"""Timer, queue and HTTP functions of compliance."""

from __future__ import annotations

import azure.functions as func
import msgspec

import composition
from compliance import service
from compliance.contract import (
    ComplianceQuery,
    HistoryDayView,
    HistoryQuery,
    PositionView,
    RecalculateRequest,
    SummaryView,
)
from compliance.messages import QUEUE, RecalculationMessage
from identifiers import PortalId, SkuId
from imports.contract import RunStarted
from monitor.boundary import settle
from web.contract import PageOf
from web.operation import Api, Reply, Request

api = Api()


@api.blueprint.function_name(name="RecalculateCompliance")
@api.blueprint.timer_trigger(
    arg_name="timer", schedule="%RECALCULATION_SCHEDULE%", run_on_startup=False, use_monitor=True
)
async def recalculate_compliance(timer: func.TimerRequest) -> None:
    """Queues the recalculation of every portal, deleted ones included."""
    await service.start_recalculation(await composition.ledger(), None, "timer")


@api.blueprint.function_name(name="RecalculatePortal")
@api.blueprint.queue_trigger(arg_name="message", queue_name=QUEUE, connection="AzureWebJobsStorage")
async def recalculate_portal(message: func.QueueMessage) -> None:
    """Recalculates the portal of one message."""
    ledger = await composition.ledger()
    request = msgspec.json.decode(message.get_body(), type=RecalculationMessage)
    async with settle(ledger, request.run_id, message):
        await service.recalculate(ledger, request)


@api.operation(
    "RecalculateNow",
    "POST",
    "compliance/recalculate",
    summary="Imports all portals, or those named, afresh, and recalculates them.",
    body=RecalculateRequest,
    body_required=False,
    returns=RunStarted,
    status=202,
    errors=(404,),
    role="Ledger.Manage",
)
async def recalculate_now(
    ledger: composition.Ledger, request: Request[None, RecalculateRequest]
) -> Reply:
    """Queues the recalculation under one parent run."""
    run = await service.start_recalculation(
        ledger, request.body.portal_ids, "manual", requested_by=request.caller.label
    )
    started = RunStarted.of(run)
    return Reply(started, status=202, location=started.location)


@api.operation(
    "ListCompliance",
    "GET",
    "compliance",
    summary="Lists compliance positions.",
    query=ComplianceQuery,
    returns=PageOf[PositionView],
)
async def list_compliance(
    ledger: composition.Ledger, request: Request[ComplianceQuery, None]
) -> Reply:
    """A page of positions, of one portal or all, of one status or any, managed or not."""
    query = request.query
    page = await ledger.positions.list_page(
        portal_id=query.portal_id,
        status=query.status,
        managed=query.managed,
        top=query.top,
        continuation=query.continuation,
    )
    rows = [PositionView.of(position) for position in page.items]
    return Reply(PageOf[PositionView](value=rows, continuation=page.continuation))


@api.operation(
    "GetComplianceSummary",
    "GET",
    "compliance/summary",
    summary="Sums up all positions.",
    returns=SummaryView,
)
async def get_compliance_summary(ledger: composition.Ledger, request: Request[None, None]) -> Reply:
    """How many licenses have which status, and the units behind it."""
    return Reply(SummaryView.of(await service.summary(ledger)))


@api.operation(
    "GetComplianceHistory",
    "GET",
    "compliance/history",
    summary="Shows the position of a license day by day, newest first.",
    query=HistoryQuery,
    returns=PageOf[HistoryDayView],
)
async def get_compliance_history(
    ledger: composition.Ledger, request: Request[HistoryQuery, None]
) -> Reply:
    """A page of days."""
    query = request.query
    page = await ledger.positions.history(
        query.portal_id,
        query.sku_id,
        since=query.since,
        top=query.top,
        continuation=query.continuation,
    )
    rows = [HistoryDayView.of(day) for day in page.items]
    return Reply(PageOf[HistoryDayView](value=rows, continuation=page.continuation))


@api.operation(
    "GetCompliancePosition",
    "GET",
    "compliance/{portal_id}/{sku_id}",
    summary="Shows the position of one license, with reason and remedy.",
    returns=PositionView,
    errors=(404,),
)
async def get_compliance_position(
    ledger: composition.Ledger, request: Request[None, None]
) -> Reply:
    """One position."""
    position = await ledger.positions.get(
        PortalId(request.path["portal_id"]), SkuId(request.path["sku_id"])
    )
    return Reply(PositionView.of(position))
