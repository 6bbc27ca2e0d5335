"""HTTP functions of contracts and spend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import composition
from identifiers import PortalId, SkuId
from spend import entering, service
from spend.contract import ContractRequest, ContractView, PortalFilter, SpendQuery, SpendView
from spend.findings_contract import (
    FindingsQuery,
    OverlapQuery,
    OverlapView,
    RightSizingView,
    WastedSeatView,
    WasteQuery,
    WhatIfQuery,
    WhatIfView,
)
from spend.model import Finding, FindingList
from spend.outlook_contract import (
    ForecastQuery,
    ForecastView,
    RenewalsQuery,
    RenewalView,
    projection,
)
from spend.service import SeatFinding
from spend.totals_contract import ChargebackQuery, ChargeView, SpendSummaryView
from web.contract import PageOf
from web.operation import Api, Reply, Request
from web.paging import page_of

api = Api()
Ledger = composition.Ledger

_CONTRACT = "licenses/{portal_id}/{sku_id}/contract"


def _ids(path: Mapping[str, str]) -> tuple[PortalId, SkuId]:
    return PortalId(path["portal_id"]), SkuId(path["sku_id"])


@api.operation(
    "GetContract",
    "GET",
    _CONTRACT,
    summary="Shows what was entered for a license, and what it comes to.",
    returns=ContractView,
    errors=(404,),
)
async def get_contract(ledger: Ledger, request: Request[None, None]) -> Reply:
    """Price, term, and whether the license is managed."""
    cost = await entering.get_contract(ledger, *_ids(request.path))
    return Reply(ContractView.of(cost), etag=cost.contract.etag)


@api.operation(
    "PutContract",
    "PUT",
    _CONTRACT,
    summary="Enters price and term of a license, and whether it is managed.",
    body=ContractRequest,
    returns=ContractView,
    errors=(404, 412),
    role="Ledger.Manage",
)
async def put_contract(ledger: Ledger, request: Request[None, ContractRequest]) -> Reply:
    """The contract as it is now; the figures that depend on it are recalculated."""
    cost, run_id = await entering.put_contract(
        ledger,
        *_ids(request.path),
        managed=request.body.managed,
        price=request.body.price(),
        requested_by=request.caller.label,
        if_match=request.if_match,
        if_absent=request.if_absent,
    )
    return Reply(ContractView.of(cost, run_id), etag=cost.contract.etag)


@api.operation(
    "DeleteContract",
    "DELETE",
    _CONTRACT,
    summary="Deletes what was entered for a license.",
    status=204,
    errors=(404, 412),
    role="Ledger.Manage",
)
async def delete_contract(ledger: Ledger, request: Request[None, None]) -> Reply:
    """Nothing; the license is managed and unpriced again."""
    await entering.delete_contract(
        ledger,
        *_ids(request.path),
        requested_by=request.caller.label,
        if_match=request.if_match,
    )
    return Reply(None, status=204)


@api.operation(
    "ListSpend",
    "GET",
    "spend",
    summary="Lists what managed licenses cost a year, and what of that is wasted.",
    query=SpendQuery,
    returns=PageOf[SpendView],
)
async def list_spend(ledger: Ledger, request: Request[SpendQuery, None]) -> Reply:
    """A page of licenses."""
    query = request.query
    found, continuation = await service.list_spend(
        ledger, query.portal_id, top=query.top, continuation=query.continuation
    )
    rows = [SpendView.of(spend) for spend in found]
    return Reply(PageOf[SpendView](value=rows, continuation=continuation))


@api.operation(
    "GetSpendSummary",
    "GET",
    "spend/summary",
    summary="Sums up spend and waste, each currency apart.",
    query=PortalFilter,
    returns=SpendSummaryView,
)
async def get_spend_summary(ledger: Ledger, request: Request[PortalFilter, None]) -> Reply:
    """The sums by currency."""
    found = await service.summary(ledger, request.query.portal_id)
    return Reply(SpendSummaryView.of(found))


@api.operation(
    "ListCharges",
    "GET",
    "spend/by",
    summary="Charges the annual spend to departments or countries.",
    query=ChargebackQuery,
    returns=PageOf[ChargeView],
)
async def list_charges(ledger: Ledger, request: Request[ChargebackQuery, None]) -> Reply:
    """A page of charges."""
    query = request.query
    charges = await service.charges(ledger, query.portal_id, query.dimension)
    rows, continuation = page_of(charges, query)
    return Reply(
        PageOf[ChargeView](value=[ChargeView.of(row) for row in rows], continuation=continuation)
    )


@api.operation(
    "ListWastedSeats",
    "GET",
    "spend/waste",
    summary="Lists wasted seats with their holders, and why they are wasted.",
    query=WasteQuery,
    returns=PageOf[WastedSeatView],
)
async def list_wasted_seats(ledger: Ledger, request: Request[WasteQuery, None]) -> Reply:
    """A page of seats; seats never assigned have no holder to list."""
    query = request.query
    found, continuation = await _findings(
        ledger, "waste", query, lambda f: query.cause in (None, f.cause)
    )
    rows = [WastedSeatView.of(seat) for seat in found]
    return Reply(PageOf[WastedSeatView](value=rows, continuation=continuation))


@api.operation(
    "ListOverlaps",
    "GET",
    "spend/overlap",
    summary="Lists licenses whose plans another license of the contact has too.",
    query=OverlapQuery,
    returns=PageOf[OverlapView],
)
async def list_overlaps(ledger: Ledger, request: Request[OverlapQuery, None]) -> Reply:
    """A page of duplicates, and of direct copies beside group copies, which are to be tidied up."""
    query = request.query
    found, continuation = await _findings(
        ledger, "overlap", query, lambda f: query.kind in (None, f.overlap)
    )
    rows = [OverlapView.of(seat) for seat in found]
    return Reply(PageOf[OverlapView](value=rows, continuation=continuation))


@api.operation(
    "ListRightSizing",
    "GET",
    "spend/right-sizing",
    summary="Lists seats for which a cheaper license of the tenant would do.",
    query=FindingsQuery,
    returns=PageOf[RightSizingView],
)
async def list_right_sizing(ledger: Ledger, request: Request[FindingsQuery, None]) -> Reply:
    """A page of proposals, each with what would be lost."""
    found, continuation = await _findings(ledger, "right_sizing", request.query)
    rows = [RightSizingView.of(seat) for seat in found]
    return Reply(PageOf[RightSizingView](value=rows, continuation=continuation))


async def _findings(
    ledger: Ledger,
    name: FindingList,
    query: FindingsQuery,
    matches: Callable[[Finding], bool] = lambda _: True,
) -> tuple[list[SeatFinding], str | None]:
    return await service.list_findings(
        ledger,
        name,
        query.portal_id,
        top=query.top,
        continuation=query.continuation,
        matches=lambda f: query.sku_id in (None, f.sku_id) and matches(f),
    )


@api.operation(
    "ListAlternatives",
    "GET",
    "spend/what-if",
    summary="Shows what it would mean if the holders of a license had another one instead.",
    query=WhatIfQuery,
    returns=PageOf[WhatIfView],
    errors=(404,),
)
async def list_alternatives(ledger: Ledger, request: Request[WhatIfQuery, None]) -> Reply:
    """A page of the portal's other licenses, those that fit most seats first."""
    query = request.query
    found = await service.what_if(ledger, query.portal_id, query.sku_id)
    rows, continuation = page_of(found, query)
    return Reply(
        PageOf[WhatIfView](value=[WhatIfView.of(row) for row in rows], continuation=continuation)
    )


