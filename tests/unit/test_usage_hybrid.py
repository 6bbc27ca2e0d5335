"""Cloud licenses of a contact beside what it activated and has installed."""

import pytest

from identifiers import ServicePlanId, SkuId
from imports.model import Assignment, ServicePlan
from tests.builders import SKU, make_contact, make_license, make_usage, make_usage_status
from usage.families import family_of_activation, family_of_app, family_of_plan
from usage.hybrid import entitlements_of, hybrid_facts
from usage.model import Activation, Family, Usage, UsageStatus, UserDevice

APPS_PLAN = ServicePlanId("43de0ff5-c92c-492b-9116-175376d08c38")
STATUS = make_usage_status(tasks=("roster", "devices"))
ACTIVATED = make_usage(activations=(Activation("MICROSOFT 365 APPS FOR ENTERPRISE", windows=1),))
INSTALLED = make_usage(devices=(UserDevice("d", "PC", ("microsoft_365_apps",)),))
ENTITLEMENTS = entitlements_of(
    [make_license(service_plans=(ServicePlan(APPS_PLAN, "OFFICESUBSCRIPTION", "Success", "User"),))]
)


def position(
    usage: Usage | None, status: UsageStatus | None = STATUS, *, entitled: bool = True
) -> str | None:
    """The contact's position in Microsoft 365 Apps, None if it has none."""
    contact = make_contact(*([Assignment(SKU, True)] if entitled else []))
    facts = hybrid_facts(contact, usage, status, ENTITLEMENTS)
    return facts[0].position if facts else None


def test_the_positions_follow_from_entitlement_activation_and_installation():
    assert position(ACTIVATED) == "entitled_activated"
    assert position(INSTALLED) == "entitled_installed"
    assert position(make_usage()) == "entitled_not_installed"
    assert position(None) == "entitled_not_installed"
    assert position(INSTALLED, entitled=False) == "installed_not_entitled"
    assert position(ACTIVATED, entitled=False) == "installed_not_entitled"
    assert position(make_usage(), entitled=False) is None


def test_intune_proves_what_is_installed_and_not_that_nothing_is():
    devices_alone = make_usage_status(tasks=("devices",))
    assert position(INSTALLED, devices_alone) == "entitled_installed"
    # it may be on a device that Intune does not manage
    assert position(make_usage(), devices_alone) == "unknown"
    assert position(make_usage(), make_usage_status(tasks=("roster",))) == "entitled_not_installed"


def test_what_nobody_looked_for_is_unknown():
    assert position(make_usage(), make_usage_status(tasks=("access",))) == "unknown"
    assert position(None, None) == "unknown"


def test_a_plan_switched_off_or_a_license_not_held_entitles_to_nothing():
    for assignment in (Assignment(SKU, True, (), (APPS_PLAN,)), Assignment(SKU, False)):
        assert hybrid_facts(make_contact(assignment), make_usage(), STATUS, ENTITLEMENTS) == []
    disabled = make_license(
        service_plans=(ServicePlan(APPS_PLAN, "OFFICESUBSCRIPTION", "Disabled", "User"),)
    )
    assert entitlements_of([disabled]) == {}
    assert entitlements_of([make_license(sku_id=SkuId("x"))]) == {}


@pytest.mark.parametrize(
    ("status", "entitles"),
    [("Enabled", True), ("Warning", True), ("Suspended", False), ("LockedOut", False)],
)
def test_a_license_whose_subscription_is_suspended_entitles_to_nothing(status: str, entitles: bool):
    license_ = make_license(
        capability_status=status,
        service_plans=(ServicePlan(APPS_PLAN, "OFFICESUBSCRIPTION", "Success", "User"),),
    )
    assert bool(entitlements_of([license_])) is entitles


@pytest.mark.parametrize(("desktops", "full"), [(4, False), (5, True), (6, True)])
def test_five_desktops_are_the_limit_and_phones_do_not_count(desktops: int, full: bool):
    activation = Activation("Microsoft 365 Apps for business", windows=desktops - 1, mac=1, ios=9)
    (fact,) = hybrid_facts(
        make_contact(Assignment(SKU, True)),
        make_usage(activations=(activation,)),
        STATUS,
        ENTITLEMENTS,
    )
    assert (fact.desktop_activations, fact.mobile_activations) == (desktops, 9)
    assert fact.at_device_limit is full


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("Microsoft 365 Apps for enterprise - en-us", Family.MICROSOFT_365_APPS),
        ("Microsoft 365 Apps for business - de-de", Family.MICROSOFT_365_APPS),
        ("Microsoft Office 365 ProPlus - en-us", Family.MICROSOFT_365_APPS),
        ("Microsoft 365 - en-us", Family.MICROSOFT_365_APPS),
        ("Microsoft Visio - en-us", Family.VISIO),
        ("Microsoft Office Visio Professional 2010", Family.VISIO),
        ("Microsoft Project - en-us", Family.PROJECT),
        ("Microsoft Office Professional Plus 2019 - en-us", None),
        ("Microsoft Visio Viewer 2016", None),
        ("Microsoft Visio MUI (English) 2013", None),
        ("Microsoft Project Server 2019", None),
        ("Microsoft 365 Copilot", None),
        ("Visionary Project", None),
        ("", None),
    ],
)
def test_installed_apps_are_told_by_their_names(name: str, family: Family | None):
    assert family_of_app(name) == family


@pytest.mark.parametrize(
    ("product", "family"),
    [
        ("MICROSOFT 365 APPS FOR ENTERPRISE", Family.MICROSOFT_365_APPS),
        ("Microsoft 365 Apps for business", Family.MICROSOFT_365_APPS),
        ("OFFICE 365 PROPLUS", Family.MICROSOFT_365_APPS),
        ("VISIO PRO FOR OFFICE 365", Family.VISIO),
        ("PROJECT ONLINE DESKTOP CLIENT", Family.PROJECT),
        ("POWER BI DESKTOP", None),
    ],
)
def test_activated_products_are_told_by_their_names(product: str, family: Family | None):
    assert family_of_activation(product) == family


def test_families_are_told_from_plans():
    assert family_of_plan("OFFICE_BUSINESS") == Family.MICROSOFT_365_APPS
    assert family_of_plan("VISIO_CLIENT_SUBSCRIPTION_GOV") == Family.VISIO
    assert family_of_plan("PROJECT_CLIENT_SUBSCRIPTION") == Family.PROJECT
    assert family_of_plan("VISIOONLINE") is None
    assert family_of_plan("SHAREPOINTWAC") is None
