"""Entitlements and service plans: the SKUs to which the tenant is subscribed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from graph.models import SubscribedSku
from graph.paging import PageOf, pages
from graph.permissions import ORGANIZATION_READ

if TYPE_CHECKING:
    from graph.client import GraphClient

_decoder = msgspec.json.Decoder(PageOf[SubscribedSku])


async def subscribed_skus(graph: GraphClient) -> list[SubscribedSku]:
    """All SKUs the tenant subscribed to, one per SKU ID; units are licenses.

    Raises PermissionMissing without Organization.Read.All, another GraphError
    on any other failure; never returns a part.
    Source: https://learn.microsoft.com/graph/api/subscribedsku-list
    """
    from msgraph.generated.subscribed_skus.subscribed_skus_request_builder import (
        SubscribedSkusRequestBuilder,
    )

    request = SubscribedSkusRequestBuilder(graph.adapter, {}).to_get_request_information()
    return [
        item
        async for page in pages(graph, request, _decoder, permission=ORGANIZATION_READ)
        for item in page.value
    ]
