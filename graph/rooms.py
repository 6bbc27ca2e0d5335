"""Rooms, which Graph lists as users like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from graph.models import Room
from graph.paging import PageOf, pages
from graph.permissions import PLACE_READ

if TYPE_CHECKING:
    from graph.client import GraphClient

_decoder = msgspec.json.Decoder(PageOf[Room])


async def room_addresses(graph: GraphClient) -> frozenset[str]:
    """The mail addresses of the tenant's rooms, casefolded. Raises GraphError.

    Source: https://learn.microsoft.com/graph/api/place-list
    """
    from msgraph.generated.places.graph_room.graph_room_request_builder import (
        GraphRoomRequestBuilder,
    )

    request = GraphRoomRequestBuilder(graph.adapter, {}).to_get_request_information()
    found = [
        item
        async for page in pages(graph, request, _decoder, permission=PLACE_READ)
        for item in page.value
    ]
    return frozenset(room.email_address.casefold() for room in found if room.email_address)
