"""Users with their licenses, and how each license was assigned."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec

from graph.models import User
from graph.paging import PageOf, pages
from graph.permissions import USER_READ

if TYPE_CHECKING:
    from graph.client import GraphClient

# The largest page that users allow.
PAGE_SIZE = 999
FIELDS = [
    "id",
    "userPrincipalName",
    "displayName",
    "mail",
    "accountEnabled",
    "userType",
    "usageLocation",
    "country",
    "department",
    "jobTitle",
    "companyName",
    "employeeId",
    "createdDateTime",
    "onPremisesSyncEnabled",
    "assignedLicenses",
    "licenseAssignmentStates",
]
_decoder = msgspec.json.Decoder(PageOf[User])


async def user_pages(
    graph: GraphClient, *, resume_from: str | None = None, page_size: int = PAGE_SIZE
) -> AsyncIterator[PageOf[User]]:
    """All users of the tenant, a page at a time; or those from a next link on.

    Raises GraphError; only a page without a next link makes the read complete.
    Source: https://learn.microsoft.com/graph/api/user-list
    """
    from kiota_abstractions.base_request_configuration import RequestConfiguration
    from msgraph.generated.users.users_request_builder import UsersRequestBuilder

    parameters = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
        select=FIELDS, top=page_size
    )
    request = UsersRequestBuilder(graph.adapter, {}).to_get_request_information(
        RequestConfiguration(query_parameters=parameters)
    )
    async for page in pages(graph, resume_from or request, _decoder, permission=USER_READ):
        yield page
