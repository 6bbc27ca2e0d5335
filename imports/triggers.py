"""Timer, queue and HTTP functions that import portals."""

from __future__ import annotations

import azure.functions as func
import msgspec

import composition
from identifiers import PortalId
from imports import service
from imports.contract import ImportRequest, ImportsRequest, RunStarted
from imports.lease import this_worker
from imports.messages import QUEUE, ImportMessage
from monitor.boundary import settle
from web.operation import Api, Reply, Request

api = Api()


@api.blueprint.function_name(name="ImportAllPortals")
@api.blueprint.timer_trigger(
    arg_name="timer", schedule="%IMPORT_SCHEDULE%", run_on_startup=False, use_monitor=True
)
async def import_all_portals(timer: func.TimerRequest) -> None:
    """Queues the import of every enabled portal."""
    await service.start_imports(await composition.ledger(), None, "timer")


@api.blueprint.function_name(name="ImportPortal")
@api.blueprint.queue_trigger(arg_name="message", queue_name=QUEUE, connection="AzureWebJobsStorage")
async def import_portal(message: func.QueueMessage) -> None:
    """Imports the portal of one message."""
    ledger = await composition.ledger()
    request = msgspec.json.decode(message.get_body(), type=ImportMessage)
    async with settle(
        ledger, request.run_id, message, lambda: service.continue_after(ledger, request)
    ):
        await service.import_portal(ledger, request, worker=this_worker())


@api.operation(
    "StartImport",
    "POST",
    "portals/{portal_id}/import",
    summary="Starts the import of one portal.",
    body=ImportRequest,
    body_required=False,
    returns=RunStarted,
    status=202,
    errors=(404, 409),
    role="Ledger.Manage",
)
async def start_import(ledger: composition.Ledger, request: Request[None, ImportRequest]) -> Reply:
    """Queues the import; a running one is returned instead of starting a second."""
    portal_id = PortalId(request.path["portal_id"])
    run = await service.start_import(
        ledger,
        portal_id,
        "manual",
        clean=request.body.clean,
        repository=request.body.repository,
        requested_by=request.caller.label,
    )
    started = RunStarted.of(run)
    return Reply(started, status=202, location=started.location)


@api.operation(
    "StartImports",
    "POST",
    "imports",
    summary="Starts the import of all enabled portals, or of those named.",
    body=ImportsRequest,
    body_required=False,
    returns=RunStarted,
    status=202,
    errors=(404, 409),
    role="Ledger.Manage",
)
async def start_imports(
    ledger: composition.Ledger, request: Request[None, ImportsRequest]
) -> Reply:
    """Queues the imports under one parent run."""
    run = await service.start_imports(
        ledger,
        request.body.portal_ids,
        "manual",
        clean=request.body.clean,
        repository=request.body.repository,
        requested_by=request.caller.label,
    )
    started = RunStarted.of(run)
    return Reply(started, status=202, location=started.location)
