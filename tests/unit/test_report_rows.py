"""Rows of report CSVs, in the forms that Microsoft has given them over the years."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import GraphSuccessUnreadable
from graph.reports import read_rows
from usage.model import (
    ACTIVATIONS,
    ACTIVE_USERS,
    APP_USAGE,
    EMAIL_ACTIVITY,
    EMAIL_APPS,
    MAILBOX_USAGE,
    ONEDRIVE_USAGE,
    Activation,
)

BOM = b"\xef\xbb\xbf"


def csv_of(header: str, *rows: str, bom: bytes = BOM) -> io.BytesIO:
    """A report's body."""
    return io.BytesIO(bom + "\r\n".join([header, *rows]).encode() + b"\r\n")


@pytest.mark.parametrize("bom", [BOM, b""])
def test_a_byte_order_mark_makes_no_difference(bom: bytes):
    header = "Report Refresh Date,User Principal Name,Last Activity Date"
    body = csv_of(header, "2026-05-29,Ada@Contoso.com,2026-05-20", bom=bom)
    (row,) = read_rows(EMAIL_ACTIVITY, body)
    assert (row.principal, row.refreshed_on) == ("ada@contoso.com", "2026-05-29")
    assert row.usage.last_activity == {"exchange": "2026-05-20"}


def test_inserted_and_missing_columns_make_no_difference():
    header = "Tenant,User Principal Name,New Thing,Storage Used (Byte),Report Refresh Date"
    (row,) = read_rows(MAILBOX_USAGE, csv_of(header, "x,a@b.c,,4096,2026-05-29"))
    assert row.usage.mailbox_bytes == 4096
    header = "Report Refresh Date,User Principal Name"
    (row,) = read_rows(MAILBOX_USAGE, csv_of(header, "2026-05-29,a@b.c"))
    assert row.usage.mailbox_bytes is None


def test_column_names_are_found_in_any_case_and_spacing():
    header = "report refresh date,user principal name,LAST  activity date"
    (row,) = read_rows(EMAIL_ACTIVITY, csv_of(header, "2026-05-29,a@b.c,2026-05-20"))
    assert row.usage.last_activity == {"exchange": "2026-05-20"}


@pytest.mark.parametrize("yes", ["Yes", "True", "TRUE", "1"])
@pytest.mark.parametrize("no", ["No", "False", "", "0"])
def test_booleans_are_read_in_all_their_words(yes: str, no: str):
    header = "Report Refresh Date,User Principal Name,Windows,Mac,Word,Last Activity Date"
    body = csv_of(header, f"2026-05-29,a@b.c,{yes},{no},{yes},2026-05-20")
    (row,) = read_rows(APP_USAGE, body)
    assert row.usage.platforms == ("windows",)


def test_onedrive_names_its_owner_in_another_column():
    header = "Report Refresh Date,Site URL,Owner Principal Name,Storage Used (Byte)"
    (row,) = read_rows(ONEDRIVE_USAGE, csv_of(header, "2026-05-29,,a@b.c,12"))
    assert (row.principal, row.usage.onedrive_bytes) == ("a@b.c", 12)


def test_deleted_users_and_names_that_are_none_are_left_out():
    header = "Report Refresh Date,User Principal Name,Is Deleted,Storage Used (Byte)"
    body = csv_of(
        header,
        "2026-05-29,gone@b.c,True,1",
        "2026-05-29,(Unknown),False,1",
        "2026-05-29,,False,1",
        "2026-05-29,here@b.c,False,1",
        "",
    )
    assert [row.principal for row in read_rows(MAILBOX_USAGE, body)] == ["here@b.c"]


def test_stand_ins_for_names_are_recognized():
    header = "Report Refresh Date,User Principal Name"
    body = csv_of(header, "2026-05-29,DC8C64D6EC3A3AA17481D7E5EB5B68A6", "2026-05-29,a@b.c")
    assert [row.concealed for row in read_rows(ACTIVE_USERS, body)] == [True, False]


