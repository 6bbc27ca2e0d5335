"""Licenses that soft-deleted users still carry."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from graph.models import User
from graph.paging import PageOf, pages
from graph.permissions import USER_READ
from identifiers import SkuId

if TYPE_CHECKING:
    from graph.client import GraphClient

_decoder = msgspec.json.Decoder(PageOf[User])


async def deleted_user_licenses(graph: GraphClient) -> dict[SkuId, int]:
    """How many deleted users still carry each license. Raises GraphError; never counts a part.

    Source: https://learn.microsoft.com/graph/api/directory-deleteditems-list
    """
    from kiota_abstractions.base_request_configuration import RequestConfiguration
    from msgraph.generated.directory.deleted_items.graph_user.graph_user_request_builder import (
        GraphUserRequestBuilder,
    )

    parameters = GraphUserRequestBuilder.GraphUserRequestBuilderGetQueryParameters(
        select=["id", "assignedLicenses"], top=999
    )
    request = GraphUserRequestBuilder(graph.adapter, {}).to_get_request_information(
        RequestConfiguration(query_parameters=parameters)
    )
    units: Counter[SkuId] = Counter()
    async for page in pages(graph, request, _decoder, permission=USER_READ):
        for user in page.value:
            units.update(license_.sku_id for license_ in user.assigned_licenses or ())
    return dict(units)
