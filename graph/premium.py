"""How many users use the premium features of Microsoft Entra, beside the licenses for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from graph.permissions import REPORTS_READ
from usage.model import PremiumUse

if TYPE_CHECKING:
    from graph.client import GraphClient


class _Feature(msgspec.Struct, rename="camel", frozen=True):
    user_count: int | None = None


class _P1(msgspec.Struct, rename="camel", frozen=True):
    conditional_access: _Feature | None = None
    conditional_access_guest_users: _Feature | None = None


class _P2(msgspec.Struct, rename="camel", frozen=True):
    risk_based_conditional_access: _Feature | None = None
    risk_based_conditional_access_guest_users: _Feature | None = None


class _Insight(msgspec.Struct, frozen=True):
    p1_entitled: int | None = msgspec.field(default=None, name="entitledP1LicenseCount")
    p2_entitled: int | None = msgspec.field(default=None, name="entitledP2LicenseCount")
    p1: _P1 | None = msgspec.field(default=None, name="p1FeatureUtilizations")
    p2: _P2 | None = msgspec.field(default=None, name="p2FeatureUtilizations")


_decoder = msgspec.json.Decoder(_Insight)


async def premium_use(graph: GraphClient) -> PremiumUse:
    """The use of premium features; v1.0 of Graph does not tell it. Raises GraphError.

    Source: https://learn.microsoft.com/graph/api/azureadpremiumlicenseinsight-get?view=graph-rest-beta
    """
    found = await graph.read_link(
        f"{graph.cloud.graph_url}/beta/reports/azureADPremiumLicenseInsight",
        _decoder,
        permission=REPORTS_READ,
    )
    p1, p2 = found.p1 or _P1(), found.p2 or _P2()
    return PremiumUse(
        found.p1_entitled or 0,
        found.p2_entitled or 0,
        _users(p1.conditional_access),
        _users(p1.conditional_access_guest_users),
        _users(p2.risk_based_conditional_access),
        _users(p2.risk_based_conditional_access_guest_users),
    )


def _users(feature: _Feature | None) -> int:
    return (feature.user_count if feature is not None else None) or 0
