"""Graph's users: listing, delta queries, single users, and license assignment."""

from __future__ import annotations

import re
from itertools import islice

from simulator.http import Request, Response, json_response
from simulator.odata import (
    bad_request,
    collection,
    denied,
    graph_error,
    opaque,
    unopaque,
)
from simulator.tenant import Tenant, User

DEFAULT_SELECT = ("id", "userPrincipalName", "displayName", "mail", "jobTitle")
DEFAULT_PAGE = 100
MAX_PAGE = 999
MAX_SIGN_IN_PAGE = 500
DELTA_PAGE = 500
_SIGN_IN = "signInActivity"


def selection(request: Request) -> tuple[str, ...]:
    """The properties asked for; the ID comes always."""
    select = request.query.get("$select")
    if not select:
        return DEFAULT_SELECT
    names = tuple(name.strip() for name in select.split(",") if name.strip())
    return names if "id" in names else ("id", *names)


def _may_read_sign_ins(request: Request, tenant: Tenant, roles: frozenset[str]) -> Response | None:
    if "AuditLog.Read.All" not in roles:
        return denied(request)
    if not tenant.premium:
        return graph_error(
            request,
            403,
            "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
            "Neither tenant is B2C or tenant doesn't have premium license",
        )
    return None


def list_users(
    request: Request, tenant: Tenant, version: str, path: dict[str, str], roles: frozenset[str]
) -> Response:
    """GET /users: opaque skip tokens, $select, $top up to 999."""
    select = selection(request)
    largest = MAX_PAGE
    if _SIGN_IN in select:
        refused = _may_read_sign_ins(request, tenant, roles)
        if refused is not None:
            return refused
        largest = MAX_SIGN_IN_PAGE
    if "$skip" in request.query or "$filter" in request.query:
        return bad_request(request, "Unsupported query option.")
    start, top = 0, request.query.get("$top", str(DEFAULT_PAGE))
    token = request.query.get("$skiptoken")
    if token is not None:
        position = unopaque(token)
        if position is None or "at" not in position:
            return bad_request(request, "The page token is invalid.", "Directory_ExpiredPageToken")
        start = int(position["at"])
    if not top.isdecimal() or not 1 <= int(top) <= MAX_PAGE:
        return bad_request(request, f"Invalid page size specified: '{top}'.")
    size = min(int(top), largest)
    items, following = _page(tenant, select, start, size)
    links = {}
    if following is not None:
        query = f"$select={','.join(select)}&$top={size}&$skiptoken={opaque(at=following)}"
        links["nextLink"] = f"{request.base}/{version}/users?{query}"
    count = len(tenant.position) if request.query.get("$count") == "true" else None
    return collection(request, "users", items, version=version, links=links, count=count)


def _page(
    tenant: Tenant, select: tuple[str, ...], start: int, size: int
) -> tuple[list[bytes], int | None]:
    items: list[bytes] = []
    index = start
    for user in islice(tenant.ordered, start, None):
        if len(items) == size:
            break
        index += 1
        if user is not None:
            items.append(tenant.encoded(user, select))
    rest = any(user is not None for user in islice(tenant.ordered, index, None))
    return items, index if rest else None


def get_user(
    request: Request, tenant: Tenant, version: str, path: dict[str, str], roles: frozenset[str]
) -> Response:
    """GET /users/{id or UPN}; sign-ins by ID only."""
    select = selection(request)
    if _SIGN_IN in select:
        refused = _may_read_sign_ins(request, tenant, roles)
        if refused is not None:
            return refused
        if "@" in path["user"]:
            return bad_request(request, "Get By Key only supports UserId.", "BadRequest")
    user = tenant.user(path["user"])
    if user is None:
        return _unknown(request, path["user"])
    return json_response(
        {
            "@odata.context": f"{request.base}/{version}/$metadata#users/$entity",
            **tenant.properties(tenant.seen(user), select),
        }
    )


def _unknown(request: Request, key: str) -> Response:
    return graph_error(
        request,
        404,
        "Request_ResourceNotFound",
        f"Resource '{key}' does not exist or one of its queried reference-property objects "
        "are not present.",
    )


def list_deleted(
    request: Request, tenant: Tenant, version: str, path: dict[str, str], roles: frozenset[str]
) -> Response:
    """GET /directory/deletedItems/microsoft.graph.user."""
    select = selection(request)
    items = [tenant.encoded(user, select) for user in tenant.deleted.values()]
    return collection(request, "directoryObjects", items, version=version)


