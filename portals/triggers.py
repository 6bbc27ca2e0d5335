"""HTTP functions that create, change, test and delete portals."""

from __future__ import annotations

import composition
from identifiers import PortalId
from portals import authorization, exclusions, service, testing
from portals.contract import (
    AuthorizationView,
    AvailableLicensesView,
    AvailableQuery,
    CallbackQuery,
    ConnectionTestView,
    CreatePortalRequest,
    ExclusionsRequest,
    PortalDeletedView,
    PortalsQuery,
    PortalView,
    TestConnectionQuery,
    TestConnectionRequest,
    UpdatePortalRequest,
)
from portals.entered import PortalChange
from portals.model import Portal
from web.contract import PageOf
from web.operation import Api, Content, Reply, Request

api = Api()
Ledger = composition.Ledger

_TENANT_FAILURES = (422, 502)


def _view(ledger: Ledger, portal: Portal) -> PortalView:
    return PortalView.of(portal, ledger.clock(), ledger.settings.expiry_warning_days)


@api.operation(
    "ListPortals",
    "GET",
    "portals",
    summary="Lists portals.",
    query=PortalsQuery,
    returns=PageOf[PortalView],
)
async def list_portals(ledger: Ledger, request: Request[PortalsQuery, None]) -> Reply:
    """A page of portals."""
    page = await ledger.portals.list_page(
        top=request.query.top, continuation=request.query.continuation
    )
    rows = [_view(ledger, portal) for portal in page.items]
    return Reply(PageOf[PortalView](value=rows, continuation=page.continuation))


@api.operation(
    "GetPortal",
    "GET",
    "portals/{portal_id}",
    summary="Shows one portal.",
    returns=PortalView,
    errors=(404,),
)
async def get_portal(ledger: Ledger, request: Request[None, None]) -> Reply:
    """One portal."""
    portal = await ledger.portals.get(PortalId(request.path["portal_id"]))
    return Reply(_view(ledger, portal), etag=portal.etag)


@api.operation(
    "CreatePortal",
    "POST",
    "portals",
    summary="Connects a tenant.",
    body=CreatePortalRequest,
    returns=PortalView,
    status=201,
    errors=(409, 422),
    role="Ledger.Manage",
)
async def create_portal(ledger: Ledger, request: Request[None, CreatePortalRequest]) -> Reply:
    """The new portal."""
    portal = await service.create_portal(ledger, request.body.input())
    return Reply(
        _view(ledger, portal),
        status=201,
        location=f"/api/portals/{portal.portal_id}",
        etag=portal.etag,
    )


@api.operation(
    "UpdatePortal",
    "PATCH",
    "portals/{portal_id}",
    summary="Changes a portal; what is left out stays.",
    body=UpdatePortalRequest,
    returns=PortalView,
    errors=(404, 409, 412, *_TENANT_FAILURES),
    role="Ledger.Manage",
)
async def update_portal(ledger: Ledger, request: Request[None, UpdatePortalRequest]) -> Reply:
    """The portal as it is now."""
    portal = await service.update_portal(
        ledger,
        PortalId(request.path["portal_id"]),
        request.body.change(),
        if_match=request.if_match,
    )
    return Reply(_view(ledger, portal), etag=portal.etag)


@api.operation(
    "DeletePortal",
    "DELETE",
    "portals/{portal_id}",
    summary="Deletes a portal and its credential; what was imported stays.",
    returns=PortalDeletedView,
    errors=(404, 412),
    role="Ledger.Manage",
)
async def delete_portal(ledger: Ledger, request: Request[None, None]) -> Reply:
    """What remains."""
    deleted = await service.delete_portal(
        ledger, PortalId(request.path["portal_id"]), if_match=request.if_match
    )
    return Reply(PortalDeletedView.of(deleted))


@api.operation(
    "TestPortal",
    "POST",
    "portals/{portal_id}/test",
    summary="Tests the connection of a portal, step by step.",
    returns=ConnectionTestView,
    errors=(404,),
    role="Ledger.Manage",
)
async def test_portal(ledger: Ledger, request: Request[None, None]) -> Reply:
    """The outcome, which the portal keeps."""
    test = await testing.test_portal(ledger, PortalId(request.path["portal_id"]))
    return Reply(ConnectionTestView.of(test))


