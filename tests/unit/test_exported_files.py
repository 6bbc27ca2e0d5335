"""A list becomes a file: columns, CSV, Excel, and texts that would like to be formulas."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import function_app
from errors import ExportTooLarge, InvalidInput
from exports.columns import columns_of, row_model
from exports.csv_file import CsvFile
from exports.formulas import defused, may_run
from exports.negotiation import chosen_format
from exports.table import export_table
from exports.xlsx_file import MEDIA_TYPE as XLSX
from exports.xlsx_file import XlsxFile
from ledger.contract import ContactView, DirectoriesView, LicenseView
from web.contract import Contract, PageOf, Timestamp


class Counts(Contract):
    consumed: int
    blocked: int


class Part(Contract):
    sku_id: str
    plans: list[str]


class Line(Contract):
    portal_id: str
    name: str
    seats: int
    amount: Decimal | None = None
    active: bool = True
    created_at: Timestamp | None = None
    due: date | None = None
    counts: Counts = Counts(consumed=1, blocked=0)
    parts: list[Part] = []
    totals: dict[str, int] = {}
    etag: str | None = None


def line(name: str = "Sales", **values: Any) -> Line:
    return Line(**{"portal_id": "p1", "name": name, "seats": -3, **values})


def as_csv(path: Path, *rows: Line) -> list[list[str]]:
    sink = CsvFile(path, columns_of(Line))
    sink.write(rows)
    sink.close()
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def as_xlsx(path: Path, *rows: Line) -> list[tuple[Any, ...]]:
    sink = XlsxFile(path, columns_of(Line), sheet="lines")
    sink.write(rows)
    sink.close()
    book = openpyxl.load_workbook(path)
    found = [tuple(cell for cell in row) for row in book["lines"].iter_rows()]
    book.close()
    return found


def test_headers_speak_the_readers_words_and_nested_objects_become_columns():
    assert [column.header for column in columns_of(Line)] == [
        "Portal ID",
        "Name",
        "Seats",
        "Amount",
        "Active",
        "Created (UTC)",
        "Due",
        "Counts: consumed",
        "Counts: blocked",
        "Parts",
        "Totals",
    ]
    assert [column.name for column in columns_of(Line)][:1] == ["portalId"]
    assert "counts_consumed" in [column.name for column in columns_of(Line)]


def test_every_list_of_the_api_has_columns_and_a_tree_has_none():
    lists = [op for area in function_app.AREAS for op in area.operations if op.rows is not None]
    names = {operation.name for operation in lists}
    assert {"ListContacts", "ListRuns", "GetComplianceHistory", "ListAvailableLicenses"} <= names
    for operation in lists:
        assert operation.rows is not None
        headers = [column.header for column in columns_of(operation.rows)]
        assert len(set(headers)) == len(headers), operation.name
    assert row_model(DirectoriesView) is None
    assert row_model(PageOf[ContactView]) is ContactView
    assert row_model(LicenseView) is None


def test_a_csv_begins_with_the_mark_that_excel_looks_for(tmp_path: Path):
    as_csv(tmp_path / "a.csv", line("Zürich"))
    raw = (tmp_path / "a.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfPortal ID,")
    assert "Zürich".encode() in raw
    assert raw.endswith(b"\r\n")


def test_numbers_times_and_lists_are_written_as_such(tmp_path: Path):
    moment = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
    row = line(
        amount=Decimal("12.30"),
        created_at=moment,
        due=date(2026, 6, 1),
        parts=[Part(sku_id="s1", plans=["a", "b"]), Part(sku_id="s2", plans=[])],
        totals={"contacts": 5},
    )
    cells = dict(zip(*as_csv(tmp_path / "a.csv", row), strict=True))
    assert cells["Seats"] == "-3"
    assert cells["Amount"] == "12.30"
    assert cells["Active"] == "true"
    assert cells["Created (UTC)"] == "2026-05-04 03:02:01"
    assert cells["Due"] == "2026-06-01"
    assert cells["Parts"] == "sku id s1, plans [a; b]; sku id s2"
    assert cells["Totals"] == "contacts 5"
    head, body = as_xlsx(tmp_path / "a.xlsx", row)
    values = {h.value: c.value for h, c in zip(head, body, strict=True)}
    assert values["Seats"] == -3
    assert values["Amount"] == 12.3
    assert values["Active"] is True
    assert values["Created (UTC)"] == moment.replace(tzinfo=None)
    assert values["Due"] == datetime(2026, 6, 1)  # noqa: DTZ001 - Excel knows no zones


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\rx", "\nx", "  =cmd|'/c calc'!A0", "＝1+1"],
)
def test_a_text_that_opens_like_a_formula_is_defused(text: str, tmp_path: Path):
    cells = as_csv(tmp_path / "a.csv", line(text))[1]
    assert cells[1] == f"'{text}"
    cell = as_xlsx(tmp_path / "a.xlsx", line(text))[1][1]
    assert cell.data_type == "s"
    assert cell.quotePrefix


@given(st.text(max_size=40))
def test_what_is_defused_runs_no_more_and_keeps_its_text(text: str):
    safe = defused(text)
    assert not may_run(safe)
    assert safe in (text, f"'{text}")


@settings(max_examples=60, deadline=None)
@given(
    text=st.text(st.characters(blacklist_categories=()), max_size=60)
    | st.sampled_from(["<r><t>x</t></r>", "</t></is></c><c><f>1</f></c>", "_x0041_", "\x00\x0b"])
)
def test_whatever_a_tenant_calls_things_both_files_stay_readable(
    text: str, tmp_path_factory: pytest.TempPathFactory
):
    folder = tmp_path_factory.mktemp("files")
    assert len(as_csv(folder / "a.csv", line(text), line("after"))) == 3
    rows = as_xlsx(folder / "a.xlsx", line(text), line("after"))
    assert [row[1].value for row in rows][2] == "after"
    assert rows[1][1].data_type in ("s", "inlineStr", "n")
    assert rows[1][1].value is None or isinstance(rows[1][1].value, str)


def test_numbers_that_excel_would_round_stay_text(tmp_path: Path):
    exact = Decimal("123456789012345.678")
    body = as_xlsx(tmp_path / "a.xlsx", line(amount=exact, seats=2**60))[1]
    assert body[3].value == str(exact)
    assert body[2].value == str(2**60)


def test_a_cell_longer_than_excel_allows_is_cut_and_says_so(tmp_path: Path):
    body = as_xlsx(tmp_path / "a.xlsx", line("x" * 40_000))[1]
    assert len(body[1].value) == 32_767
    assert body[1].value.endswith("…")


async def exported(pages: int, **options: Any) -> Any:
    async def page(continuation: str | None) -> PageOf[Line]:
        number = int(continuation or 0)
        following = str(number + 1) if number + 1 < pages else None
        rows = [line(f"{number}-{index}") for index in range(10)]
        return PageOf[Line](value=rows, continuation=following)

    values = {"name": "lines", "one_page": False, "max_bytes": 1_000_000, "today": date(2026, 5, 4)}
    return await export_table(page, Line, **{"form": "csv", **values, **options})


@pytest.mark.parametrize("form", ["csv", "xlsx"])
async def test_all_pages_go_into_one_file(form: str):
    table = await exported(4, form=form)
    assert table.file_name == f"lines-2026-05-04.{form}"
    assert table.continuation is None
    if form == "csv":
        assert table.content.count(b"\r\n") == 41
    else:
        book = openpyxl.load_workbook(io.BytesIO(table.content))
        assert book["lines"].max_row == 41


async def test_one_page_goes_alone_and_says_where_the_next_begins():
    table = await exported(4, one_page=True)
    assert table.content.count(b"\r\n") == 11
    assert table.continuation == "1"


@pytest.mark.parametrize("form", ["csv", "xlsx"])
async def test_a_list_too_long_for_one_file_is_refused_not_cut(form: str):
    with pytest.raises(ExportTooLarge) as refused:
        await exported(2000, form=form, max_bytes=20_000)
    assert "Link" in refused.value.remedy


@pytest.mark.parametrize(
    ("parameter", "accept", "form"),
    [
        (None, None, "json"),
        (None, "*/*", "json"),
        (None, "text/html,application/xhtml+xml,*/*;q=0.8", "json"),
        (None, "text/csv", "csv"),
        (None, f"text/csv;q=0.5, {XLSX}", "xlsx"),
        (None, "text/csv;q=0", "json"),
        (None, "text/csv;q=what", "json"),
        ("xlsx", "text/csv", "xlsx"),
        ("json", "text/csv", "json"),
    ],
)
def test_the_parameter_leads_and_then_what_is_accepted(
    parameter: str | None, accept: str | None, form: str
):
    assert chosen_format(parameter, accept) == form


def test_a_form_that_there_is_not_is_refused_by_name():
    with pytest.raises(InvalidInput) as refused:
        chosen_format("pdf", None)
    assert refused.value.field == "format"
