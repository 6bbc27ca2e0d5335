"""What Graph sends in odd forms, decoded."""

import msgspec

from graph.models import CompanySubscription, LicensedGroup, SubscribedSku, User
from graph.paging import PageOf

SKU = "05e9a617-0261-4cee-bb44-138d3ef5d965"
GROUP = "31162427-3bfd-4d33-8d00-38ec42650644"
USER = "0f8fad5b-d9cb-469f-a165-70867728950e"


def test_guids_are_folded_wherever_graph_writes_them_in_upper_case():
    page = msgspec.json.decode(
        msgspec.json.encode(
            {
                "value": [
                    {
                        "id": USER.upper(),
                        "assignedLicenses": [{"skuId": SKU.upper()}, {"skuId": SKU}],
                        "licenseAssignmentStates": [
                            {"skuId": SKU.upper(), "assignedByGroup": GROUP.upper()},
                            {"skuId": SKU, "assignedByGroup": None},
                        ],
                    }
                ]
            }
        ),
        type=PageOf[User],
    )
    (user,) = page.value
    assert user.id == USER
    assert [held.sku_id for held in user.assigned_licenses or ()] == [SKU, SKU]
    states = user.license_assignment_states or ()
    assert [(s.sku_id, s.assigned_by_group) for s in states] == [(SKU, GROUP), (SKU, None)]


def test_guids_of_skus_subscriptions_and_groups_are_folded_too():
    plan = {"servicePlanId": USER.upper()}
    sku = msgspec.convert(
        {"skuId": SKU.upper(), "skuPartNumber": "E3", "servicePlans": [plan]}, SubscribedSku
    )
    assert (sku.sku_id, (sku.service_plans or ())[0].service_plan_id) == (SKU, USER)
    subscription = msgspec.convert({"id": "x", "skuId": SKU.upper()}, CompanySubscription)
    assert subscription.sku_id == SKU
    group = msgspec.convert(
        {"id": GROUP.upper(), "assignedLicenses": [{"skuId": SKU.upper()}]}, LicensedGroup
    )
    assert (group.id, [held.sku_id for held in group.assigned_licenses or ()]) == (GROUP, [SKU])
