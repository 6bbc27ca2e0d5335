"""Timer, queue and HTTP functions of usage."""

from __future__ import annotations

import azure.functions as func
import msgspec

import composition
from identifiers import PortalId, SkuId
from imports.contract import RunStarted
from imports.lease import this_worker
from monitor.boundary import settle
from portals.model import Portal
from usage import queries, service
from usage.access_contract import AccessQuery, AccessRow, LicenseUseView
from usage.contract import PortalPageQuery, UsageQuery, UsageStatusView
from usage.devices_contract import (
    DevicesQuery,
    DeviceView,
    HybridContactsQuery,
    HybridContactView,
    HybridView,
)
from usage.messages import QUEUE, UsageMessage
from usage.premium_contract import PremiumView
from usage.roster_contract import RosterRow
from web.contract import PageOf
from web.operation import Api, Reply, Request

api = Api()
Ledger = composition.Ledger


@api.blueprint.function_name(name="CollectAllUsage")
@api.blueprint.timer_trigger(
    arg_name="timer", schedule="%USAGE_SCHEDULE%", run_on_startup=False, use_monitor=True
)
async def collect_all_usage(timer: func.TimerRequest) -> None:
    """Queues the usage run of every portal with a usage task switched on."""
    await service.start_all_usage(await composition.ledger())


@api.blueprint.function_name(name="CollectUsage")
@api.blueprint.queue_trigger(arg_name="message", queue_name=QUEUE, connection="AzureWebJobsStorage")
async def collect_usage(message: func.QueueMessage) -> None:
    """Executes the usage run of one message."""
    ledger = await composition.ledger()
    request = msgspec.json.decode(message.get_body(), type=UsageMessage)
    async with settle(ledger, request.run_id, message):
        await service.collect_usage(ledger, request, worker=this_worker())


@api.operation(
    "StartUsage",
    "POST",
    "portals/{portal_id}/usage",
    summary="Starts the usage tasks of one portal.",
    returns=RunStarted,
    status=202,
    errors=(404, 409),
    role="Ledger.Manage",
)
async def start_usage(ledger: Ledger, request: Request[None, None]) -> Reply:
    """Queues the run; one that is going on is returned instead of starting a second."""
    run = await service.start_usage(
        ledger,
        PortalId(request.path["portal_id"]),
        "manual",
        requested_by=request.caller.label,
    )
    started = RunStarted.of(run)
    return Reply(started, status=202, location=started.location)


@api.operation(
    "GetUsageStatus",
    "GET",
    "usage/status",
    summary="Shows per portal which usage tasks can tell what, as of when.",
    query=PortalPageQuery,
    returns=PageOf[UsageStatusView],
    errors=(404,),
)
async def get_usage_status(ledger: Ledger, request: Request[PortalPageQuery, None]) -> Reply:
    """A page of portals."""
    portals, continuation = await _portals(ledger, request.query)
    rows = [
        UsageStatusView.of(
            portal, await ledger.usage.status(portal.portal_id), service.CONCEALED.remedy
        )
        for portal in portals
    ]
    return Reply(PageOf[UsageStatusView](value=rows, continuation=continuation))


@api.operation(
    "ListRoster",
    "GET",
    "usage/roster",
    summary="Lists contacts with licenses, activations, storage, platforms and last activity.",
    query=UsageQuery,
    returns=PageOf[RosterRow],
)
async def list_roster(ledger: Ledger, request: Request[UsageQuery, None]) -> Reply:
    """A page of the application roster."""
    found, continuation = await _used_contacts(ledger, request.query)
    today = ledger.clock().date()
    rows = [RosterRow.of(row, today) for row in found]
    return Reply(PageOf[RosterRow](value=rows, continuation=continuation))


@api.operation(
    "ListAccess",
    "GET",
    "usage/access",
    summary="Lists when contacts last used each of 7 or 11 services.",
    query=AccessQuery,
    returns=PageOf[AccessRow],
)
async def list_access(ledger: Ledger, request: Request[AccessQuery, None]) -> Reply:
    """A page of service use."""
    found, continuation = await _used_contacts(ledger, request.query)
    today = ledger.clock().date()
    rows = [AccessRow.of(row, request.query.view, today) for row in found]
    return Reply(PageOf[AccessRow](value=rows, continuation=continuation))


