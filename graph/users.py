"""Users with their licenses, how each was assigned, and who of them changed since when."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from graph.errors import unreadable_success
from graph.models import ChangedUser, User
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
_changes_decoder = msgspec.json.Decoder(PageOf[ChangedUser])


async def user_pages(
    graph: GraphClient,
    *,
    resume_from: str | None = None,
    page_size: int = PAGE_SIZE,
    fields: Sequence[str] = FIELDS,
) -> AsyncIterator[PageOf[User]]:
    """All users of the tenant, a page at a time; or those from a next link on.

    `fields` are what is asked for of each. Raises GraphError; only a page
    without a next link makes the read complete.
    Source: https://learn.microsoft.com/graph/api/user-list
    """
    from kiota_abstractions.base_request_configuration import RequestConfiguration
    from msgraph.generated.users.users_request_builder import UsersRequestBuilder

    parameters = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
        select=list(fields), top=page_size
    )
    request = UsersRequestBuilder(graph.adapter, {}).to_get_request_information(
        RequestConfiguration(query_parameters=parameters)
    )
    async for page in pages(graph, resume_from or request, _decoder, permission=USER_READ):
        yield page


async def delta_link_from_now(graph: GraphClient) -> str:
    """A link that will tell what changed after this moment; good for seven days.

    Raises GraphError.
    Source: https://learn.microsoft.com/graph/delta-query-overview
    """
    from kiota_abstractions.base_request_configuration import RequestConfiguration
    from msgraph.generated.users.delta.delta_request_builder import DeltaRequestBuilder

    parameters = DeltaRequestBuilder.DeltaRequestBuilderGetQueryParameters(select=FIELDS)
    request = DeltaRequestBuilder(
        graph.adapter, {"baseurl": graph.adapter.base_url}
    ).to_get_request_information(RequestConfiguration(query_parameters=parameters))
    # the SDK has no parameter for it
    link = f"{request.url}&$deltatoken=latest"
    page = await graph.read_link(link, _changes_decoder, permission=USER_READ)
    while page.delta_link is None and page.next_link is not None:
        page = await graph.read_link(page.next_link, _changes_decoder, permission=USER_READ)
    if page.delta_link is None:
        raise unreadable_success(None)
    return page.delta_link


async def user_changes(graph: GraphClient, delta_link: str) -> AsyncIterator[PageOf[ChangedUser]]:
    """Who changed since the delta link was given, in any order, perhaps repeatedly.

    Graph tells all fields of a changed user. It does not track
    licenseAssignmentStates: a change of these alone is never told. Only a
    page with a delta link of its own makes the read complete. Raises
    DeltaExpired when a full read is due, and GraphError.
    Source: https://learn.microsoft.com/graph/api/user-delta
    """
    last: PageOf[ChangedUser] | None = None
    async for page in pages(graph, delta_link, _changes_decoder, permission=USER_READ):
        last = page
        yield page
    if last is None or last.delta_link is None:
        raise unreadable_success(None)
