"""Which of a contact's licenses another one makes superfluous."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from identifiers import SkuId
from imports.model import Assignment, AssignmentPath, License
from spend.annual import Money
from spend.duplicates import duplicates, keep_order, superfluous
from spend.plans import PlanBook
from tests.builders import GROUP, make_contact, make_license, make_plan

BIG, SMALL, TWIN, EMPTY = (SkuId(name) for name in ("big", "small", "twin", "empty"))


def license_of(sku_id: SkuId, *plans: str, **changes: object) -> License:
    return make_license(
        sku_id=sku_id, service_plans=tuple(make_plan(plan) for plan in plans), **changes
    )


def held(sku_id: SkuId, *off: str, state: str = "Active") -> Assignment:
    disabled = tuple(make_plan(name).service_plan_id for name in off)
    return Assignment(sku_id, True, (AssignmentPath(None, state),), disabled)


BOOK = PlanBook(
    [
        license_of(BIG, "MAIL", "FILES", "CHAT"),
        license_of(SMALL, "MAIL", "CHAT"),
        license_of(TWIN, "CHAT", "MAIL"),
        license_of(EMPTY),
    ]
)
ORDER = keep_order([BIG, SMALL, TWIN, EMPTY], {})


def found(*assignments: Assignment, book: PlanBook = BOOK) -> dict[SkuId, SkuId]:
    return duplicates(make_contact(*assignments), book, ORDER)


def test_a_license_whose_plans_another_one_has_is_superfluous():
    assert found(held(BIG), held(SMALL)) == {SMALL: BIG}


def test_a_license_alone_is_never_superfluous():
    assert found(held(SMALL)) == {}


def test_a_plan_switched_off_in_the_larger_license_is_not_covered_by_it():
    assert found(held(BIG, "CHAT"), held(SMALL)) == {}


def test_a_plan_switched_off_in_the_smaller_license_need_not_be_covered():
    assert found(held(BIG, "CHAT"), held(SMALL, "CHAT")) == {SMALL: BIG}


def test_of_equal_licenses_the_cheaper_one_is_kept():
    costs = {SMALL: Money(Fraction(5), "EUR"), TWIN: Money(Fraction(4), "EUR")}
    order = keep_order([SMALL, TWIN], costs)
    contact = make_contact(held(SMALL), held(TWIN))
    assert duplicates(contact, BOOK, order) == {SMALL: TWIN}


def test_of_equal_licenses_one_with_a_known_cost_is_kept_before_one_without():
    order = keep_order([SMALL, TWIN], {TWIN: Money(Fraction(99), "EUR")})
    assert duplicates(make_contact(held(SMALL), held(TWIN)), BOOK, order) == {SMALL: TWIN}


def test_an_assignment_that_uses_no_seat_neither_covers_nor_is_covered():
    assert found(held(BIG, state="Error"), held(SMALL)) == {}
    assert found(held(BIG), held(SMALL, state="Disabled")) == {}


def test_a_license_without_known_plans_is_left_alone():
    assert found(held(BIG), held(EMPTY)) == {}


def test_a_suspended_license_covers_nothing():
    book = PlanBook(
        [
            license_of(BIG, "MAIL", "CHAT", capability_status="Suspended"),
            license_of(SMALL, "MAIL"),
        ]
    )
    assert found(held(BIG), held(SMALL), book=book) == {}


def test_plans_of_the_company_and_plans_the_tenant_switched_off_are_not_a_contacts():
    small = make_license(
        sku_id=SMALL,
        service_plans=(
            make_plan("MAIL"),
            make_plan("FOUNDATION", applies_to="Company"),
            make_plan("OLD", provisioning_status="Disabled"),
        ),
    )
    book = PlanBook([license_of(BIG, "MAIL", "FILES"), small])
    assert found(held(BIG), held(SMALL), book=book) == {SMALL: BIG}


def test_unmanaged_licenses_are_not_looked_at():
    contact = make_contact(held(BIG), held(SMALL))
    assert duplicates(contact, BOOK, ORDER, {SMALL}) == {}


def test_a_direct_and_a_group_copy_of_one_license_are_no_duplicate():
    both = Assignment(
        SMALL, True, (AssignmentPath(None, "Active"), AssignmentPath(GROUP, "Active"))
    )
    assert found(both) == {}


SETS = st.dictionaries(
    st.sampled_from([SkuId(name) for name in "abcdef"]), st.integers(0, 31), max_size=6
)


@given(SETS, st.permutations([SkuId(name) for name in "abcdef"]))
def test_what_is_kept_has_every_plan_and_nothing_of_it_is_superfluous(
    sets: dict[SkuId, int], ranking: list[SkuId]
):
    order = {sku_id: rank for rank, sku_id in enumerate(ranking)}
    gone = superfluous(sets, order)
    kept = set(sets) - set(gone)
    assert bool(kept) == bool(sets)
    for sku_id, cover in gone.items():
        assert cover in kept
        assert sets[sku_id] & ~sets[cover] == 0
        cheaper = [k for k in kept if order[k] < order[cover]]
        assert all(sets[sku_id] & ~sets[k] for k in cheaper)
    for one in kept:
        for other in kept - {one}:
            assert sets[one] & ~sets[other]
    for sku_id, cover in gone.items():
        if sets[sku_id] == sets[cover]:
            assert order[cover] < order[sku_id]
