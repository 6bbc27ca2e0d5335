"""Spools a list, page by page, into a file of bounded size."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from errors import ExportTooLarge
from exports import csv_file, xlsx_file
from exports.columns import columns_of
from exports.csv_file import CsvFile
from exports.xlsx_file import XlsxFile

if TYPE_CHECKING:
    from pydantic import BaseModel

    from exports.negotiation import FileFormat

MAX_PAGE_ROWS = 1000
# a workbook is packed to about a tenth of its parts, which need the disk until then
_SPOOL_FACTOR = 10


class PageLike(Protocol):
    """A page of a list, and the position after it."""

    value: list[Any]
    continuation: str | None


class Table(msgspec.Struct, frozen=True):
    """A list as a file; `continuation` is the position after it, None at the list's end."""

    content: bytes
    content_type: str
    file_name: str
    continuation: str | None


async def export_table(
    page: Callable[[str | None], Awaitable[PageLike]],
    row: type[BaseModel],
    form: FileFormat,
    *,
    name: str,
    one_page: bool,
    max_bytes: int,
    today: date,
) -> Table:
    """The rows of every page, or of the first, as one file.

    The Functions worker takes an answer's body whole, so it may have at most
    `max_bytes`; until it is read for the answer, the file is on disk, and
    memory holds a page. Raises ExportTooLarge.
    """
    with tempfile.TemporaryDirectory(prefix="ledger365-export-") as directory:
        path = Path(directory) / f"table.{form}"
        columns = columns_of(row)
        sink = CsvFile(path, columns) if form == "csv" else XlsxFile(path, columns, sheet=name)
        limit = max_bytes if form == "csv" else max_bytes * _SPOOL_FACTOR
        with closing(sink):
            found = await page(None)
            while True:
                await asyncio.to_thread(sink.write, found.value)
                if sink.spooled_bytes > limit:
                    raise _too_large(max_bytes)
                if one_page or found.continuation is None:
                    break
                found = await page(found.continuation)
            await asyncio.to_thread(sink.close)
        if path.stat().st_size > max_bytes:
            raise _too_large(max_bytes)
        content = await asyncio.to_thread(path.read_bytes)
    return Table(
        content,
        csv_file.CONTENT_TYPE if form == "csv" else xlsx_file.CONTENT_TYPE,
        f"{name}-{today.isoformat()}.{form}",
        found.continuation,
    )


def _too_large(max_bytes: int) -> ExportTooLarge:
    return ExportTooLarge(
        f"The file would have more than {max_bytes} bytes.",
        remedy="Filter the list, take it page by page with top=1000 and the header Link, "
        "or read the feed at /api/odata.",
    )
