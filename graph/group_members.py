"""Who is in a group, also through groups within it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from errors import GraphError, InvalidInput
from graph.paging import PageOf, pages
from graph.permissions import GROUP_MEMBER_READ
from identifiers import GroupId, UserId

if TYPE_CHECKING:
    from graph.client import GraphClient

# All of a group's members are held in memory at once.
MAX_MEMBERS = 200_000


class _Member(msgspec.Struct, frozen=True):
    id: UserId


_decoder = msgspec.json.Decoder(PageOf[_Member])


async def member_ids(graph: GraphClient, group_id: GroupId) -> frozenset[UserId]:
    """The IDs of all direct and nested members; those of groups and devices are among them.

    Raises InvalidInput for a group that does not exist or has more than
    200,000 members, PermissionMissing, another GraphError; never returns a
    part.
    Source: https://learn.microsoft.com/graph/api/group-list-transitivemembers
    """
    from kiota_abstractions.base_request_configuration import RequestConfiguration
    from msgraph.generated.groups.item.transitive_members import (
        transitive_members_request_builder as builders,
    )

    builder = builders.TransitiveMembersRequestBuilder
    parameters = builder.TransitiveMembersRequestBuilderGetQueryParameters(select=["id"], top=999)
    request = builder(graph.adapter, {"group%2Did": group_id}).to_get_request_information(
        RequestConfiguration(query_parameters=parameters)
    )
    found: set[UserId] = set()
    try:
        async for page in pages(graph, request, _decoder, permission=GROUP_MEMBER_READ):
            found.update(UserId(member.id.lower()) for member in page.value)
            if len(found) > MAX_MEMBERS:
                raise _unusable(group_id, f"has more than {MAX_MEMBERS} members")
    except GraphError as error:
        if error.http_status == 404:
            raise _unusable(group_id, "does not exist in the tenant") from error
        raise
    return frozenset(found)


def _unusable(group_id: GroupId, cause: str) -> InvalidInput:
    return InvalidInput(
        "exclusions.groupIds",
        f"Group {group_id} {cause}, so its members cannot be left out.",
        remedy="Leave the group out of the exclusions, or name another one.",
    )
