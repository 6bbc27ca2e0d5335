"""Reads paged collections: each next link unchanged, one page ahead, to the end or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from errors import GraphError

if TYPE_CHECKING:
    from kiota_abstractions.headers_collection import HeadersCollection
    from kiota_abstractions.request_information import RequestInformation

    from graph.client import GraphClient

# A million users are some 1,000 pages; ten times that is a link that leads in a circle.
MAX_PAGES = 100_000
# Some 1 ms of work on users.
ITEMS_A_TURN = 50

Item = TypeVar("Item")


class PageOf(msgspec.Struct, Generic[Item], frozen=True):
    """A page of any collection; the last page of a delta query has a delta link."""

    value: tuple[Item, ...]
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")
    delta_link: str | None = msgspec.field(default=None, name="@odata.deltaLink")


async def pages(
    graph: GraphClient,
    first: RequestInformation | str,
    decoder: msgspec.json.Decoder[PageOf[Item]],
    *,
    permission: str,
    headers: HeadersCollection | None = None,
) -> AsyncGenerator[PageOf[Item], None]:
    """The pages from `first` on, which is a request or a link to resume from.

    The next page is fetched while the caller works on the present one. Raises
    GraphError where a page cannot be read; what came before is then a part.
    Source: https://learn.microsoft.com/graph/paging
    """

    async def read(source: RequestInformation | str) -> PageOf[Item]:
        if isinstance(source, str):
            return await graph.read_link(source, decoder, permission=permission, headers=headers)
        return await graph.read(source, decoder, permission=permission)

    ahead = asyncio.create_task(read(first))
    try:
        seen: set[int] = set()
        for _ in range(MAX_PAGES):
            page = await ahead
            link = page.next_link
            if link is None:
                yield page
                return
            if hash(link) in seen:
                break
            seen.add(hash(link))
            ahead = asyncio.create_task(read(link))
            yield page
        raise GraphError(
            "GraphAPI reported an error: the next links of a collection lead in a circle.",
            remedy="Try again later; if it persists, open a case with Microsoft.",
        )
    finally:
        ahead.cancel()
        await asyncio.gather(ahead, return_exceptions=True)


async def in_turns(found: Sequence[Item]) -> AsyncIterator[Sequence[Item]]:
    """The items, a few at a time; in between, the next page comes in and others have their turn."""
    for start in range(0, len(found), ITEMS_A_TURN):
        yield found[start : start + ITEMS_A_TURN]
        await asyncio.sleep(0)


async def items(found: AsyncIterator[PageOf[Item]]) -> list[Item]:
    """Every item of every page; for collections that are small."""
    return [item async for page in found for item in page.value]
