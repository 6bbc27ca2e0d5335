"""Graph's usage reports: a redirect to a pre-authenticated CSV, or pages of JSON.

Source: https://learn.microsoft.com/graph/api/resources/report
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import random
import re
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from simulator.http import Request, Response, json_response
from simulator.odata import bad_request, graph_error, opaque
from simulator.pages import page_bounds
from simulator.products import BY_PART_NUMBER, BY_SKU_ID
from simulator.tenant import Tenant, User
from simulator.usage import APPS, PLATFORMS, SERVICES, UserUsage

PERIODS = ("D7", "D30", "D90", "D180")
DOWNLOAD_PATH = "/data/download/"
DOWNLOAD_SECONDS = 300
JSON_PAGE = 200
_BOM = b"\xef\xbb\xbf"

Row = dict[str, Any]
_TITLES = {
    "exchange": "Exchange",
    "onedrive": "OneDrive",
    "sharepoint": "SharePoint",
    "skype_for_business": "Skype For Business",
    "yammer": "Yammer",
    "teams": "Teams",
}
_MAIL_APPS = (
    "Mail For Mac",
    "Outlook For Mac",
    "Outlook For Windows",
    "Outlook For Mobile",
    "Other For Mobile",
    "Outlook For Web",
    "POP3 App",
    "IMAP4 App",
    "SMTP App",
)
_COPILOT_APPS = (
    "Microsoft Teams Copilot",
    "Word Copilot",
    "Excel Copilot",
    "PowerPoint Copilot",
    "Outlook Copilot",
    "OneNote Copilot",
    "Loop Copilot",
    "Copilot Chat",
)


class Reports:
    """The reports of all tenants, and the downloads that they redirect to."""

    def __init__(self) -> None:
        self._downloads: dict[str, tuple[float, bytes]] = {}

    def report(
        self,
        request: Request,
        tenant: Tenant,
        version: str,
        path: dict[str, str],
        roles: frozenset[str],
    ) -> Response:
        """GET /reports/<name>(period='…'): 302 to a CSV, or JSON where Graph has it."""
        name = path["report"]
        make = _REPORTS.get(name)
        if make is None or (name == _COPILOT and version != "beta"):
            return graph_error(
                request, 400, "BadRequest", f"Resource not found for the segment '{name}'."
            )
        period = _period(path.get("arguments") or "")
        if (name == _ACTIVATIONS) != (period is None) or (period and period not in PERIODS):
            return bad_request(request, "Invalid period value specified.", "InvalidArgument")
        rows = list(make(tenant, period or ""))
        if tenant.concealed:
            rows = [_concealed(row) for row in rows]
        wants_json = request.query.get("$format") == "application/json"
        if wants_json:
            if version != "beta" and name != _APP_USAGE:
                return bad_request(request, "Only CSV is supported.", "InvalidArgument")
            return _json(request, version, name, path.get("arguments") or "", rows, period)
        token = secrets.token_urlsafe(24)
        columns = list(rows[0]) if rows else list(next(make(_EXAMPLE, period or "")))
        if tenant.shuffled_columns:
            random.Random(name).shuffle(columns)  # noqa: S311 - reproducible, not secret
        self._downloads[token] = (time.monotonic() + DOWNLOAD_SECONDS, _csv(columns, rows))
        return Response(
            302, b"", {"content-type": "text/plain", "location": _elsewhere(request) + token}
        )

    def handle(self, request: Request) -> Response | None:
        """Answers downloads; whoever has the address may read, and a bearer token is refused."""
        if not request.path.startswith(DOWNLOAD_PATH):
            return None
        until, body = self._downloads.get(request.path.removeprefix(DOWNLOAD_PATH), (0.0, b""))
        if "authorization" in request.headers:
            return json_response({"error": {"code": "BadRequest", "message": "Token leaked."}}, 400)
        if time.monotonic() > until:
            return json_response({"error": {"code": "Forbidden", "message": "Link expired."}}, 403)
        return Response(200, body, {"content-type": "application/octet-stream"})


def settings(
    request: Request, tenant: Tenant, version: str, path: dict[str, str], roles: frozenset[str]
) -> Response:
    """GET /admin/reportSettings."""
    return json_response(
        {
            "@odata.context": f"{request.base}/{version}/$metadata#admin/reportSettings/$entity",
            "displayConcealedNames": tenant.concealed,
        }
    )


def _period(arguments: str) -> str | None:
    found = re.fullmatch(r"period='(\w+)'", arguments)
    return found.group(1) if found else None


def _elsewhere(request: Request) -> str:
    """The download service: another host than Graph's, on this same machine."""
    port = urlsplit(request.base).port
    return f"https://127.0.0.1:{port}{DOWNLOAD_PATH}"


def _csv(columns: list[str], rows: list[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in columns])
    return _BOM + text.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "+".join(value)
    return str(value)


def _concealed(row: Row) -> Row:
    """The row with the names that a tenant hides, always the same for the same name."""
    return {
        name: hashlib.md5(str(value).encode(), usedforsecurity=False).hexdigest().upper()
        if name.endswith(("Principal Name", "Display Name")) and value
        else value
        for name, value in row.items()
    }