@api.operation(
    "GetLicenseUse",
    "GET",
    "usage/licenses/{portal_id}/{sku_id}",
    summary="Shows which of the services that a license includes its holders use.",
    returns=LicenseUseView,
    errors=(404,),
)
async def get_license_use(ledger: Ledger, request: Request[None, None]) -> Reply:
    """One license."""
    found = await queries.license_use(
        ledger, PortalId(request.path["portal_id"]), SkuId(request.path["sku_id"])
    )
    return Reply(LicenseUseView.of(*found))


@api.operation(
    "ListDevices",
    "GET",
    "usage/devices",
    summary="Lists devices with their users and the product families installed on them.",
    query=DevicesQuery,
    returns=PageOf[DeviceView],
)
async def list_devices(ledger: Ledger, request: Request[DevicesQuery, None]) -> Reply:
    """A page of devices."""
    query = request.query
    page = await queries.list_devices(
        ledger,
        portal_id=query.portal_id,
        family=query.installed,
        top=query.top,
        continuation=query.continuation,
    )
    rows = [DeviceView.of(portal_id, device) for portal_id, device in page.items]
    return Reply(PageOf[DeviceView](value=rows, continuation=page.continuation))


@api.operation(
    "ListHybridPositions",
    "GET",
    "usage/hybrid",
    summary="Sets cloud licenses beside installations and activations, per product family.",
    query=PortalPageQuery,
    returns=PageOf[HybridView],
    errors=(404,),
)
async def list_hybrid_positions(ledger: Ledger, request: Request[PortalPageQuery, None]) -> Reply:
    """A page of positions, by portal and product family."""
    query = request.query
    found, continuation = await queries.list_hybrid_positions(
        ledger,
        portal_id=query.portal_id,
        top=query.top,
        continuation=query.continuation,
    )
    rows = [HybridView.of(row) for row in found]
    return Reply(PageOf[HybridView](value=rows, continuation=continuation))


@api.operation(
    "ListHybridContacts",
    "GET",
    "usage/hybrid/contacts",
    summary="Lists the contacts behind hybrid positions, with devices and activations.",
    query=HybridContactsQuery,
    returns=PageOf[HybridContactView],
)
async def list_hybrid_contacts(
    ledger: Ledger, request: Request[HybridContactsQuery, None]
) -> Reply:
    """A page of contacts by product family."""
    query = request.query
    found, continuation = await queries.list_hybrid_contacts(
        ledger,
        portal_id=query.portal_id,
        family=query.family,
        position=query.position,
        top=query.top,
        continuation=query.continuation,
    )
    rows = [HybridContactView.of(row) for row in found]
    return Reply(PageOf[HybridContactView](value=rows, continuation=continuation))


@api.operation(
    "ListPremiumUse",
    "GET",
    "usage/premium",
    summary="Sets the use of Entra's premium features beside the licenses for them.",
    query=PortalPageQuery,
    returns=PageOf[PremiumView],
    errors=(404,),
)
async def list_premium_use(ledger: Ledger, request: Request[PortalPageQuery, None]) -> Reply:
    """A page of positions, by portal and level."""
    query = request.query
    found, continuation = await queries.list_premium_use(
        ledger, portal_id=query.portal_id, top=query.top, continuation=query.continuation
    )
    rows = [PremiumView.of(row) for row in found]
    return Reply(PageOf[PremiumView](value=rows, continuation=continuation))


async def _used_contacts(
    ledger: Ledger, query: UsageQuery
) -> tuple[list[queries.UsedContact], str | None]:
    return await queries.list_used_contacts(
        ledger,
        portal_id=query.portal_id,
        sku_id=query.sku_id,
        inactive=query.inactive,
        top=query.top,
        continuation=query.continuation,
    )


async def _portals(ledger: Ledger, query: PortalPageQuery) -> tuple[list[Portal], str | None]:
    if query.portal_id is not None:
        return [await ledger.portals.get(query.portal_id)], None
    page = await ledger.portals.list_page(top=query.top, continuation=query.continuation)
    return page.items, page.continuation
