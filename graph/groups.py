"""Groups that assign licenses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from graph.models import LicensedGroup
from graph.paging import PageOf, pages
from graph.permissions import GROUP_MEMBER_READ
from imports.model import Group

if TYPE_CHECKING:
    from graph.client import GraphClient

_decoder = msgspec.json.Decoder(PageOf[LicensedGroup])


async def licensed_groups(graph: GraphClient) -> list[Group]:
    """All groups that have licenses assigned, by ID. Raises GraphError; never returns a part.

    Counting a collection in a filter is an advanced query, hence the header.
    Source: https://learn.microsoft.com/graph/aad-advanced-queries
    """
    from kiota_abstractions.base_request_configuration import RequestConfiguration
    from kiota_abstractions.headers_collection import HeadersCollection
    from msgraph.generated.groups.groups_request_builder import GroupsRequestBuilder

    headers = HeadersCollection()
    headers.try_add("ConsistencyLevel", "eventual")
    parameters = GroupsRequestBuilder.GroupsRequestBuilderGetQueryParameters(
        select=["id", "displayName", "onPremisesSyncEnabled", "assignedLicenses"],
        filter="assignedLicenses/$count ne 0",
        count=True,
        top=999,
    )
    request = GroupsRequestBuilder(graph.adapter, {}).to_get_request_information(
        RequestConfiguration(query_parameters=parameters, headers=headers)
    )
    found = [
        item
        async for page in pages(
            graph, request, _decoder, permission=GROUP_MEMBER_READ, headers=headers
        )
        for item in page.value
    ]
    return sorted(
        (
            Group(
                group.id,
                group.display_name or group.id,
                group.on_premises_sync_enabled,
                tuple(sorted(license_.sku_id for license_ in group.assigned_licenses or ())),
            )
            for group in found
        ),
        key=lambda group: group.group_id,
    )
