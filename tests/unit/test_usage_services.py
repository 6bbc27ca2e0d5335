"""Which services a license includes, by its service plans."""

import pytest

from identifiers import ServicePlanId
from imports.model import ServicePlan
from tests.builders import make_license
from usage.model import Service
from usage.services import services_of_license, services_of_plan


@pytest.mark.parametrize(
    ("plan", "services"),
    [
        ("EXCHANGE_S_ENTERPRISE", {Service.EXCHANGE, Service.OUTLOOK}),
        ("SHAREPOINTENTERPRISE", {Service.SHAREPOINT, Service.ONEDRIVE}),
        ("ONEDRIVE_BASIC", {Service.ONEDRIVE}),
        ("MCOSTANDARD", {Service.SKYPE_FOR_BUSINESS}),
        ("YAMMER_ENTERPRISE", {Service.YAMMER}),
        ("TEAMS1", {Service.TEAMS}),
        ("TeamsEss", {Service.TEAMS}),
        ("OFFICESUBSCRIPTION", {Service.MICROSOFT_365_APPS}),
        ("PROJECT_CLIENT_SUBSCRIPTION", {Service.PROJECT}),
        ("VISIO_CLIENT_SUBSCRIPTION", {Service.VISIO}),
        ("BI_AZURE_P2", {Service.POWER_BI}),
        ("DYN365_ENTERPRISE_SALES", {Service.DYNAMICS_365}),
        ("M365_COPILOT_APPS", {Service.COPILOT}),
    ],
)
def test_a_plan_gives_its_services(plan: str, services: set[Service]):
    assert services_of_plan(plan) == services


@pytest.mark.parametrize(
    "plan",
    [
        "EXCHANGE_S_FOUNDATION",
        "EXCHANGE_S_ARCHIVE_ADDON",
        "SHAREPOINTSTORAGE",
        "SHAREPOINTWAC",
        "MCOEV",
        "MCOMEETADV",
        "PROJECT_O365_P2",
        "PROJECTWORKMANAGEMENT",
        "DYN365_CDS_O365_P2",
        "OFFICE_FORMS_PLAN_2",
        "TEAMSPRO_MGMT",
        "INTUNE_A",
    ],
)
def test_what_only_supports_a_service_does_not_give_it(plan: str):
    assert services_of_plan(plan) == frozenset()


def test_a_plan_that_the_tenant_disabled_is_not_included():
    plans = tuple(
        ServicePlan(ServicePlanId(name), name, state, "User")
        for name, state in (("TEAMS1", "Success"), ("YAMMER_ENTERPRISE", "Disabled"))
    )
    assert services_of_license(make_license(service_plans=plans)) == {Service.TEAMS}
