"""HTTP functions of licenses, products, directories, contacts and consumers."""

from __future__ import annotations

from typing import Any

import composition
from errors import ReadOnly
from identifiers import PortalId, SkuId, UserId
from ledger import service
from ledger.contract import (
    ConsumerView,
    ContactsQuery,
    ContactView,
    DirectoriesView,
    DirectoryView,
    LicenseDetails,
    LicenseView,
    MoveProductRequest,
    PortalQuery,
    ProductsQuery,
    ProductView,
)
from ledger.erasure import erase_person, lift_erasure
from web.contract import PageOf, PageQuery
from web.operation import Api, Reply, Request

api = Api()
Ledger = composition.Ledger


def _key(request: Request[Any, Any]) -> tuple[PortalId, SkuId]:
    return PortalId(request.path["portal_id"]), SkuId(request.path["sku_id"])


@api.operation(
    "ListLicenses",
    "GET",
    "licenses",
    summary="Lists licenses.",
    query=PortalQuery,
    returns=PageOf[LicenseView],
)
async def list_licenses(ledger: Ledger, request: Request[PortalQuery, None]) -> Reply:
    """A page of licenses, of one portal or all."""
    query = request.query
    page = await ledger.licenses.list_licenses_page(
        portal_id=query.portal_id, top=query.top, continuation=query.continuation
    )
    now = ledger.clock()
    rows = [LicenseView.of(license_, now) for license_ in page.items]
    return Reply(PageOf[LicenseView](value=rows, continuation=page.continuation))


@api.operation(
    "GetLicense",
    "GET",
    "licenses/{portal_id}/{sku_id}",
    summary="Shows one license with its subscriptions, service plans and groups.",
    returns=LicenseDetails,
    errors=(404,),
)
async def get_license(ledger: Ledger, request: Request[None, None]) -> Reply:
    """One license."""
    portal_id, sku_id = _key(request)
    license_ = await ledger.licenses.get_license(portal_id, sku_id)
    groups = await service.groups_holding(ledger, portal_id, sku_id)
    return Reply(LicenseDetails.with_groups(license_, groups, ledger.clock()))


@api.operation(
    "DeleteLicense",
    "DELETE",
    "licenses/{portal_id}/{sku_id}",
    summary="Deletes a license that cannot be synchronized, with its product.",
    status=204,
    errors=(404, 409),
    role="Ledger.Manage",
)
async def delete_license(ledger: Ledger, request: Request[None, None]) -> Reply:
    """Nothing is left of the license but its history."""
    await service.delete_license(ledger, *_key(request))
    return Reply(None, status=204)


@api.operation(
    "ListConsumers",
    "GET",
    "licenses/{portal_id}/{sku_id}/consumers",
    summary="Lists the contacts behind a license, and how each got it.",
    query=PageQuery,
    returns=PageOf[ConsumerView],
    errors=(404,),
)
async def list_consumers(ledger: Ledger, request: Request[PageQuery, None]) -> Reply:
    """A page of consumers."""
    portal_id, sku_id = _key(request)
    await ledger.licenses.get_license(portal_id, sku_id)
    page = await ledger.consumers.list_page(
        portal_id, sku_id, top=request.query.top, continuation=request.query.continuation
    )
    groups = await ledger.groups.list_groups(portal_id)
    rows = [ConsumerView.of(consumer, groups) for consumer in page.items]
    return Reply(PageOf[ConsumerView](value=rows, continuation=page.continuation))


@api.operation(
    "ListProducts",
    "GET",
    "products",
    summary="Lists products.",
    query=ProductsQuery,
    returns=PageOf[ProductView],
)
async def list_products(ledger: Ledger, request: Request[ProductsQuery, None]) -> Reply:
    """A page of products, of one portal or all, in one directory or any."""
    query = request.query
    page = await ledger.licenses.list_products_page(
        portal_id=query.portal_id,
        directory=query.directory,
        top=query.top,
        continuation=query.continuation,
    )
    rows = [ProductView.of(product) for product in page.items]
    return Reply(PageOf[ProductView](value=rows, continuation=page.continuation))


@api.operation(
    "GetProduct",
    "GET",
    "products/{portal_id}/{sku_id}",
    summary="Shows one product.",
    returns=ProductView,
    errors=(404,),
)
async def get_product(ledger: Ledger, request: Request[None, None]) -> Reply:
    """One product."""
    product = await ledger.licenses.get_product(*_key(request))
    return Reply(ProductView.of(product), etag=product.etag)


@api.operation(
    "MoveProduct",
    "PATCH",
    "products/{portal_id}/{sku_id}",
    summary="Files a product in another directory.",
    body=MoveProductRequest,
    returns=ProductView,
    errors=(404, 412),
    role="Ledger.Manage",
)
async def move_product(ledger: Ledger, request: Request[None, MoveProductRequest]) -> Reply:
    """The product where it stands now."""
    product = await service.move_product(
        ledger, *_key(request), request.body.directory, request.if_match
    )
    return Reply(ProductView.of(product), etag=product.etag)