def test_activations_count_devices_or_say_yes():
    header = (
        "Report Refresh Date,User Principal Name,Product Type,Last Activated Date,Windows,Mac,"
        "Windows 10 Mobile,iOS,Android,Activated On Shared Computer"
    )
    body = csv_of(
        header,
        '2026-05-29,a@b.c,"Microsoft 365, Apps",2026-01-02,2,,0,1,0,False',
        "2026-05-29,a@b.c,Visio,,Yes,No,No,No,No,True",
    )
    found = [row.usage.activations[0] for row in read_rows(ACTIVATIONS, body)]
    assert found == [
        Activation("Microsoft 365, Apps", "2026-01-02", 2, 0, 0, 1),
        Activation("Visio", None, 1, shared_computer=True),
    ]


@pytest.mark.parametrize(
    ("flags", "counts"),
    [
        ("Yes,No,No", True),
        ("No,Yes,No", False),
        ("Yes,Yes,Yes", True),
        ("No,No,No", True),
    ],
)
def test_apps_count_unless_only_outlook_or_teams_were_used(flags: str, counts: bool):
    header = "Report Refresh Date,User Principal Name,Last Activity Date,Word,Outlook,Teams"
    (row,) = read_rows(APP_USAGE, csv_of(header, f"2026-05-29,a@b.c,2026-05-20,{flags}"))
    assert bool(row.usage.last_activity) is counts
    assert row.usage.reported == (APP_USAGE,)


@pytest.mark.parametrize(
    ("flags", "counts"), [("Yes,No", True), ("No,Yes", False), ("Yes,Yes", True), ("No,No", True)]
)
def test_mail_apps_count_for_outlook_unless_only_others_were_used(flags: str, counts: bool):
    header = (
        "Report Refresh Date,User Principal Name,Last Activity Date,Outlook For Mobile,POP3 App"
    )
    (row,) = read_rows(EMAIL_APPS, csv_of(header, f"2026-05-29,a@b.c,2026-05-20,{flags}"))
    assert bool(row.usage.last_activity) is counts


@pytest.mark.parametrize(
    ("report", "column", "desktop"),
    [
        (EMAIL_APPS, "Outlook For Windows", True),
        (EMAIL_APPS, "Outlook For Mac", True),
        (EMAIL_APPS, "Outlook For Web", False),
        (EMAIL_APPS, "Outlook For Mobile", False),
        (APP_USAGE, "Outlook (Windows)", True),
        (APP_USAGE, "Outlook (Mac)", True),
        (APP_USAGE, "Outlook (Mobile)", False),
        (APP_USAGE, "Outlook", False),
    ],
)
def test_outlook_on_the_desktop_is_told_from_outlook_elsewhere(
    report: str, column: str, desktop: bool
):
    header = f"Report Refresh Date,User Principal Name,{column}"
    used, unused = read_rows(report, csv_of(header, "2026-05-29,a@b.c,Yes", "2026-05-29,d@e.f,No"))
    assert (used.usage.desktop_outlook, unused.usage.desktop_outlook) == (desktop, False)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>sign in</body></html>",
        b"Report Refresh Date,Site URL\r\n2026-05-29,x\r\n",
        b"User Principal Name,Last Activity Date\r\na@b.c,2026-05-20\r\n",
    ],
)
def test_a_body_that_is_not_the_report_is_an_error(body: bytes):
    with pytest.raises(GraphSuccessUnreadable):
        list(read_rows(EMAIL_ACTIVITY, io.BytesIO(body)))


@given(st.binary(max_size=300))
def test_whatever_follows_a_header_is_read_or_refused_and_never_crashes(rest: bytes):
    header = b"Report Refresh Date,User Principal Name,Last Activity Date\r\n"
    try:
        rows = list(read_rows(EMAIL_ACTIVITY, io.BytesIO(BOM + header + rest)))
    except GraphSuccessUnreadable:
        return
    for row in rows:
        assert "@" in row.principal or row.concealed
