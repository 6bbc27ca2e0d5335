"""Writes a table as an Excel workbook, row by row: memory does not grow with the rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from errors import ExportTooLarge
from exports.formulas import may_run

if TYPE_CHECKING:
    from pydantic import BaseModel

    from exports.columns import Cell, Column

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CONTENT_TYPE = MEDIA_TYPE
# Source: https://support.microsoft.com/office/excel-specifications-and-limits-1672b34d-7043-467e-8e27-269d656771c3
MAX_ROWS = 1_048_576
MAX_CELL_CHARACTERS = 32_767
_EXACT_DIGITS = 15
_FIRST_YEAR = 1900
_CELL_BYTES = 40
_WIDEST = 60
# XML carries neither; U+FFFE and U+FFFF are no characters at all
_NOT_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")


class XlsxFile:
    """A workbook of one sheet, with a frozen line of headers and a filter."""

    def __init__(self, path: Path, columns: Sequence[Column], *, sheet: str) -> None:
        import xlsxwriter

        self._columns = columns
        self._book = xlsxwriter.Workbook(
            str(path), {"constant_memory": True, "tmpdir": str(path.parent)}
        )
        self._sheet = self._book.add_worksheet(sheet[:31])
        self._moment = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._day = self._book.add_format({"num_format": "yyyy-mm-dd"})
        # Excel keeps such a cell a text even when somebody edits it
        self._quoted = self._book.add_format({"quote_prefix": True})
        self._written = 0
        self._closed = False
        self.spooled_bytes = 0
        self._headers()

    def _headers(self) -> None:
        bold = self._book.add_format({"bold": True})
        for index, column in enumerate(self._columns):
            width = 20 if column.kind in ("moment", "day") else len(column.header) + 4
            self._sheet.set_column(index, index, min(max(width, 12), _WIDEST))
        self._sheet.freeze_panes(1, 0)
        self._sheet.autofilter(0, 0, MAX_ROWS - 1, max(len(self._columns) - 1, 0))
        for index, column in enumerate(self._columns):
            self._sheet.write_string(0, index, column.header, bold)

    def write(self, rows: Iterable[BaseModel]) -> None:
        """Adds rows. Raises ExportTooLarge beyond what a sheet holds."""
        for row in rows:
            self._written += 1
            if self._written >= MAX_ROWS:
                raise ExportTooLarge(
                    f"An Excel sheet holds {MAX_ROWS} rows, and the list has more.",
                    remedy="Filter the list, or ask for format=csv.",
                )
            for index, column in enumerate(self._columns):
                self._write(index, column.of(row))

    def _write(self, index: int, cell: Cell) -> None:
        row, sheet = self._written, self._sheet
        self.spooled_bytes += _CELL_BYTES
        match cell:
            case None:
                return
            case str():
                text = safe_text(cell)
                self.spooled_bytes += len(text)
                sheet.write_string(row, index, text, self._quoted if may_run(text) else None)
            case bool():
                sheet.write_boolean(row, index, cell)
            case datetime() | date() if cell.year < _FIRST_YEAR:
                sheet.write_string(row, index, str(cell))
            case datetime():
                naive = cell.astimezone(UTC).replace(tzinfo=None)
                sheet.write_datetime(row, index, naive, self._moment)
            case date():
                sheet.write_datetime(row, index, cell, self._day)
            case _ if _exact(cell):
                sheet.write_number(row, index, cell)
            case _:
                sheet.write_string(row, index, str(cell))

    def close(self) -> None:
        """Packs the workbook; closing twice is fine."""
        if not self._closed:
            self._closed = True
            self._book.close()


def _exact(number: Any) -> bool:
    """Whether Excel, which counts in doubles, keeps the number as it is."""
    if isinstance(number, float):
        return number == number and abs(number) != float("inf")
    digits = number.as_tuple().digits if isinstance(number, Decimal) else str(abs(number))
    return len(digits) <= _EXACT_DIGITS


def safe_text(text: str) -> str:
    """The text as a cell can hold it.

    XlsxWriter takes a text between <r> and </r> for ready-made XML; a blank
    after it keeps a tenant from writing into the workbook's parts.
    """
    text = _NOT_XML.sub("\ufffd", text)
    if len(text) > MAX_CELL_CHARACTERS:
        text = text[: MAX_CELL_CHARACTERS - 1] + "…"
    return f"{text} " if text.startswith("<r>") and text.endswith("</r>") else text
