"""Timer, queue and HTTP functions of consolidation."""

from __future__ import annotations

import azure.functions as func
import msgspec

import composition
from consolidation import service
from consolidation.contract import (
    ConsolidatedLicenseView,
    ConsolidatedProductView,
    ConsolidateRequest,
    PersonView,
    RepositoryQuery,
    RepositoryView,
)
from consolidation.messages import QUEUE, ConsolidationMessage
from imports.contract import RunStarted
from imports.lease import this_worker
from monitor.boundary import settle
from web.contract import PageOf, PageQuery
from web.operation import Api, Reply, Request
from web.paging import page_of

api = Api()
Ledger = composition.Ledger


@api.blueprint.function_name(name="ConsolidateAll")
@api.blueprint.timer_trigger(
    arg_name="timer", schedule="%CONSOLIDATION_SCHEDULE%", run_on_startup=False, use_monitor=True
)
async def consolidate_all(timer: func.TimerRequest) -> None:
    """Queues the consolidation of every repository."""
    await service.start_all(await composition.ledger())


@api.blueprint.function_name(name="ConsolidateRepository")
@api.blueprint.queue_trigger(arg_name="message", queue_name=QUEUE, connection="AzureWebJobsStorage")
async def consolidate_repository(message: func.QueueMessage) -> None:
    """Consolidates the repository of one message."""
    ledger = await composition.ledger()
    request = msgspec.json.decode(message.get_body(), type=ConsolidationMessage)
    async with settle(ledger, request.run_id, message):
        await service.consolidate(ledger, request, worker=this_worker())


@api.operation(
    "StartConsolidation",
    "POST",
    "consolidated",
    summary="Starts the consolidation of a repository.",
    body=ConsolidateRequest,
    body_required=False,
    returns=RunStarted,
    status=202,
    errors=(404,),
    role="Ledger.Manage",
)
async def start_consolidation(ledger: Ledger, request: Request[None, ConsolidateRequest]) -> Reply:
    """Queues the consolidation."""
    run = await service.start_consolidation(
        ledger, request.body.repository, requested_by=request.caller.label
    )
    started = RunStarted.of(run)
    return Reply(started, status=202, location=started.location)


@api.operation(
    "ListRepositories",
    "GET",
    "consolidated/repositories",
    summary="Lists the named inventories that portals belong to.",
    query=PageQuery,
    returns=PageOf[RepositoryView],
)
async def list_repositories(ledger: Ledger, request: Request[PageQuery, None]) -> Reply:
    """A page of repositories."""
    rows, continuation = page_of(await service.repositories(ledger), request.query)
    return Reply(
        PageOf[RepositoryView](
            value=[RepositoryView.of(row) for row in rows], continuation=continuation
        )
    )


@api.operation(
    "ListConsolidatedLicenses",
    "GET",
    "consolidated/licenses",
    summary="Lists licenses over all portals of a repository, by SKU.",
    query=RepositoryQuery,
    returns=PageOf[ConsolidatedLicenseView],
)
async def list_consolidated_licenses(
    ledger: Ledger, request: Request[RepositoryQuery, None]
) -> Reply:
    """A page of SKUs; empty before the first consolidation."""
    query = request.query
    page = await ledger.consolidation.licenses(
        query.repository, top=query.top, continuation=query.continuation
    )
    rows = [ConsolidatedLicenseView.of(item) for item in page.items]
    return Reply(PageOf[ConsolidatedLicenseView](value=rows, continuation=page.continuation))


@api.operation(
    "ListConsolidatedProducts",
    "GET",
    "consolidated/products",
    summary="Lists products over all portals of a repository, by title.",
    query=RepositoryQuery,
    returns=PageOf[ConsolidatedProductView],
)
async def list_consolidated_products(
    ledger: Ledger, request: Request[RepositoryQuery, None]
) -> Reply:
    """A page of titles; empty before the first consolidation."""
    query = request.query
    page = await ledger.consolidation.products(
        query.repository, top=query.top, continuation=query.continuation
    )
    rows = [ConsolidatedProductView.of(item) for item in page.items]
    return Reply(PageOf[ConsolidatedProductView](value=rows, continuation=page.continuation))


@api.operation(
    "ListConsolidatedContacts",
    "GET",
    "consolidated/contacts",
    summary="Lists persons found in several portals of a repository.",
    query=RepositoryQuery,
    returns=PageOf[PersonView],
)
async def list_consolidated_contacts(
    ledger: Ledger, request: Request[RepositoryQuery, None]
) -> Reply:
    """A page of persons; empty before the first consolidation."""
    query = request.query
    people, continuation = await service.list_persons(
        ledger, query.repository, top=query.top, continuation=query.continuation
    )
    rows = [PersonView.of(person) for person in people]
    return Reply(PageOf[PersonView](value=rows, continuation=continuation))
