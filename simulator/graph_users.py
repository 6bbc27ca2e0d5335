"""Graph's users: listing, delta queries, single users, and license assignment."""

from __future__ import annotations

import re
from typing import Any

from simulator.http import Request, Response, json_response
from simulator.odata import (
    bad_request,
    collection,
    denied,
    graph_error,
    opaque,
    unopaque,
)
from simulator.pages import MAX_PAGE, next_link, page_bounds, paged
from simulator.select import selected_names, unknown_selected
from simulator.tenant import Tenant, User

DEFAULT_SELECT = ("id", "userPrincipalName", "displayName", "mail", "jobTitle")
MAX_SIGN_IN_PAGE = 500
DELTA_PAGE = 500
_SIGN_IN = "signInActivity"


def selection(request: Request) -> tuple[str, ...]:
    """The properties asked for; the ID comes always."""
    names = selected_names(request)
    if not names:
        return DEFAULT_SELECT
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
    refused = unknown_selected(request, "user")
    if refused is not None:
        return refused
    select = selection(request)
    largest = MAX_PAGE
    if _SIGN_IN in select:
        refused = _may_read_sign_ins(request, tenant, roles)
        if refused is not None:
            return refused
        largest = MAX_SIGN_IN_PAGE
    if "$skip" in request.query or "$filter" in request.query:
        return bad_request(request, "Unsupported query option.")
    bounds = page_bounds(request, largest=largest)
    if isinstance(bounds, Response):
        return bounds
    items, following = _page(tenant, select, *bounds)
    links = {"nextLink": next_link(request, following)} if following is not None else {}
    count = len(tenant.position) if request.query.get("$count") == "true" else None
    return collection(request, "users", items, version=version, links=links, count=count)


def _page(
    tenant: Tenant, select: tuple[str, ...], start: int, size: int
) -> tuple[list[bytes], int | None]:
    """Users from a position on, and the position of the next one that is not deleted."""
    items: list[bytes] = []
    for index in range(start, len(tenant.ordered)):
        user = tenant.ordered[index]
        if user is None:
            continue
        if len(items) == size:
            return items, index
        items.append(tenant.encoded(user, select))
    return items, None


def get_user(
    request: Request, tenant: Tenant, version: str, path: dict[str, str], roles: frozenset[str]
) -> Response:
    """GET /users/{id or UPN}; sign-ins by ID only."""
    refused = unknown_selected(request, "user")
    if refused is not None:
        return refused
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
    refused = unknown_selected(request, "user")
    if refused is not None:
        return refused
    select = selection(request)
    users = list(tenant.deleted.values())
    return paged(
        request, version, "directoryObjects", users, lambda user: tenant.encoded(user, select)
    )


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
    given = skip or (token if token != "latest" else None)
    state = _delta_state(given) if given else None
    if given and state is None:
        return bad_request(request, "The delta token is invalid.", "BadRequest")
    refused = unknown_selected(request, "user")
    if refused is not None:
        return refused
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


def _delta_state(token: str) -> dict[str, Any] | None:
    """What a delta link remembers, None if the token is none of ours."""
    state = unopaque(token)
    if state is None:
        return None
    select, numbers = state.get("select"), (state.get("since"), state.get("at", 0))
    if not isinstance(select, list) or not all(isinstance(name, str) for name in select):
        return None
    return state if all(isinstance(n, int) and n >= 0 for n in numbers) else None


def _changes(
    request: Request, tenant: Tenant, version: str, select: tuple[str, ...], since: int, base: str
) -> Response:
    # states of assignments can be selected, but their changes are not followed
    followed = set(select) - {"licenseAssignmentStates"}
    latest: dict[str, str] = {}
    until = since
    while until < len(tenant.log):
        user_id, kind, changed = tenant.log[until]
        if changed is None or changed & followed:
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
        for name, kind in (("addLicenses", dict), ("removeLicenses", str))
        if not isinstance(body, dict)
        or not isinstance(body.get(name), list)
        or not all(isinstance(item, kind) for item in body[name])
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
    tenant.assigned += [(user.user_id, sku_id, True) for sku_id in body["removeLicenses"]]
    tenant.assigned += [(user.user_id, item["skuId"], False) for item in body["addLicenses"]]
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
        sku = tenant.skus.get(str(item.get("skuId")))
        if sku is None or sku.applies_to != "User":
            return f"License {item.get('skuId')} does not correspond to a valid company License."
        if not user.usage_location or not re.fullmatch("[A-Z]{2}", user.usage_location):
            return "License assignment cannot be done for user with invalid usage location."
        holds = sku.sku_id in tenant.seats(user)
        if not holds and tenant.consumed[sku.sku_id] >= sku.enabled + sku.warning:
            return f"Subscription with SKU {sku.sku_id} does not have any available licenses."
    return None
