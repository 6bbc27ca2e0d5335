"""Turns a list's operation into a file: all of its pages, or the one that was asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import TYPE_CHECKING, Any

from exports.table import MAX_PAGE_ROWS, PageLike, Table, export_table
from web.contract import PageOf, PageQuery

if TYPE_CHECKING:
    from pydantic import BaseModel

    from exports.negotiation import FileFormat


async def file_of_list(
    listed: Callable[[Any], Awaitable[Any]],
    query: Any,
    rows: type[BaseModel],
    form: FileFormat,
    *,
    name: str,
    max_bytes: int,
    today: date,
) -> Table:
    """What `listed` answers to `query`, as a file.

    A query that names `top` or `continuation` asks for that page; without
    them the file holds the whole list. Raises ExportTooLarge.
    """
    paged = isinstance(query, PageQuery)
    one_page = paged and not query.model_fields_set.isdisjoint(("top", "continuation"))

    async def page(continuation: str | None) -> PageLike:
        asked = query
        if paged and not one_page:
            asked = query.model_copy(update={"top": MAX_PAGE_ROWS, "continuation": continuation})
        answer = await listed(asked)
        following = answer.continuation if isinstance(answer, PageOf) else None
        return PageOf[Any].model_construct(value=answer.value, continuation=following)

    return await export_table(
        page, rows, form, name=name, one_page=one_page, max_bytes=max_bytes, today=today
    )
