"""Queue and HTTP functions of reclamation."""

from __future__ import annotations

import azure.functions as func
import msgspec

import composition
from identifiers import ReclamationId
from imports.lease import this_worker
from monitor.boundary import settle
from reclamation import service
from reclamation.contract import (
    AuditEntryView,
    AuditQuery,
    ExecuteReclamationRequest,
    ItemsQuery,
    PreviewReclamationRequest,
    PreviewStarted,
    ReclamationDetails,
    ReclamationItemView,
    ReclamationsQuery,
    ReclamationStarted,
    ReclamationView,
)
from reclamation.messages import QUEUE, ReclamationMessage
from web.contract import PageOf
from web.operation import Api, Reply, Request

api = Api()


@api.blueprint.function_name(name="WorkOffReclamation")
@api.blueprint.queue_trigger(arg_name="message", queue_name=QUEUE, connection="AzureWebJobsStorage")
async def work_off_reclamation(message: func.QueueMessage) -> None:
    """Makes, executes or undoes the preview of one message."""
    # what writes to tenants is loaded when it is to
    from reclamation.worker import work_off

    ledger = await composition.ledger()
    request = msgspec.json.decode(message.get_body(), type=ReclamationMessage)
    async with settle(ledger, request.run_id, message, lambda: service.end_early(ledger, request)):
        await work_off(ledger, request, worker=this_worker())


@api.operation(
    "PreviewReclamation",
    "POST",
    "reclamations/preview",
    summary="Previews who would lose which license, why, and what that saves a year.",
    body=PreviewReclamationRequest,
    returns=PreviewStarted,
    status=202,
    errors=(404, 409),
    role="Ledger.Reclaim",
)
async def preview_reclamation(
    ledger: composition.Ledger, request: Request[None, PreviewReclamationRequest]
) -> Reply:
    """Queues the preview; nothing is changed in the tenant."""
    reclamation, run = await service.start_preview(
        ledger, request.body.input(), requested_by=request.caller.label
    )
    started = PreviewStarted.of(reclamation, run)
    return Reply(started, status=202, location=started.location)


@api.operation(
    "ExecuteReclamation",
    "POST",
    "reclamations",
    summary="Executes a preview, once: takes the licenses that it lists.",
    body=ExecuteReclamationRequest,
    returns=ReclamationStarted,
    status=202,
    errors=(404, 409),
    role="Ledger.Reclaim",
)
async def execute_reclamation(
    ledger: composition.Ledger, request: Request[None, ExecuteReclamationRequest]
) -> Reply:
    """Queues the execution; each user is read again before anything is taken."""
    reclamation, run = await service.execute(
        ledger, request.body.preview_id, requested_by=request.caller.label
    )
    started = ReclamationStarted.of(reclamation, run)
    return Reply(started, status=202, location=started.location)


@api.operation(
    "UndoReclamation",
    "POST",
    "reclamations/{reclamation_id}/undo",
    summary="Assigns again what a reclamation took, with the same plans disabled.",
    returns=ReclamationStarted,
    status=202,
    errors=(404, 409),
    role="Ledger.Reclaim",
)
async def undo_reclamation(ledger: composition.Ledger, request: Request[None, None]) -> Reply:
    """Queues the undoing; what cannot be given back may be tried again."""
    reclamation_id = ReclamationId(request.path["reclamation_id"])
    reclamation, run = await service.undo(ledger, reclamation_id, requested_by=request.caller.label)
    started = ReclamationStarted.of(reclamation, run)
    return Reply(started, status=202, location=started.location)


@api.operation(
    "ListReclamations",
    "GET",
    "reclamations",
    summary="Lists previews and reclamations, newest first.",
    query=ReclamationsQuery,
    returns=PageOf[ReclamationView],
)
async def list_reclamations(
    ledger: composition.Ledger, request: Request[ReclamationsQuery, None]
) -> Reply:
    """A page of reclamations, of one portal or all."""
    query = request.query
    page = await ledger.reclamations.list_page(
        portal_id=query.portal_id,
        top=query.top,
        continuation=query.continuation,
    )
    now = ledger.clock()
    rows = [ReclamationView.of(reclamation, now) for reclamation in page.items]
    return Reply(PageOf[ReclamationView](value=rows, continuation=page.continuation))


@api.operation(
    "GetReclamation",
    "GET",
    "reclamations/{reclamation_id}",
    summary="Shows one reclamation: who would lose what, why, and what became of it.",
    query=ItemsQuery,
    returns=ReclamationDetails,
    errors=(404,),
)
async def get_reclamation(ledger: composition.Ledger, request: Request[ItemsQuery, None]) -> Reply:
    """The reclamation with a page of its items, in one state or any."""
    query = request.query
    reclamation = await ledger.reclamations.get(ReclamationId(request.path["reclamation_id"]))
    page = await ledger.reclamations.items_page(
        reclamation.reclamation_id,
        state=query.state,
        top=query.top,
        continuation=query.continuation,
    )
    groups = await ledger.groups.list_groups(reclamation.portal_id)
    return Reply(
        ReclamationDetails(
            reclamation=ReclamationView.of(reclamation, ledger.clock()),
            value=[ReclamationItemView.of(item, groups) for item in page.items],
            continuation=page.continuation,
        )
    )


@api.operation(
    "GetReclamationAudit",
    "GET",
    "reclamations/{reclamation_id}/audit",
    summary="Shows what was done to which user's licenses, when, and who asked.",
    query=AuditQuery,
    returns=PageOf[AuditEntryView],
    errors=(404,),
)
async def get_reclamation_audit(
    ledger: composition.Ledger, request: Request[AuditQuery, None]
) -> Reply:
    """A page of the audit, in the order of time."""
    query = request.query
    reclamation = await ledger.reclamations.get(ReclamationId(request.path["reclamation_id"]))
    page = await ledger.reclamations.audit_page(
        reclamation.reclamation_id, top=query.top, continuation=query.continuation
    )
    rows = [AuditEntryView.of(entry) for entry in page.items]
    return Reply(PageOf[AuditEntryView](value=rows, continuation=page.continuation))