@api.operation(
    "ListRenewals",
    "GET",
    "spend/renewals",
    summary="Lists contracts and subscriptions that end or renew, the nearest first.",
    query=RenewalsQuery,
    returns=PageOf[RenewalView],
)
async def list_renewals(ledger: Ledger, request: Request[RenewalsQuery, None]) -> Reply:
    """A page of days, each with when the license runs out by its trend."""
    query = request.query
    found = await service.list_renewals(ledger, query.portal_id, query.days)
    rows, continuation = page_of(found, query)
    today = ledger.clock().date()
    return Reply(
        PageOf[RenewalView](
            value=[RenewalView.of(row, today) for row in rows], continuation=continuation
        )
    )


@api.operation(
    "GetForecast",
    "GET",
    "spend/forecast/{portal_id}/{sku_id}",
    summary="Shows when a license runs out, by the trend of its recorded days.",
    query=ForecastQuery,
    returns=ForecastView,
    errors=(404,),
)
async def get_forecast(ledger: Ledger, request: Request[ForecastQuery, None]) -> Reply:
    """The recorded days, the trend with its band, and where it leads."""
    portal_id, sku_id = _ids(request.path)
    entitled, history, line, found = await service.run_out(ledger, portal_id, sku_id)
    today = ledger.clock().date()
    days = [today + timedelta(days=ahead) for ahead in range(request.query.days + 1)]
    drawn = projection(line, days)
    return Reply(ForecastView.of(portal_id, sku_id, entitled, history, found, drawn))