def _json(
    request: Request, version: str, name: str, arguments: str, rows: list[Row], period: str | None
) -> Response:
    bounds = page_bounds(request, default=JSON_PAGE)
    if isinstance(bounds, Response):
        return bounds
    start, size = bounds
    items = _nested(name, rows, period)
    body: dict[str, Any] = {"value": items[start : start + size]}
    if start + size < len(items):
        content = "/content" if name == _APP_USAGE else ""
        call = f"{name}({arguments}){content}"
        skip = opaque(at=start + size)
        body["@odata.nextLink"] = (
            f"{request.base}/{version}/reports/{call}?$format=application/json&$skiptoken={skip}"
        )
    return json_response(body)


def _nested(name: str, rows: list[Row], period: str | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    days = int(period[1:]) if period else None
    for row in rows:
        values = {_camel(column): _plain(value) for column, value in row.items()}
        values.pop("reportPeriod", None)
        if name == _COPILOT:
            values["copilotActivityUserDetailsByPeriod"] = [{"reportPeriod": days}]
        elif name == _APP_USAGE:
            outer = ("reportRefreshDate", "userPrincipalName", "lastActivationDate")
            kept = {k: values.pop(k) for k in (*outer, "lastActivityDate")}
            values = {**kept, "details": [{"reportPeriod": days, **values}]}
        elif days is not None:
            values["reportPeriod"] = str(days)
        found.append(values)
    return found


def _camel(column: str) -> str:
    """The property of a column: its unit becomes part of the name, in another form."""
    named = column.replace(" (Byte)", " In Bytes").replace("URL", "Url")
    words = re.sub(r"[^A-Za-z0-9 ]", "", named).split()
    joined = "".join(word[0].upper() + word[1:] for word in words)
    return joined[0].lower() + joined[1:]


def _plain(value: Any) -> Any:
    return {"Yes": True, "No": False, "True": True, "False": False, "": None}.get(value, value)


def _licensed(tenant: Tenant) -> Iterator[tuple[User, UserUsage]]:
    for user in tenant.users():
        if tenant.paths(user):
            yield user, tenant.usage.get(user.user_id) or UserUsage()


def _refreshed(tenant: Tenant) -> str:
    lag = dt.timedelta(days=tenant.report_lag_days)
    return (dt.datetime.now(dt.UTC).date() - lag).isoformat()


def _shown(date: str | None, tenant: Tenant) -> str:
    """The date, if the report is fresh enough to know of it."""
    return date if date and date <= _refreshed(tenant) else ""


def _products(tenant: Tenant, user: User) -> list[str]:
    return sorted(BY_SKU_ID[sku].title.upper() for sku in tenant.seats(user))


def _active_users(tenant: Tenant, period: str) -> Iterator[Row]:
    for user, usage in _licensed(tenant):
        row: Row = {
            "Report Refresh Date": _refreshed(tenant),
            "User Principal Name": user.upn,
            "Display Name": user.display_name,
            "Is Deleted": "False",
            "Deleted Date": "",
        }
        row |= {f"Has {_TITLES[name]} License": "True" for name in SERVICES}
        row |= {
            f"{_TITLES[name]} Last Activity Date": _shown(usage.services.get(name), tenant)
            for name in SERVICES
        }
        row |= {f"{_TITLES[name]} License Assign Date": "2024-01-15" for name in SERVICES}
        yield {**row, "Assigned Products": _products(tenant, user)}


def _email_activity(tenant: Tenant, period: str) -> Iterator[Row]:
    for user, usage in _licensed(tenant):
        date = _shown(usage.services.get("exchange"), tenant)
        yield {
            "Report Refresh Date": _refreshed(tenant),
            "User Principal Name": user.upn,
            "Display Name": user.display_name,
            "Is Deleted": "False",
            "Deleted Date": "",
            "Last Activity Date": date,
            "Send Count": 3 if date else 0,
            "Receive Count": 12 if date else 0,
            "Read Count": 9 if date else 0,
            "Meeting Created Count": 0,
            "Meeting Interacted Count": 0,
            "Assigned Products": _products(tenant, user),
            "Report Period": int(period[1:]),
        }


def _email_apps(tenant: Tenant, period: str) -> Iterator[Row]:
    for user, usage in _licensed(tenant):
        yield {
            "Report Refresh Date": _refreshed(tenant),
            "User Principal Name": user.upn,
            "Display Name": user.display_name,
            "Is Deleted": "False",
            "Deleted Date": "",
            "Last Activity Date": _shown(usage.mail_app_date, tenant),
            **{app: "Yes" if app in usage.mail_apps else "No" for app in _MAIL_APPS},
            "Report Period": int(period[1:]),
        }


def _app_usage(tenant: Tenant, period: str) -> Iterator[Row]:
    for user, usage in _licensed(tenant):
        row: Row = {
            "Report Refresh Date": _refreshed(tenant),
            "User Principal Name": user.upn,
            "Last Activation Date": _shown(usage.activation_date, tenant),
            "Last Activity Date": _shown(usage.app_date, tenant),
            "Report Period": int(period[1:]),
        }
        row |= {name: _yes(name in usage.platforms) for name in PLATFORMS}
        row |= {app: _yes(app in usage.apps) for app in APPS}
        for platform in PLATFORMS:
            here = platform in usage.platforms
            row |= {f"{app} ({platform})": _yes(here and app in usage.apps) for app in APPS}
        yield row


def _yes(value: bool) -> str:
    return "Yes" if value else "No"


def _activations(tenant: Tenant, period: str) -> Iterator[Row]:
    for user, usage in _licensed(tenant):
        for item in usage.activations:
            yield {
                "Report Refresh Date": _refreshed(tenant),
                "User Principal Name": user.upn,
                "Display Name": user.display_name,
                "Product Type": item["product"],
                "Last Activated Date": item["date"],
                "Windows": item.get("windows", 0),
                "Mac": item.get("mac", 0),
                "Windows 10 Mobile": item.get("windows_mobile", 0),
                "iOS": item.get("ios", 0),
                "Android": item.get("android", 0),
                "Activated On Shared Computer": str(bool(item.get("shared", False))),
            }


def _onedrive(tenant: Tenant, period: str) -> Iterator[Row]:
    for user, usage in _licensed(tenant):
        if usage.onedrive_bytes is None:
            continue
        yield {
            "Report Refresh Date": _refreshed(tenant),
            "Site URL": "",
            "Owner Display Name": user.display_name,
            "Is Deleted": "False",
            "Last Activity Date": _shown(usage.onedrive_date, tenant),
            "File Count": 10,
            "Active File Count": 2,
            "Storage Used (Byte)": usage.onedrive_bytes,
            "Storage Allocated (Byte)": 1_099_511_627_776,
            "Owner Principal Name": user.upn,
            "Report Period": int(period[1:]),
        }


def _mailboxes(tenant: Tenant, period: str) -> Iterator[Row]:
    for user in tenant.users():
        usage = tenant.usage.get(user.user_id)
        if usage is None or usage.mailbox_bytes is None:
            continue
        yield {
            "Report Refresh Date": _refreshed(tenant),
            "User Principal Name": user.upn,
            "Display Name": user.display_name,
            "Is Deleted": "False",
            "Deleted Date": "",
            "Created Date": "2024-01-15",
            "Last Activity Date": _shown(usage.services.get("exchange"), tenant),
            "Item Count": 100,
            "Storage Used (Byte)": usage.mailbox_bytes,
            "Issue Warning Quota (Byte)": 105_226_698_752,
            "Prohibit Send Quota (Byte)": 106_300_440_576,
            "Prohibit Send/Receive Quota (Byte)": 107_374_182_400,
            "Deleted Item Count": 0,
            "Deleted Item Size (Byte)": 0,
            "Deleted Item Quota (Byte)": 32_212_254_720,
            "Has Archive": "False",
            "Report Period": int(period[1:]),
        }


def _copilot(tenant: Tenant, period: str) -> Iterator[Row]:
    for user, usage in _licensed(tenant):
        if not any("COPILOT" in product for product in _products(tenant, user)):
            continue
        dates = [date for date in usage.copilot.values() if _shown(date, tenant)]
        yield {
            "Report Refresh Date": _refreshed(tenant),
            "Report Period": int(period[1:]),
            "User Principal Name": user.upn,
            "Display Name": user.display_name,
            "Last Activity Date": max(dates, default=""),
            **{
                f"{app} Last Activity Date": _shown(usage.copilot.get(app), tenant)
                for app in _COPILOT_APPS
            },
        }


_ACTIVATIONS = "getOffice365ActivationsUserDetail"
_APP_USAGE = "getM365AppUserDetail"
_COPILOT = "getMicrosoft365CopilotUsageUserDetail"
_REPORTS: dict[str, Callable[[Tenant, str], Iterator[Row]]] = {
    "getOffice365ActiveUserDetail": _active_users,
    "getEmailActivityUserDetail": _email_activity,
    "getEmailAppUsageUserDetail": _email_apps,
    _APP_USAGE: _app_usage,
    _ACTIVATIONS: _activations,
    "getOneDriveUsageAccountDetail": _onedrive,
    "getMailboxUsageDetail": _mailboxes,
    _COPILOT: _copilot,
}


def _example() -> Tenant:
    """A tenant with a row in every report, from which empty reports take their header."""
    tenant = Tenant("00000000-0000-0000-0000-000000000000", "Example")
    sku_id = BY_PART_NUMBER["Microsoft_365_Copilot"].sku_id
    tenant.add_user(User("example", "example@example.com", "Example", direct={sku_id: []}))
    tenant.usage["example"] = UserUsage(
        mailbox_bytes=0, onedrive_bytes=0, activations=[{"product": "X", "date": "2024-01-15"}]
    )
    return tenant


_EXAMPLE = _example()
