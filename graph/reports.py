"""Usage reports: downloaded as CSV, read row by row, bound by the names of their columns."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO, Protocol

import msgspec

from graph.errors import unreadable_success
from graph.paging import PageOf, pages
from graph.permissions import REPORT_SETTINGS_READ, REPORTS_READ
from identifiers import UserId
from usage.model import (
    ACTIVATIONS,
    ACTIVE_USERS,
    APP_USAGE,
    COPILOT_USAGE,
    EMAIL_ACTIVITY,
    EMAIL_APPS,
    MAILBOX_USAGE,
    ONEDRIVE_USAGE,
    Activation,
    ReportPeriod,
    Service,
    Usage,
)

if TYPE_CHECKING:
    from kiota_abstractions.request_information import RequestInformation

    from graph.client import GraphClient

MAX_NAME_CHARACTERS = 200
_CONCEALED = re.compile(r"[0-9A-F]{32}")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class ReportRow(msgspec.Struct, frozen=True):
    """What one row tells: of whom, as of which date, and what.

    `principal` is the user principal name, casefolded; `usage` has no user ID
    yet. With `concealed`, the name is a stand-in.
    """

    principal: str
    refreshed_on: str | None
    usage: Usage
    concealed: bool = False


class _Settings(msgspec.Struct, rename="camel", frozen=True):
    display_concealed_names: bool | None = None
    value: _Settings | None = None


class _CopilotUser(msgspec.Struct, rename="camel", frozen=True):
    user_principal_name: str | None = None
    report_refresh_date: str | None = None
    last_activity_date: str | None = None


_settings_decoder = msgspec.json.Decoder(_Settings)
_copilot_decoder = msgspec.json.Decoder(PageOf[_CopilotUser])


async def names_concealed(graph: GraphClient) -> bool | None:
    """Whether the tenant hides names in reports; None if Graph does not say. Raises GraphError.

    Microsoft's documentation wraps the settings in `value`, the service does not.
    Source: https://learn.microsoft.com/graph/api/adminreportsettings-get
    """
    from msgraph.generated.admin.report_settings.report_settings_request_builder import (
        ReportSettingsRequestBuilder,
    )

    request = ReportSettingsRequestBuilder(graph.adapter, {}).to_get_request_information()
    found = await graph.read(request, _settings_decoder, permission=REPORT_SETTINGS_READ)
    return (found.value or found).display_concealed_names


async def download_report(
    graph: GraphClient, report: str, period: ReportPeriod, target: BinaryIO
) -> None:
    """Writes a report's CSV into `target`, in one piece or not at all. Raises GraphError.

    Source: https://learn.microsoft.com/graph/api/resources/report
    """
    from graph.downloads import download_redirected

    await download_redirected(
        graph, lambda: _request(graph, report, period), target, permission=REPORTS_READ
    )


class _Requests(Protocol):
    """A request builder of the SDK."""

    def to_get_request_information(self) -> RequestInformation: ...


def _request(graph: GraphClient, report: str, period: ReportPeriod) -> RequestInformation:
    from msgraph.generated.reports.reports_request_builder import ReportsRequestBuilder

    reports = ReportsRequestBuilder(graph.adapter, {})
    if report == ACTIVATIONS:
        return reports.get_office365_activations_user_detail.to_get_request_information()
    of_period: dict[str, Callable[[str], _Requests]] = {
        ACTIVE_USERS: reports.get_office365_active_user_detail_with_period,
        EMAIL_ACTIVITY: reports.get_email_activity_user_detail_with_period,
        EMAIL_APPS: reports.get_email_app_usage_user_detail_with_period,
        APP_USAGE: reports.get_m365_app_user_detail_with_period,
        ONEDRIVE_USAGE: reports.get_one_drive_usage_account_detail_with_period,
        MAILBOX_USAGE: reports.get_mailbox_usage_detail_with_period,
    }
    return of_period[report](period).to_get_request_information()


def read_rows(report: str, source: BinaryIO) -> Iterator[ReportRow]:
    """The rows of a report's CSV; those that name nobody, or a deleted user, are left out.

    Columns are found by name, whatever their order: Microsoft inserts new
    ones. Raises GraphSuccessUnreadable if the body is not that report.
    """
    read = _READERS[report]
    text = io.TextIOWrapper(source, "utf-8-sig", errors="replace", newline="")
    reader = csv.reader(text)
    try:
        header = next(reader, [])
        columns = {_folded(name): index for index, name in enumerate(header)}
        who = next((columns[name] for name in _PRINCIPALS if name in columns), None)
        if who is None or "report refresh date" not in columns:
            raise unreadable_success(None)
        for values in reader:
            cells = _Cells(columns, values)
            principal = values[who].strip() if who < len(values) else ""
            if cells.flag("Is Deleted"):
                continue
            concealed = _CONCEALED.fullmatch(principal) is not None
            if not concealed and "@" not in principal:
                continue
            yield ReportRow(
                principal.casefold(), cells.date("Report Refresh Date"), read(cells), concealed
            )
    except csv.Error as error:
        raise unreadable_success(None) from error
    finally:
        # the file stays its owner's to close
        text.detach()


async def copilot_rows(graph: GraphClient, period: ReportPeriod) -> AsyncIterator[list[ReportRow]]:
    """The use of Copilot, a page at a time: JSON of Graph's beta, which v1.0 lacks.

    Raises GraphError.
    Source: https://learn.microsoft.com/graph/api/reportroot-getmicrosoft365copilotusageuserdetail
    """
    first = (
        f"{graph.cloud.graph_url}/beta/reports/{COPILOT_USAGE}(period='{period}')"
        "?$format=application/json"
    )
    async for page in pages(graph, first, _copilot_decoder, permission=REPORTS_READ):
        yield [
            ReportRow(
                user.user_principal_name.casefold(),
                _date(user.report_refresh_date),
                Usage(
                    UserId(""),
                    _dated({Service.COPILOT: _date(user.last_activity_date)}),
                    reported=(COPILOT_USAGE,),
                ),
                _CONCEALED.fullmatch(user.user_principal_name) is not None,
            )
            for user in page.value
            if user.user_principal_name
        ]


_PRINCIPALS = ("user principal name", "owner principal name")


class _Cells:
    """The values of one row by column name; an absent column and a blank cell are the same."""

    def __init__(self, columns: dict[str, int], values: Sequence[str]) -> None:
        self._columns = columns
        self._values = values

    def text(self, column: str) -> str:
        """The cell, "" if blank."""
        index = self._columns.get(_folded(column), -1)
        return self._values[index].strip() if 0 <= index < len(self._values) else ""

    def date(self, column: str) -> str | None:
        """The cell as an ISO date."""
        return _date(self.text(column))

    def flag(self, column: str) -> bool:
        """Whether the cell says yes, in any of the words that reports have used."""
        return self.text(column).casefold() in ("yes", "true", "1")

    def number(self, column: str) -> int | None:
        """The cell as a whole number."""
        text = self.text(column)
        return int(text) if text.isascii() and text.isdigit() else None

    def count(self, column: str) -> int:
        """The cell as a number of devices; a mere yes is one."""
        number = self.number(column)
        return number if number is not None else int(self.flag(column))


@lru_cache(256)
def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _date(text: str | None) -> str | None:
    found = _ISO_DATE.match(text) if text else None
    return found.group() if found else None


def _dated(dates: dict[Service, str | None]) -> dict[str, str]:
    return {str(service): date for service, date in dates.items() if date is not None}


def _active_users(cells: _Cells) -> Usage:
    return Usage(
        UserId(""),
        _dated(
            {
                Service.EXCHANGE: cells.date("Exchange Last Activity Date"),
                Service.ONEDRIVE: cells.date("OneDrive Last Activity Date"),
                Service.SHAREPOINT: cells.date("SharePoint Last Activity Date"),
                Service.SKYPE_FOR_BUSINESS: cells.date("Skype For Business Last Activity Date"),
                Service.YAMMER: cells.date("Yammer Last Activity Date"),
                Service.TEAMS: cells.date("Teams Last Activity Date"),
            }
        ),
        reported=(ACTIVE_USERS,),
    )


def _email_activity(cells: _Cells) -> Usage:
    dates = _dated({Service.EXCHANGE: cells.date("Last Activity Date")})
    return Usage(UserId(""), dates, reported=(EMAIL_ACTIVITY,))


def _email_apps(cells: _Cells) -> Usage:
    """The date is that of any mail app; it counts for Outlook unless only others were used."""
    desktop = [cells.flag(f"Outlook For {kind}") for kind in ("Windows", "Mac")]
    outlook = [*desktop, *(cells.flag(f"Outlook For {kind}") for kind in ("Mobile", "Web"))]
    others = ("Mail For Mac", "Other For Mobile", "POP3 App", "IMAP4 App", "SMTP App")
    counts = any(outlook) or not any(cells.flag(other) for other in others)
    date = cells.date("Last Activity Date") if counts else None
    return Usage(
        UserId(""),
        _dated({Service.OUTLOOK: date}),
        reported=(EMAIL_APPS,),
        desktop_outlook=any(desktop),
    )


def _app_usage(cells: _Cells) -> Usage:
    """The date is that of any app; it counts unless only Outlook or Teams were used."""
    office = any(cells.flag(app) for app in ("Word", "Excel", "PowerPoint", "OneNote"))
    counts = office or not any(cells.flag(app) for app in ("Outlook", "Teams"))
    date = cells.date("Last Activity Date") if counts else None
    return Usage(
        UserId(""),
        _dated({Service.MICROSOFT_365_APPS: date}),
        reported=(APP_USAGE,),
        last_activation=cells.date("Last Activation Date"),
        platforms=tuple(
            platform.casefold()
            for platform in ("Windows", "Mac", "Mobile", "Web")
            if cells.flag(platform)
        ),
        desktop_outlook=cells.flag("Outlook (Windows)") or cells.flag("Outlook (Mac)"),
    )


def _activations(cells: _Cells) -> Usage:
    activation = Activation(
        cells.text("Product Type")[:MAX_NAME_CHARACTERS],
        cells.date("Last Activated Date"),
        cells.count("Windows"),
        cells.count("Mac"),
        cells.count("Windows 10 Mobile"),
        cells.count("iOS"),
        cells.count("Android"),
        cells.flag("Activated On Shared Computer"),
    )
    return Usage(UserId(""), reported=(ACTIVATIONS,), activations=(activation,))


def _onedrive(cells: _Cells) -> Usage:
    return Usage(
        UserId(""),
        reported=(ONEDRIVE_USAGE,),
        onedrive_bytes=cells.number("Storage Used (Byte)"),
    )


def _mailboxes(cells: _Cells) -> Usage:
    return Usage(
        UserId(""), reported=(MAILBOX_USAGE,), mailbox_bytes=cells.number("Storage Used (Byte)")
    )


_READERS: dict[str, Callable[[_Cells], Usage]] = {
    ACTIVE_USERS: _active_users,
    EMAIL_ACTIVITY: _email_activity,
    EMAIL_APPS: _email_apps,
    APP_USAGE: _app_usage,
    ACTIVATIONS: _activations,
    ONEDRIVE_USAGE: _onedrive,
    MAILBOX_USAGE: _mailboxes,
}
