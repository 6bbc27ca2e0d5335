"""Writes a table as CSV (RFC 4180), for people with Excel as much as for programs."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from exports.formulas import defused

if TYPE_CHECKING:
    from pydantic import BaseModel

    from exports.columns import Cell, Column

MEDIA_TYPE = "text/csv"
CONTENT_TYPE = "text/csv; charset=utf-8"


class CsvFile:
    """A CSV file on disk: a line of headers, then a line per row, in UTF-8.

    The byte order mark is there for Excel, which reads a file without it in
    the machine's own encoding.
    """

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._columns = columns
        # what UTF-8 cannot carry becomes a question mark
        self._file = path.open("w", encoding="utf-8-sig", errors="replace", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow([defused(column.header) for column in columns])

    @property
    def spooled_bytes(self) -> int:
        """What the file takes so far."""
        self._file.flush()
        return self._file.tell()

    def write(self, rows: Iterable[BaseModel]) -> None:
        """Adds rows."""
        for row in rows:
            self._writer.writerow([_text(column.of(row)) for column in self._columns])

    def close(self) -> None:
        """Ends the file."""
        self._file.close()


def _text(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case str():
            return defused(cell)
        case bool():
            return "true" if cell else "false"
        case datetime():
            return cell.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        case date():
            return cell.isoformat()
        case _:
            return format(cell, "f") if not isinstance(cell, int | float) else str(cell)
