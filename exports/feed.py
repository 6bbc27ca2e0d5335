"""Pages of the OData feed: what a client asks for, read from the lists there are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import msgspec
from pydantic import ValidationError

from errors import InvalidInput, NotFound
from exports.odata import OPTIONS, EntityType, comparisons, entity_json, selected
from ledger.contract import ConsumerView, PortalQuery
from web.continuation import binding_of, decode_continuation, encode_continuation
from web.contract import Contract, PageOf, PageQuery
from web.problem import invalid_input

if TYPE_CHECKING:
    from composition import Ledger

PAGE_ROWS = 1000
# how many licenses one page of consumers goes through at most
_LICENSES_A_PAGE = 50

ListPage = Callable[["Ledger", Any], Awaitable[PageOf[Any]]]


class EntitySet(msgspec.Struct, frozen=True):
    """A list as an entity set: the page that `query` describes."""

    entity: EntityType
    query: type[PageQuery]
    page: ListPage


class FeedQuery(Contract):
    """The system query options; which of them the feed knows is for it to say."""

    model_config = {"extra": "allow"}


class _Place(msgspec.Struct, array_like=True):
    """Where a feed goes on: the list's position, and how many rows are still wanted."""

    position: str | None
    wanted: int | None


async def feed_page(
    ledger: Ledger,
    sets: Mapping[str, EntitySet],
    name: str,
    options: Mapping[str, str],
    root: str,
) -> dict[str, Any]:
    """One page of an entity set, with the link to the next.

    Raises NotFound for a set that there is not, InvalidInput for an option
    or a filter that the feed does not serve.
    """
    entity_set = sets.get(name)
    if entity_set is None:
        raise NotFound("The feed has no such entity set.", remedy=f"Read one of {', '.join(sets)}.")
    entity = entity_set.entity
    for option in options:
        if option not in OPTIONS:
            raise InvalidInput(
                option,
                f"The feed does not serve {option}.",
                remedy=f"Use {', '.join(OPTIONS[:3])} only; do the rest after loading.",
            )
    if options.get("$format", "json") not in ("json", "application/json"):
        raise InvalidInput("$format", "The feed speaks JSON only.", remedy="Leave $format out.")
    columns = selected(options.get("$select"), entity)
    filters = options.get("$filter")
    wanted_values = comparisons(filters, entity) if filters is not None else {}
    binding = binding_of(f"odata {name}", msgspec.json.encode(wanted_values).decode())
    place = _place(options, binding)
    rows: Sequence[Any] = []
    position: str | None = None
    if place.wanted != 0:
        top = PAGE_ROWS if place.wanted is None else min(PAGE_ROWS, place.wanted)
        query = _query(entity_set, wanted_values, top, place.position)
        page = await entity_set.page(ledger, query)
        rows, position = page.value, page.continuation
    wanted = None if place.wanted is None else place.wanted - len(rows)
    select = options.get("$select")
    shown = f"({','.join(column.name for column in columns)})" if select else ""
    answer: dict[str, Any] = {
        "@odata.context": f"{root}/$metadata#{name}{shown}",
        "value": [entity_json(row, columns) for row in rows],
    }
    if position is not None and wanted != 0:
        token = encode_continuation(binding, msgspec.json.encode(_Place(position, wanted)).decode())
        kept = {o: options[o] for o in ("$select", "$filter") if o in options}
        following = urlencode({**kept, "$skiptoken": token}, safe="$", quote_via=quote)
        answer["@odata.nextLink"] = f"{root}/{name}?{following}"
    return answer


def _place(options: Mapping[str, str], binding: str) -> _Place:
    token = options.get("$skiptoken")
    if token is not None:
        return msgspec.json.decode(decode_continuation(binding, token), type=_Place)
    top = options.get("$top")
    if top is None:
        return _Place(None, None)
    if not (top.isascii() and top.isdigit() and len(top) < 10):
        raise InvalidInput(
            "$top", "$top is not a whole number.", remedy="Give the number of rows you want."
        )
    return _Place(None, int(top))


def _query(
    entity_set: EntitySet, values: Mapping[str, str], top: int, position: str | None
) -> PageQuery:
    try:
        query = entity_set.query.model_validate({**values, "top": top})
    except ValidationError as error:
        raise invalid_input(error, where="$filter") from None
    return query.model_copy(update={"continuation": position})


class ConsumersQuery(PortalQuery):
    """Whose consumers: of all licenses, or those of one portal."""


class _ConsumersPlace(msgspec.Struct, array_like=True):
    """The license's place in the list of licenses, and the place among its consumers."""

    license: str | None = None
    consumer: str | None = None


def all_consumers(
    consumers_of: Callable[[Ledger, str, str, PageQuery], Awaitable[PageOf[ConsumerView]]],
    licenses: ListPage,
) -> ListPage:
    """A list of the consumers of all licenses, license by license."""

    async def page(ledger: Ledger, query: ConsumersQuery) -> PageOf[ConsumerView]:
        place = _ConsumersPlace()
        if query.continuation is not None:
            place = msgspec.json.decode(query.continuation, type=_ConsumersPlace)
        rows: list[ConsumerView] = []
        for _ in range(_LICENSES_A_PAGE):
            one = query.model_copy(update={"top": 1, "continuation": place.license})
            found = await licenses(ledger, one)
            following = place.consumer
            for license_ in found.value:
                asked = PageQuery(top=query.top - len(rows), continuation=None)
                consumers = await consumers_of(
                    ledger,
                    license_.portal_id,
                    license_.sku_id,
                    asked.model_copy(update={"continuation": place.consumer}),
                )
                rows += consumers.value
                following = consumers.continuation
            if following is not None and found.value:
                place = _ConsumersPlace(place.license, following)
            elif found.continuation is None:
                return PageOf[ConsumerView](value=rows)
            else:
                place = _ConsumersPlace(found.continuation)
            if len(rows) >= query.top:
                break
        position = msgspec.json.encode(place).decode()
        return PageOf[ConsumerView](value=rows, continuation=position)

    return page