@api.operation(
    "DeleteProduct",
    "DELETE",
    "products/{portal_id}/{sku_id}",
    summary="Deletes a product that cannot be synchronized, with its license.",
    status=204,
    errors=(404, 409),
    role="Ledger.Manage",
)
async def delete_product(ledger: Ledger, request: Request[None, None]) -> Reply:
    """A product and its license go together."""
    portal_id, sku_id = _key(request)
    await ledger.licenses.get_product(portal_id, sku_id)
    await service.delete_license(ledger, portal_id, sku_id)
    return Reply(None, status=204)


@api.operation(
    "GetDirectories",
    "GET",
    "directories",
    summary="Shows the tree of directories in which products are filed.",
    returns=DirectoriesView,
)
async def get_directories(ledger: Ledger, request: Request[None, None]) -> Reply:
    """The tree."""
    tree = service.directory_tree(await ledger.licenses.directories())
    return Reply(DirectoriesView(value=[DirectoryView.of(node) for node in tree]))


@api.operation(
    "ListContacts",
    "GET",
    "contacts",
    summary="Lists contacts.",
    query=ContactsQuery,
    returns=PageOf[ContactView],
)
async def list_contacts(ledger: Ledger, request: Request[ContactsQuery, None]) -> Reply:
    """A page of contacts; with filters a page may be short and still continue."""
    query = request.query
    page = await service.list_contacts(
        ledger,
        portal_id=query.portal_id,
        kind=query.kind,
        blocked=query.blocked,
        search=query.search,
        top=query.top,
        continuation=query.continuation,
    )
    groups = {
        portal_id: await ledger.groups.list_groups(portal_id)
        for portal_id in dict.fromkeys(portal_id for portal_id, _ in page.items)
    }
    rows = [ContactView.of(portal_id, c, groups[portal_id]) for portal_id, c in page.items]
    return Reply(PageOf[ContactView](value=rows, continuation=page.continuation))


@api.operation(
    "GetContact",
    "GET",
    "contacts/{portal_id}/{user_id}",
    summary="Shows one contact with its assignments.",
    returns=ContactView,
    errors=(404,),
)
async def get_contact(ledger: Ledger, request: Request[None, None]) -> Reply:
    """One contact."""
    portal_id = PortalId(request.path["portal_id"])
    contact = await ledger.contacts.get(portal_id, UserId(request.path["user_id"]))
    groups = await ledger.groups.list_groups(portal_id)
    return Reply(ContactView.of(portal_id, contact, groups))


@api.operation(
    "ErasePerson",
    "DELETE",
    "contacts/{portal_id}/{user_id}",
    summary="Erases a person: a nameless holder of the licenses stays, over imports too.",
    status=204,
    errors=(404, 409),
    role="Ledger.Manage",
)
async def erase(ledger: Ledger, request: Request[None, None]) -> Reply:
    """Nothing names the person any more."""
    await erase_person(
        ledger,
        PortalId(request.path["portal_id"]),
        UserId(request.path["user_id"]),
        requested_by=request.caller.label,
    )
    return Reply(None, status=204)


@api.operation(
    "LiftErasure",
    "DELETE",
    "contacts/{portal_id}/{user_id}/erasure",
    summary="Lifts an erasure: the next import brings the person back by name.",
    status=204,
    errors=(404,),
    role="Ledger.Manage",
)
async def lift(ledger: Ledger, request: Request[None, None]) -> Reply:
    """The person may be named again."""
    await lift_erasure(ledger, PortalId(request.path["portal_id"]), UserId(request.path["user_id"]))
    return Reply(None, status=204)


async def _refuse(allowed: tuple[str, ...]) -> Reply:
    raise ReadOnly(
        "Imported data is read-only: the tenant leads.",
        remedy="Change it in the Microsoft 365 tenant, then import the portal.",
        allowed=allowed,
    )


def _read_only(name: str, route: str, methods: tuple[str, ...], allowed: tuple[str, ...]) -> None:
    @api.operation(
        name,
        methods,
        route,
        summary="Answers that the tenant leads.",
        status=405,
        errors=(405,),
        role="Ledger.Manage",
        in_openapi=False,
    )
    async def refuse(ledger: Ledger, request: Request[None, None]) -> Reply:
        """Refuses the change."""
        return await _refuse(allowed)


for _name, _route, _methods, _allowed in (
    ("RejectNewLicense", "licenses", ("POST", "PUT", "PATCH", "DELETE"), ("GET",)),
    (
        "RejectLicenseChange",
        "licenses/{portal_id}/{sku_id}",
        ("POST", "PUT", "PATCH"),
        ("GET", "DELETE"),
    ),
    (
        "RejectConsumerChange",
        "licenses/{portal_id}/{sku_id}/consumers",
        ("POST", "PUT", "PATCH", "DELETE"),
        ("GET",),
    ),
    ("RejectNewProduct", "products", ("POST", "PUT", "PATCH", "DELETE"), ("GET",)),
    (
        "RejectProductChange",
        "products/{portal_id}/{sku_id}",
        ("POST", "PUT"),
        ("GET", "PATCH", "DELETE"),
    ),
    ("RejectNewContact", "contacts", ("POST", "PUT", "PATCH", "DELETE"), ("GET",)),
    (
        "RejectContactChange",
        "contacts/{portal_id}/{user_id}",
        ("POST", "PUT", "PATCH"),
        ("GET", "DELETE"),
    ),
):
    _read_only(_name, _route, _methods, _allowed)