@api.operation(
    "TestConnection",
    "POST",
    "portals/test",
    summary="Tests settings that are not saved yet, all at once or check by check (`?check=`).",
    query=TestConnectionQuery,
    body=TestConnectionRequest,
    returns=ConnectionTestView,
    role="Ledger.Manage",
)
async def test_connection(
    ledger: Ledger, request: Request[TestConnectionQuery, TestConnectionRequest]
) -> Reply:
    """The outcome; nothing is kept."""
    test = await testing.test_settings(ledger, request.body.input(), request.query.check)
    return Reply(ConnectionTestView.of(test))


@api.operation(
    "ListAvailableLicenses",
    "GET",
    "portals/{portal_id}/available-licenses",
    summary="Lists the SKUs from which a portal's exclusions are chosen.",
    query=AvailableQuery,
    returns=AvailableLicensesView,
    errors=(404, *_TENANT_FAILURES),
)
async def list_available_licenses(ledger: Ledger, request: Request[AvailableQuery, None]) -> Reply:
    """The tenant's SKUs, or Microsoft's whole list."""
    available = await exclusions.available_licenses(
        ledger,
        PortalId(request.path["portal_id"]),
        subscribed=request.query.subscribed,
        search=request.query.search,
    )
    return Reply(AvailableLicensesView.of(available))


@api.operation(
    "ListAvailableLicensesUnsaved",
    "POST",
    "portals/available-licenses",
    summary="Lists the SKUs to choose from for settings that are not saved yet.",
    query=AvailableQuery,
    body=TestConnectionRequest,
    returns=AvailableLicensesView,
    errors=_TENANT_FAILURES,
    role="Ledger.Manage",
)
async def list_available_licenses_unsaved(
    ledger: Ledger, request: Request[AvailableQuery, TestConnectionRequest]
) -> Reply:
    """The tenant's SKUs, or Microsoft's whole list."""
    available = await exclusions.available_licenses_of(
        ledger,
        request.body.input(),
        subscribed=request.query.subscribed,
        search=request.query.search,
    )
    return Reply(AvailableLicensesView.of(available))


@api.operation(
    "SetExclusions",
    "PUT",
    "portals/{portal_id}/exclusions",
    summary="Replaces the SKUs that imports leave out, and recalculates the portal.",
    body=ExclusionsRequest,
    returns=PortalView,
    errors=(404, 412, *_TENANT_FAILURES),
    role="Ledger.Manage",
)
async def set_exclusions(ledger: Ledger, request: Request[None, ExclusionsRequest]) -> Reply:
    """The portal with its new exclusions."""
    portal = await service.update_portal(
        ledger,
        PortalId(request.path["portal_id"]),
        PortalChange(exclusions=frozenset(request.body.exclusions)),
        if_match=request.if_match,
    )
    return Reply(_view(ledger, portal), etag=portal.etag)


@api.operation(
    "AuthorizePortal",
    "POST",
    "portals/{portal_id}/authorize",
    summary="Answers where an administrator signs in for a portal with delegated credential.",
    returns=AuthorizationView,
    errors=(404, 409, *_TENANT_FAILURES),
    role="Ledger.Manage",
)
async def authorize_portal(ledger: Ledger, request: Request[None, None]) -> Reply:
    """Microsoft's sign-in page; it leads back to the callback."""
    root = ledger.settings.public_url or request.url.rpartition("/api/portals/")[0]
    page = await authorization.begin_sign_in(
        ledger,
        PortalId(request.path["portal_id"]),
        f"{root}/api/{authorization.CALLBACK_ROUTE}",
    )
    return Reply(
        AuthorizationView(
            sign_in_url=page.url, redirect_uri=page.redirect_uri, expires_at=page.expires_at
        )
    )


_SIGNED_IN = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Ledger365</title>
<p>Ledger365 may now read the tenant of portal {name}. Close this window, and test the connection.
"""


@api.operation(
    "FinishAuthorization",
    "GET",
    authorization.CALLBACK_ROUTE,
    summary="Takes the browser back from Microsoft's sign-in page.",
    query=CallbackQuery,
    errors=(404, 409, *_TENANT_FAILURES),
    anonymous=True,
)
async def finish_authorization(ledger: Ledger, request: Request[CallbackQuery, None]) -> Reply:
    """A page that says it is done; the state stands for the caller, who has no key here."""
    answer = request.query.model_dump(by_alias=True, exclude_none=True)
    portal = await authorization.finish_sign_in(ledger, answer)
    import html

    page = _SIGNED_IN.format(name=html.escape(portal.name))
    headers = {"Content-Security-Policy": "default-src 'none'"}
    return Reply(Content(page.encode(), "text/html; charset=utf-8", headers))
