"""The insight into the use of Entra's premium features, as Graph's beta tells it."""

from __future__ import annotations

from typing import Any

from simulator.http import Request, Response, json_response
from simulator.odata import graph_error
from simulator.products import BY_SKU_ID
from simulator.tenant import Tenant

P1, P2 = "AAD_PREMIUM", "AAD_PREMIUM_P2"


def license_insight(
    request: Request, tenant: Tenant, version: str, path: dict[str, str], roles: frozenset[str]
) -> Response:
    """GET /reports/azureADPremiumLicenseInsight."""
    if version != "beta":
        return graph_error(request, 400, "BadRequest", "Resource not found for the segment.")
    if not tenant.premium:
        return graph_error(request, 403, "missingLicense", "The tenant has no premium license.")
    use = tenant.premium_use
    p1, p2 = _units(tenant, with_p2=False), _units(tenant, with_p2=True)
    return json_response(
        {
            "@odata.context": f"{request.base}/beta/$metadata#reports/azureADPremiumLicenseInsight",
            "entitledP1LicenseCount": p1,
            "entitledP2LicenseCount": p2,
            "entitledTotalLicenseCount": p1 + p2,
            "p1FeatureUtilizations": {
                "conditionalAccess": _users(use["p1"]),
                "conditionalAccessGuestUsers": _users(use["p1_guests"]),
            },
            "p2FeatureUtilizations": {
                "riskBasedConditionalAccess": _users(use["p2"]),
                "riskBasedConditionalAccessGuestUsers": _users(use["p2_guests"]),
            },
        }
    )


def _users(number: int) -> dict[str, Any]:
    return {"userCount": number}


def _units(tenant: Tenant, *, with_p2: bool) -> int:
    """Licenses of the SKUs with a plan for P2, or for P1 alone."""
    total = 0
    for sku in tenant.skus.values():
        plans = {plan.name for plan in BY_SKU_ID[sku.sku_id].plans}
        if P2 in plans if with_p2 else (P1 in plans and P2 not in plans):
            total += sku.enabled + sku.warning
    return total
