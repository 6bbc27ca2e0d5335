"""HTTP functions of the OData feed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import azure.functions as func
import msgspec
from pydantic.alias_generators import to_camel

import compliance.triggers
import composition
import ledger.triggers
import monitor.triggers
import spend.triggers
import usage.triggers
from compliance.contract import ComplianceQuery, PositionView
from errors import InvalidInput, LedgerError
from exports.feed import ConsumersQuery, EntitySet, FeedQuery, ListPage, all_consumers, feed_page
from exports.odata import EntityType, metadata_document, service_document
from ledger.contract import (
    ConsumerView,
    ContactsQuery,
    ContactView,
    LicenseView,
    PortalQuery,
    ProductsQuery,
    ProductView,
)
from monitor.contract import RunsQuery, RunView
from spend.contract import SpendQuery, SpendView
from usage.access_contract import AccessQuery, AccessRow
from usage.contract import PortalPageQuery, UsageQuery
from usage.devices_contract import (
    DevicesQuery,
    DeviceView,
    HybridContactsQuery,
    HybridContactView,
    HybridView,
)
from usage.roster_contract import RosterRow
from web.caller import NOBODY
from web.contract import Contract, PageOf, PageQuery
from web.operation import Api, Content, Reply, Request

api = Api()
Ledger = composition.Ledger
Handler = Callable[[Ledger, Request[Any, Any]], Awaitable[Reply]]

_JSON = "application/json;odata.metadata=minimal;charset=utf-8"
_VERSION = {"OData-Version": "4.0"}


async def _listed(
    handler: Handler, ledger: Ledger, query: PageQuery, path: dict[str, str]
) -> PageOf[Any]:
    reply = await handler(ledger, Request(path, query, None, None, "GET", NOBODY, ""))
    if not isinstance(reply.body, PageOf):
        raise TypeError("the operation lists nothing")
    return reply.body


def _pages(handler: Handler) -> ListPage:
    async def page(ledger: Ledger, query: PageQuery) -> PageOf[Any]:
        return await _listed(handler, ledger, query, {})

    return page


async def _consumers_of(
    ledger_: Ledger, portal_id: str, sku_id: str, query: PageQuery
) -> PageOf[ConsumerView]:
    path = {"portal_id": portal_id, "sku_id": sku_id}
    return await _listed(ledger.triggers.list_consumers, ledger_, query, path)


def _set(
    name: str, row: type[Contract], keys: tuple[str, ...], query: type[PageQuery], page: ListPage
) -> EntitySet:
    """An entity set; $filter may compare what the list itself filters by."""
    filters = tuple(to_camel(field) for field in query.model_fields if field in row.model_fields)
    return EntitySet(EntityType(name, row, keys, filters), query, page)


_LICENSES = _pages(ledger.triggers.list_licenses)
SETS = {
    "licenses": _set("License", LicenseView, ("portalId", "skuId"), PortalQuery, _LICENSES),
    "products": _set(
        "Product",
        ProductView,
        ("portalId", "skuId"),
        ProductsQuery,
        _pages(ledger.triggers.list_products),
    ),
    "contacts": _set(
        "Contact",
        ContactView,
        ("portalId", "userId"),
        ContactsQuery,
        _pages(ledger.triggers.list_contacts),
    ),
    "consumers": _set(
        "Consumer",
        ConsumerView,
        ("portalId", "skuId", "userId"),
        ConsumersQuery,
        all_consumers(_consumers_of, _LICENSES),
    ),
    "compliance": _set(
        "Position",
        PositionView,
        ("portalId", "skuId"),
        ComplianceQuery,
        _pages(compliance.triggers.list_compliance),
    ),
    "spend": _set(
        "Spend", SpendView, ("portalId", "skuId"), SpendQuery, _pages(spend.triggers.list_spend)
    ),
    "roster": _set(
        "RosterEntry",
        RosterRow,
        ("portalId", "userId"),
        UsageQuery,
        _pages(usage.triggers.list_roster),
    ),
    "access": _set(
        "Access", AccessRow, ("portalId", "userId"), AccessQuery, _pages(usage.triggers.list_access)
    ),
    "devices": _set(
        "Device",
        DeviceView,
        ("portalId", "deviceId"),
        DevicesQuery,
        _pages(usage.triggers.list_devices),
    ),
    "hybrid": _set(
        "HybridPosition",
        HybridView,
        ("portalId", "family"),
        PortalPageQuery,
        _pages(usage.triggers.list_hybrid_positions),
    ),
    "hybridContacts": _set(
        "HybridContact",
        HybridContactView,
        ("portalId", "userId", "family"),
        HybridContactsQuery,
        _pages(usage.triggers.list_hybrid_contacts),
    ),
    "runs": _set("Run", RunView, ("runId",), RunsQuery, _pages(monitor.triggers.list_runs)),
}


def odata_problem(error: LedgerError) -> func.HttpResponse:
    """An error as OData clients read it."""
    target = {"target": error.field} if isinstance(error, InvalidInput) else {}
    told = {"code": error.code, "message": f"{error.message} {error.remedy}", **target}
    return func.HttpResponse(
        msgspec.json.encode({"error": told}),
        status_code=error.status,
        headers={**_VERSION, "Content-Type": _JSON},
    )


def _root(request: Request[Any, Any]) -> str:
    return request.url.rpartition("/odata")[0] + "/odata"


def _json(answer: object) -> Reply:
    return Reply(Content(msgspec.json.encode(answer), _JSON, _VERSION))


@api.operation(
    "GetFeed",
    "GET",
    "odata",
    summary="Lists the entity sets of the OData feed.",
    query=FeedQuery,
    in_openapi=False,
    problem=odata_problem,
)
async def get_feed(ledger: Ledger, request: Request[FeedQuery, None]) -> Reply:
    """The service document."""
    return _json(service_document(_root(request), SETS))


@api.operation(
    "GetFeedMetadata",
    "GET",
    "odata/$metadata",
    summary="Describes the entity sets of the OData feed.",
    query=FeedQuery,
    in_openapi=False,
    problem=odata_problem,
)
async def get_feed_metadata(ledger: Ledger, request: Request[FeedQuery, None]) -> Reply:
    """The metadata document."""
    document = metadata_document({name: found.entity for name, found in SETS.items()})
    return Reply(Content(document, "application/xml", _VERSION))


@api.operation(
    "ReadFeed",
    "GET",
    "odata/{entity_set}",
    summary="Reads a page of an entity set.",
    query=FeedQuery,
    errors=(404,),
    in_openapi=False,
    problem=odata_problem,
)
async def read_feed(ledger: Ledger, request: Request[FeedQuery, None]) -> Reply:
    """A page of entities."""
    options = {name: str(value) for name, value in (request.query.model_extra or {}).items()}
    name = request.path["entity_set"]
    return _json(await feed_page(ledger, SETS, name, options, _root(request)))
