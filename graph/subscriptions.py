"""Commercial subscriptions: trials, renewal dates and owners behind the SKUs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from graph.models import CompanySubscription
from graph.paging import PageOf, pages
from graph.permissions import ORGANIZATION_READ

if TYPE_CHECKING:
    from graph.client import GraphClient

_decoder = msgspec.json.Decoder(PageOf[CompanySubscription])


async def company_subscriptions(graph: GraphClient) -> list[CompanySubscription]:
    """All commercial subscriptions of the tenant. Raises GraphError; never returns a part.

    Source: https://learn.microsoft.com/graph/api/directory-list-subscriptions
    """
    from msgraph.generated.directory.subscriptions.subscriptions_request_builder import (
        SubscriptionsRequestBuilder,
    )

    request = SubscriptionsRequestBuilder(graph.adapter, {}).to_get_request_information()
    return [
        item
        async for page in pages(graph, request, _decoder, permission=ORGANIZATION_READ)
        for item in page.value
    ]
