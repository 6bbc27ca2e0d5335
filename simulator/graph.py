"""Microsoft Graph: routes, permissions, and the small collections."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from simulator import devices, graph_users, premium, reports
from simulator.http import Request, Response, json_response
from simulator.odata import bad_request, collection, denied, graph_error
from simulator.pages import paged
from simulator.select import selected_names, unknown_selected
from simulator.tenant import Group, Tenant
from simulator.tokens import Tokens

_DIRECTORY = ("Directory.Read.All", "Directory.ReadWrite.All")
_ORGANIZATION = ("Organization.Read.All", "Organization.ReadWrite.All", *_DIRECTORY)
_USERS = ("User.Read.All", "User.ReadWrite.All", *_DIRECTORY)
_GROUPS = ("GroupMember.Read.All", "Group.Read.All", "Group.ReadWrite.All", *_DIRECTORY)
_ASSIGN = ("LicenseAssignment.ReadWrite.All", "User.ReadWrite.All", "Directory.ReadWrite.All")
_PLACES = ("Place.Read.All", "Place.ReadWrite.All")
_REPORTS = ("Reports.Read.All",)
_REPORT_SETTINGS = ("ReportSettings.Read.All", "ReportSettings.ReadWrite.All")
_INTUNE = (
    "DeviceManagementManagedDevices.Read.All",
    "DeviceManagementManagedDevices.ReadWrite.All",
)
_DEVICES = ("Device.Read.All", "Device.ReadWrite.All", *_DIRECTORY)

Handler = Callable[[Request, Tenant, str, dict[str, str], frozenset[str]], Response]
MAX_BATCH = 20


class Graph:
    """Graph v1.0 and beta over the tenants."""

    def __init__(
        self,
        tokens: Tokens,
        tenants: dict[str, Tenant],
        through_faults: Callable[[Request, Callable[[Request], Response]], Response],
    ) -> None:
        self._tokens = tokens
        self._through_faults = through_faults
        self._tenants = tenants
        self._reports = reports.Reports()
        self._routes: list[tuple[str, re.Pattern[str], tuple[str, ...], Handler]] = [
            (
                "GET",
                re.compile(r"/subscribedSkus"),
                (*_ORGANIZATION, "LicenseAssignment.Read.All"),
                _subscribed_skus,
            ),
            ("GET", re.compile(r"/directory/subscriptions"), _ORGANIZATION, _subscriptions),
            ("GET", re.compile(r"/organization"), (*_ORGANIZATION, "User.Read.All"), _organization),
            ("GET", re.compile(r"/users"), _USERS, graph_users.list_users),
            ("GET", re.compile(r"/users/delta(\(\))?"), _USERS, graph_users.delta),
            ("GET", re.compile(r"/users/(?P<user>[^/]+)"), _USERS, graph_users.get_user),
            (
                "POST",
                re.compile(r"/users/(?P<user>[^/]+)/assignLicense"),
                _ASSIGN,
                graph_users.assign_license,
            ),
            ("GET", re.compile(r"/groups"), _GROUPS, _groups),
            (
                "GET",
                re.compile(r"/groups/(?P<group>[^/]+)/(members|transitiveMembers)"),
                _GROUPS,
                _members,
            ),
            (
                "GET",
                re.compile(r"/directory/deletedItems/(microsoft\.)?graph\.user"),
                _USERS,
                graph_users.list_deleted,
            ),
            ("GET", re.compile(r"/places/(microsoft\.)?graph\.room"), _PLACES, _rooms),
            (
                "GET",
                re.compile(r"/reports/(?P<report>get\w+)(\((?P<arguments>[^)]*)\))?(/content)?"),
                _REPORTS,
                self._reports.report,
            ),
            (
                "GET",
                re.compile(r"/reports/azureADPremiumLicenseInsight"),
                _REPORTS,
                premium.license_insight,
            ),
            ("GET", re.compile(r"/admin/reportSettings"), _REPORT_SETTINGS, reports.settings),
            ("GET", re.compile(r"/devices"), _DEVICES, devices.devices),
            (
                "GET",
                re.compile(r"/deviceManagement/managedDevices"),
                _INTUNE,
                devices.managed_devices,
            ),
            ("GET", re.compile(r"/deviceManagement/detectedApps"), _INTUNE, devices.detected_apps),
            (
                "GET",
                re.compile(r"/deviceManagement/detectedApps/(?P<app>[^/]+)/managedDevices"),
                _INTUNE,
                devices.devices_of_app,
            ),
        ]

    def handle(self, request: Request) -> Response | None:
        """Answers what is Graph's, and its reports' downloads; None for other paths."""
        download = self._reports.handle(request)
        if download is not None:
            return download
        version, _, rest = request.path.strip("/").partition("/")
        if version not in ("v1.0", "beta"):
            return None
        response = self._answer(request, version, "/" + rest)
        response.headers.setdefault("request-id", str(uuid.uuid4()))
        client_id = request.headers.get("client-request-id")
        if client_id:
            response.headers["client-request-id"] = client_id
        return response

    def _answer(self, request: Request, version: str, path: str) -> Response:
        bearer = request.headers.get("authorization", "")
        if not bearer.lower().startswith("bearer "):
            return graph_error(request, 401, "InvalidAuthenticationToken", "Access token is empty.")
        claims = self._tokens.claims(bearer[7:], [request.base])
        tenant = self._tenants.get(claims.get("tid", "")) if claims else None
        if claims is None or tenant is None:
            return graph_error(
                request,
                401,
                "InvalidAuthenticationToken",
                "Access token validation failure. Invalid audience, signature or lifetime.",
            )
        # of the application itself, or of whoever signed in to it
        roles = frozenset(claims.get("roles", ())).union(claims.get("scp", "").split())
        if path == "/$batch" and request.method == "POST":
            return self._batch(request, version)
        return self._dispatch(request, tenant, version, path, roles)

    def _dispatch(
        self, request: Request, tenant: Tenant, version: str, path: str, roles: frozenset[str]
    ) -> Response:
        for method, pattern, permissions, handler in self._routes:
            found = pattern.fullmatch(path)
            if found and method == request.method:
                if not roles & set(permissions):
                    return denied(request)
                response = handler(request, tenant, version, found.groupdict(), roles)
                response.headers.setdefault("x-ms-resource-unit", "1")
                return response
        return graph_error(
            request, 404, "Request_ResourceNotFound", f"Resource '{path}' does not exist."
        )

    def _batch(self, request: Request, version: str) -> Response:
        body = request.json()
        items = body.get("requests") if isinstance(body, dict) else None
        if not isinstance(items, list):
            return bad_request(request, "The batch has no requests.", "BadRequest")
        if not all(
            isinstance(item, dict)
            and all(isinstance(item.get(name), str) for name in ("id", "method", "url"))
            for item in items
        ):
            return bad_request(
                request, "Each request of a batch needs id, method and url.", "BadRequest"
            )
        ids = [item["id"] for item in items]
        if not items or len(items) > MAX_BATCH or len(set(ids)) != len(ids):
            return bad_request(
                request,
                f"Batches hold 1 to {MAX_BATCH} requests with unique ids.",
                "BadRequest",
            )
        responses = [self._batched(request, version, item) for item in items]
        # Graph answers in no order that one may rely on
        return json_response({"responses": responses[::-1]})

    def _batched(self, request: Request, version: str, item: dict[str, Any]) -> dict[str, Any]:
        path, _, query = str(item["url"]).partition("?")
        given = item.get("headers")
        headers = (
            {name.lower(): str(v) for name, v in given.items()} if isinstance(given, dict) else {}
        )
        body = item.get("body")
        if path.strip("/") == "$batch":
            inner = bad_request(request, "Batches do not nest.", "BadRequest")
        elif body is not None and "content-type" not in headers:
            inner = bad_request(request, "A body needs a Content-Type header.", "BadRequest")
        else:
            path = "/" + path.strip("/")
            inner = self._through_faults(
                Request(
                    item["method"],
                    f"/{version}{path}",
                    dict(parse_qsl(query, keep_blank_values=True)),
                    {**headers, "authorization": request.headers["authorization"]},
                    json.dumps(body).encode() if body is not None else b"",
                    request.base,
                ),
                lambda single: self._answer(single, version, path),
            )
        return {
            "id": item["id"],
            "status": inner.status,
            "headers": {"Content-Type": "application/json", **inner.headers},
            "body": json.loads(inner.body) if inner.body else None,
        }


def _selected(value: dict[str, Any], request: Request) -> bytes:
    select = selected_names(request)
    if select:
        wanted = {*select, "id"}
        value = {name: item for name, item in value.items() if name in wanted}
    return json.dumps(value, ensure_ascii=False).encode()


def _subscribed_skus(
    request: Request, tenant: Tenant, version: str, path: dict[str, str], roles: frozenset[str]
) -> Response:
    if set(request.query) - {"$select"}:
        return bad_request(request, "This resource supports $select only.")
    refused = unknown_selected(request, "subscribedSku")
    if refused is not None:
        return refused
    items = [_selected(tenant.sku_json(sku), request) for sku in tenant.skus.values()]
    response = collection(request, "subscribedSkus", items, version=version)
    response.headers["x-ms-resource-unit"] = "3"
    return response


def _subscriptions(
    request: Request, tenant: Tenant, version: str, path: dict[str, str], roles: frozenset[str]
) -> Response:
    refused = unknown_selected(request, "companySubscription")
    if refused is not None:
        return refused
    items = [
        _selected(subscription, request)
        for sku in tenant.skus.values()
        for subscription in tenant.subscriptions_json(sku)
    ]
    return collection(request, "directory/subscriptions", items, version=version)


def _organization(
    request: Request, tenant: Tenant, version: str, path: dict[str, str], roles: frozenset[str]
) -> Response:
    refused = unknown_selected(request, "organization")
    if refused is not None:
        return refused
    full = roles & set(_ORGANIZATION)
    value: dict[str, Any] = {
        "id": tenant.tenant_id,
        "displayName": tenant.name,
        "verifiedDomains": [{"name": tenant.domain, "isDefault": True, "isInitial": True}],
        "countryLetterCode": "DE" if full else None,
        "assignedPlans": [
            {
                "assignedDateTime": "2024-01-15T09:00:00Z",
                "capabilityStatus": "Enabled" if tenant.premium else "Deleted",
                "service": "AADPremiumService",
                "servicePlanId": "41781fb2-bc02-4b7c-bd55-b576c07bb09d",
            }
        ]
        if full
        else None,
    }
    return collection(request, "organization", [_selected(value, request)], version=version)


def _groups(
    request: Request, tenant: Tenant, version: str, path: dict[str, str], roles: frozenset[str]
) -> Response:
    refused = unknown_selected(request, "group")
    if refused is not None:
        return refused
    groups = list(tenant.groups.values())
    condition = request.query.get("$filter")
    if condition is not None:
        if condition != "assignedLicenses/$count ne 0":
            return bad_request(request, f"Unsupported filter clause: {condition}")
        if not _advanced(request):
            return bad_request(
                request,
                "Counting in a filter needs ConsistencyLevel: eventual and $count=true.",
            )
        groups = [group for group in groups if group.skus]
    count = len(groups) if request.query.get("$count") == "true" else None
    return paged(
        request, version, "groups", groups, lambda group: _group(group, request), count=count
    )


def _group(group: Group, request: Request) -> bytes:
    return _selected(
        {
            "id": group.group_id,
            "displayName": group.display_name,
            "groupTypes": [],
            "onPremisesSyncEnabled": group.synced,
            "assignedLicenses": [{"disabledPlans": [], "skuId": sku} for sku in group.skus],
        },
        request,
    )


def _advanced(request: Request) -> bool:
    eventual = request.headers.get("consistencylevel", "").lower() == "eventual"
    return eventual and request.query.get("$count") == "true"


def _members(
    request: Request, tenant: Tenant, version: str, path: dict[str, str], roles: frozenset[str]
) -> Response:
    group = tenant.groups.get(path["group"])
    if group is None:
        return graph_error(
            request,
            404,
            "Request_ResourceNotFound",
            f"Resource '{path['group']}' does not exist or one of its queried reference-property "
            "objects are not present.",
        )
    refused = unknown_selected(request, "user")
    if refused is not None:
        return refused
    select = graph_users.selection(request)
    users = [user for m in sorted(group.members) if (user := tenant.user(m)) is not None]
    return paged(
        request, version, "directoryObjects", users, lambda user: tenant.encoded(user, select)
    )


def _rooms(
    request: Request, tenant: Tenant, version: str, path: dict[str, str], roles: frozenset[str]
) -> Response:
    refused = unknown_selected(request, "room")
    if refused is not None:
        return refused
    context = "places/microsoft.graph.room"
    return paged(request, version, context, tenant.rooms, lambda mail: _room(mail, request))


def _room(mail: str, request: Request) -> bytes:
    return _selected(
        {
            "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, mail)),
            "displayName": mail,
            "emailAddress": mail,
            "capacity": 8,
        },
        request,
    )