def delta(
    request: Request, tenant: Tenant, version: str, path: dict[str, str], roles: frozenset[str]
) -> Response:
    """GET /users/delta: first all users, then what changed since the delta link was given.

    Source: https://learn.microsoft.com/graph/delta-query-overview
    """
    unsupported = {"$top", "$orderby", "$expand", "$search", "$filter"} & set(request.query)
    if unsupported:
        return bad_request(request, f"Unsupported query option: {sorted(unsupported)[0]}.")
    token = request.query.get("$deltatoken")
    skip = request.query.get("$skiptoken")
    state = unopaque(skip or token or "") if (skip or token) and token != "latest" else None
    if (skip or (token and token != "latest")) and state is None:
        return bad_request(request, "The delta token is invalid.", "BadRequest")
    select = tuple(state["select"]) if state else selection(request)
    if _SIGN_IN in select:
        return bad_request(
            request,
            "Invalid request for delta query: for this entity set, $expand/$select is not "
            "supported for the following properties: signInActivity",
            "BadRequest",
        )
    if state is not None and state["since"] < tenant.oldest_delta:
        return bad_request(
            request,
            "The sync state generation is not found. The delta token is expired and data must "
            "be synchronized again.",
            "syncStateNotFound",
        )
    base = f"{request.base}/{version}/users/delta?"
    now = len(tenant.log)
    if token == "latest":
        link = base + f"$deltatoken={opaque(since=now, select=select)}"
        return collection(request, "users", [], version=version, links={"deltaLink": link})
    if state is None or "at" in state:
        since = state["since"] if state else now
        items, following = _page(tenant, select, int(state["at"]) if state else 0, DELTA_PAGE)
        if following is not None:
            token = opaque(since=since, at=following, select=select)
            links = {"nextLink": f"{base}$skiptoken={token}"}
        else:
            links = {"deltaLink": f"{base}$deltatoken={opaque(since=since, select=select)}"}
        return collection(request, "users", items, version=version, links=links)
    return _changes(request, tenant, version, select, int(state["since"]), base)


def _changes(
    request: Request, tenant: Tenant, version: str, select: tuple[str, ...], since: int, base: str
) -> Response:
    latest: dict[str, str] = {}
    until = since
    for user_id, kind in islice(tenant.log, since, None):
        if len(latest) == DELTA_PAGE and user_id not in latest:
            break
        latest[user_id] = kind
        until += 1
    items: list[bytes] = []
    for user_id, kind in latest.items():
        user = tenant.user(user_id)
        if user is not None:
            items.append(tenant.encoded(user, select))
        else:
            reason = "changed" if kind == "deleted" and user_id in tenant.deleted else "deleted"
            items.append(f'{{"id":"{user_id}","@removed":{{"reason":"{reason}"}}}}'.encode())
    token = opaque(since=until, select=select)
    more = until < len(tenant.log)
    name = "nextLink" if more else "deltaLink"
    links = {name: f"{base}{'$skiptoken' if more else '$deltatoken'}={token}"}
    return collection(request, "users", items, version=version, links=links)


def assign_license(
    request: Request, tenant: Tenant, version: str, path: dict[str, str], roles: frozenset[str]
) -> Response:
    """POST /users/{id}/assignLicense, with the refusals that Graph tells by message only."""
    user = tenant.user(path["user"])
    if user is None:
        return _unknown(request, path["user"])
    body = request.json()
    missing = [
        name
        for name in ("addLicenses", "removeLicenses")
        if not isinstance(body, dict) or not isinstance(body.get(name), list)
    ]
    if missing:
        return bad_request(
            request,
            "One or more parameters of the operation 'assignLicense' are missing from the "
            f"request payload. The missing parameters are: {', '.join(missing)}.",
        )
    refusal = _refusal(tenant, user, body["addLicenses"], body["removeLicenses"])
    if refusal is not None:
        return bad_request(request, refusal)
    direct = {sku: plans for sku, plans in user.direct.items() if sku not in body["removeLicenses"]}
    direct.update({item["skuId"]: item.get("disabledPlans", []) for item in body["addLicenses"]})
    tenant.written(user)
    tenant.change(user.user_id, direct=direct)
    return json_response(
        {
            "@odata.context": f"{request.base}/{version}/$metadata#users/$entity",
            **tenant.properties(user, (*DEFAULT_SELECT, "assignedLicenses")),
        }
    )


def _refusal(
    tenant: Tenant, user: User, added: list[dict[str, str]], removed: list[str]
) -> str | None:
    for sku_id in removed:
        if sku_id not in user.direct:
            inherited = any(sku == sku_id for sku, _, _, _ in tenant.paths(user))
            return (
                "User license is inherited from a group membership and it cannot be removed "
                "directly from the user."
                if inherited
                else "User does not have a corresponding license."
            )
    for item in added:
        sku = tenant.skus.get(item.get("skuId", ""))
        if sku is None or sku.applies_to != "User":
            return f"License {item.get('skuId')} does not correspond to a valid company License."
        if not user.usage_location or not re.fullmatch("[A-Z]{2}", user.usage_location):
            return "License assignment cannot be done for user with invalid usage location."
        holds = sku.sku_id in tenant.seats(user)
        if not holds and tenant.consumed[sku.sku_id] >= sku.enabled + sku.warning:
            return f"Subscription with SKU {sku.sku_id} does not have any available licenses."
    return None
