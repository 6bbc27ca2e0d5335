"""The tenant itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from graph.models import Organization
from graph.paging import PageOf
from graph.permissions import ORGANIZATION_READ

if TYPE_CHECKING:
    from graph.client import GraphClient

_decoder = msgspec.json.Decoder(PageOf[Organization])


async def organization(graph: GraphClient) -> Organization | None:
    """The tenant's ID and name; None if Graph lists none. Raises GraphError.

    Source: https://learn.microsoft.com/graph/api/organization-list
    """
    from msgraph.generated.organization.organization_request_builder import (
        OrganizationRequestBuilder,
    )

    request = OrganizationRequestBuilder(graph.adapter, {}).to_get_request_information()
    page = await graph.read(request, _decoder, permission=ORGANIZATION_READ)
    return page.value[0] if page.value else None
