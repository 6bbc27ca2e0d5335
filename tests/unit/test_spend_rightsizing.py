"""Whether a cheaper license of the tenant would do for a seat."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identifiers import SkuId
from imports.model import ServicePlan
from spend.annual import Money
from spend.plans import PlanBook
from spend.rightsizing import (
    Given,
    Need,
    Offer,
    Use,
    cheaper_license,
    cheaper_offers,
    offers_of,
)
from tests.builders import NOW, make_license, make_plan, make_usage, make_usage_status
from usage.activity import UsePeriod
from usage.model import ACTIVE_USERS, APP_USAGE, EMAIL_APPS, Service
from usage.services import services_of

E5, E3, E1, F3, F5 = (SkuId(name) for name in ("e5", "e3", "e1", "f3", "f5"))
OFFICE = ("EXCHANGE_S_ENTERPRISE", "SHAREPOINTENTERPRISE", "TEAMS1", "OFFICESUBSCRIPTION")
PLANS = {
    E5: (*OFFICE, "SHAREPOINTWAC", "BI_AZURE_P2"),
    E3: (*OFFICE, "SHAREPOINTWAC"),
    E1: ("EXCHANGE_S_STANDARD", "SHAREPOINTSTANDARD", "TEAMS1", "SHAREPOINTWAC"),
    F3: ("TEAMS1", "SHAREPOINTDESKLESS"),
    F5: ("TEAMS1", "SHAREPOINTDESKLESS", "EXCHANGE_S_DESKLESS"),
}
BOOK = PlanBook(
    make_license(sku_id=sku_id, service_plans=tuple(make_plan(name) for name in names))
    for sku_id, names in PLANS.items()
)
COSTS = {
    sku_id: Money(Fraction(amount), "EUR")
    for sku_id, amount in ((E5, 600), (E3, 400), (E1, 100), (F5, 80), (F3, 50))
}
OFFERS = offers_of(PLANS.keys() - {F5}, BOOK, COSTS)


def plans(sku_id: SkuId) -> list[ServicePlan]:
    return BOOK.plans(BOOK.of_license(sku_id))


def use(*used: Service, unknown: tuple[Service, ...] = ()) -> Use:
    return Use({s: True if s in used else None if s in unknown else False for s in Service})


def best(
    sku_id: SkuId,
    used: Use,
    offers: list[Offer] = OFFERS,
    held: frozenset[SkuId] = frozenset(),
) -> SkuId | None:
    cheaper = cheaper_offers(COSTS[sku_id], offers)
    need = Need.of(Given.by(plans(sku_id)), used)
    offer = cheaper_license(need, cheaper, held | {sku_id})
    return offer.sku_id if offer is not None else None


def test_the_cheapest_license_with_every_used_service_is_offered():
    assert best(E3, use(Service.TEAMS)) == F3
    assert best(E3, use(Service.TEAMS, Service.EXCHANGE)) == E1
    assert best(E5, use(Service.MICROSOFT_365_APPS)) == E3


def test_nothing_is_offered_where_a_used_service_would_be_lost():
    assert best(E3, use(Service.MICROSOFT_365_APPS)) is None


def test_a_service_of_unknown_use_may_not_be_lost_either():
    assert best(E5, use(Service.TEAMS, unknown=(Service.POWER_BI,))) is None
    assert best(E3, use(Service.TEAMS, unknown=(Service.EXCHANGE, Service.OUTLOOK))) == E1
    assert best(E3, use(Service.TEAMS, unknown=(Service.VISIO,))) == F3


def test_nothing_is_offered_where_no_use_is_known():
    assert best(E3, use()) is None
    assert best(E3, use(unknown=tuple(Service))) is None


def test_who_uses_the_apps_on_the_web_alone_does_not_lose_them():
    assert best(E1, use(Service.TEAMS)) == F3
    assert best(E1, use(Service.TEAMS, Service.MICROSOFT_365_APPS)) is None
    assert best(E1, use(Service.TEAMS, unknown=(Service.MICROSOFT_365_APPS,))) is None


def test_who_uses_outlook_on_the_desktop_keeps_the_apps_that_it_comes_with():
    mail = use(Service.EXCHANGE, Service.OUTLOOK)
    on_the_desktop = Use(mail.services, desktop_outlook=True)
    assert best(E5, mail) == E1
    assert best(E5, on_the_desktop) == E3
    assert best(E3, on_the_desktop) is None
    # what the seat does not give is not lost by another
    assert best(E1, Use(use(Service.TEAMS).services, desktop_outlook=True)) == F3


@pytest.mark.parametrize(
    ("mailbox_gb", "onedrive_gb", "expected"),
    [(None, None, F5), (2, 2, F5), (3, 0, E1), (0, 3, E1), (50, 900, E1), (51, 0, E3)],
)
def test_what_a_contact_stores_must_fit_into_the_cheaper_license(
    mailbox_gb: int | None, onedrive_gb: int | None, expected: SkuId
):
    sizes = [size and size * 1024**3 for size in (mailbox_gb, onedrive_gb)]
    used = use(Service.EXCHANGE, Service.OUTLOOK, Service.ONEDRIVE)
    stored = Use(used.services, False, *sizes)
    assert best(E5, stored, offers_of(PLANS, BOOK, COSTS)) == expected


def test_what_is_stored_in_a_service_that_is_not_used_keeps_nothing():
    stored = Use(use(Service.TEAMS).services, False, 60 * 1024**3, 60 * 1024**3)
    assert best(E3, stored) == F3


def test_a_license_that_the_contact_holds_is_not_offered_again():
    assert best(E3, use(Service.TEAMS), held=frozenset({F3})) == E1


def test_costs_of_another_currency_are_not_compared():
    dollars = [Offer(F3, Given.by(plans(F3)), Money(Fraction(1), "USD"))]
    assert best(E3, use(Service.TEAMS), offers=dollars) is None


def test_a_license_of_unknown_or_equal_cost_is_no_offer():
    assert {offer.sku_id for offer in offers_of(PLANS, BOOK, {E1: COSTS[E1]})} == {E1}
    same = [Offer(F3, Given.by(plans(F3)), COSTS[E3])]
    assert best(E3, use(Service.TEAMS), offers=same) is None
    assert cheaper_offers(None, OFFERS) == []


def test_use_is_that_within_the_period_of_the_reports():
    status = make_usage_status(period="D30")
    usage = make_usage(
        last_activity={"teams": "2026-04-30", "exchange": "2026-04-28"},
        reported=(ACTIVE_USERS, EMAIL_APPS),
    )
    found = Use.of(usage, UsePeriod(status, NOW.date())).services
    # the reports reach to 29 May
    assert found[Service.TEAMS] is True
    assert found[Service.EXCHANGE] is False
    assert found[Service.SHAREPOINT] is False
    assert found[Service.OUTLOOK] is False
    assert found[Service.MICROSOFT_365_APPS] is None
    assert found[Service.POWER_BI] is None
    assert Use.of(make_usage(desktop_outlook=True), UsePeriod(status, NOW.date())).desktop_outlook
    apps = make_usage(reported=(ACTIVE_USERS, APP_USAGE))
    assert Use.of(apps, UsePeriod(status, NOW.date())).services[Service.MICROSOFT_365_APPS] is False


def test_reports_that_microsoft_stopped_refreshing_show_nothing_to_be_unused():
    stalled = make_usage_status(refreshed_on=dict.fromkeys((ACTIVE_USERS, APP_USAGE), "2026-04-01"))
    usage = make_usage(
        last_activity={"teams": "2026-03-20", "exchange": "2026-01-02"},
        reported=(ACTIVE_USERS, APP_USAGE),
    )
    found = Use.of(usage, UsePeriod(stalled, NOW.date())).services
    assert found[Service.TEAMS] is True
    assert {found[s] for s in Service if s is not Service.TEAMS} == {None}


def test_without_a_usage_run_all_use_is_unknown():
    assert set(Use.of(make_usage(), UsePeriod(None, NOW.date())).services.values()) == {None}
    assert set(Use.of(None, UsePeriod(make_usage_status(), NOW.date())).services.values()) == {None}


@given(
    st.sampled_from([E5, E3, E1, F3]),
    st.fixed_dictionaries({s: st.sampled_from([True, False, None]) for s in Service}),
    st.dictionaries(st.sampled_from([E5, E3, E1, F3]), st.integers(1, 1000)),
)
def test_an_offer_is_cheaper_and_loses_only_what_is_known_to_be_unused(
    sku_id: SkuId, known: dict[Service, bool | None], costs: dict[SkuId, int]
):
    monies = {sku: Money(Fraction(cost), "EUR") for sku, cost in costs.items()}
    cost = monies.get(sku_id)
    cheaper = cheaper_offers(cost, offers_of(PLANS, BOOK, monies))
    offer = cheaper_license(Need.of(Given.by(plans(sku_id)), Use(known)), cheaper, {sku_id})
    if offer is None:
        return
    assert cost is not None
    assert offer.cost.amount < cost.amount
    lost = services_of(plans(sku_id)) - offer.given.services
    assert all(known[service] is False for service in lost)
    better = [o for o in cheaper if o.cost.amount < offer.cost.amount]
    needed = {s for s in services_of(plans(sku_id)) if known[s] is not False}
    assert all(
        not needed <= o.given.services or o.given.web_apps < offer.given.web_apps for o in better
    )


@pytest.mark.parametrize("sku_id", [E5, E3, E1, F3])
def test_every_service_of_a_license_in_use_leaves_it_as_it_is(sku_id: SkuId):
    assert best(sku_id, use(*Service)) is None
