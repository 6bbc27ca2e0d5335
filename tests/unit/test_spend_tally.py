"""What becomes of every seat, each counted once."""

from __future__ import annotations

import tracemalloc
from datetime import timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from identifiers import SkuId
from imports.model import Assignment, AssignmentPath, Contact
from spend.annual import Money
from spend.model import LicenseSeats
from spend.plans import PlanBook
from spend.rightsizing import offers_of
from spend.shares import MAX_VALUES, ShareTally
from spend.tally import Rules, SpendTally
from spend.waste import cause_of, wasted_seats
from tests.builders import (
    GROUP,
    NOW,
    make_contact,
    make_license,
    make_plan,
    make_usage,
    make_usage_status,
)
from usage.model import Usage

BIG, SMALL, FREE = (SkuId(name) for name in ("big", "small", "free"))
TODAY = NOW.date()
RECENT = (TODAY - timedelta(days=5)).isoformat()
LONG_AGO = (TODAY - timedelta(days=91)).isoformat()
BOOK = PlanBook(
    [
        make_license(
            sku_id=BIG, service_plans=(make_plan("TEAMS1"), make_plan("EXCHANGE_S_STANDARD"))
        ),
        make_license(sku_id=SMALL, service_plans=(make_plan("TEAMS1"),)),
        make_license(sku_id=FREE, service_plans=(make_plan("FLOW"),)),
    ]
)
COSTS = {BIG: Money(Fraction(120), "EUR"), SMALL: Money(Fraction(12), "EUR")}


def rules(*managed: SkuId) -> Rules:
    chosen = frozenset(managed or (BIG, SMALL, FREE))
    costs = {sku_id: cost for sku_id, cost in COSTS.items() if sku_id in chosen}
    offers = offers_of(chosen, BOOK, costs)
    return Rules(BOOK, chosen, costs, offers, make_usage_status(), TODAY, 90)


def holds(sku_id: SkuId, *groups: str | None, state: str = "Active") -> Assignment:
    paths = tuple(AssignmentPath(g, state) for g in groups or (None,))  # type: ignore[arg-type]
    return Assignment(sku_id, True, paths)


def active(contact: Contact) -> Usage:
    return make_usage(user_id=contact.user_id, last_activity={"exchange": RECENT, "teams": RECENT})


def inactive(contact: Contact) -> Usage:
    return make_usage(user_id=contact.user_id, last_activity={"exchange": LONG_AGO})


def test_the_causes_of_waste_have_an_order_and_a_seat_has_one():
    blocked = make_contact(account_enabled=False)
    assert cause_of(blocked, covered=True, inactive=True) == "blocked"
    assert cause_of(make_contact(), covered=True, inactive=True) == "duplicate"
    assert cause_of(make_contact(), covered=False, inactive=True) == "inactive"
    assert cause_of(make_contact(), covered=False, inactive=False) is None
    assert cause_of(make_contact(), covered=False, inactive=None) is None


def test_a_seat_is_counted_under_its_first_cause():
    tally = SpendTally(rules())
    contact = make_contact(holds(BIG), holds(SMALL), account_enabled=False)
    tally.add(contact, inactive(contact))
    big, small = tally.licenses[BIG], tally.licenses[SMALL]
    assert (big.consumed, big.blocked, big.inactive) == (1, 1, 0)
    assert (small.blocked, small.duplicate, small.duplicates) == (1, 0, 1)
    found = tally.take_findings()
    assert {(f.sku_id, f.cause, f.other_sku_id) for f in found.waste} == {
        (BIG, "blocked", None),
        (SMALL, "blocked", None),
    }
    assert [(f.sku_id, f.other_sku_id, f.cause) for f in found.overlap] == [(SMALL, BIG, "blocked")]
    assert tally.take_findings().waste == []


def test_unknown_activity_is_neither_waste_nor_right_sized():
    tally = SpendTally(rules())
    tally.add(make_contact(holds(BIG)), None)
    seats = tally.licenses[BIG]
    assert (seats.consumed, seats.inactive, seats.unknown_activity) == (1, 0, 1)
    assert seats.right_sizing == {}
    assert tally.take_findings().waste == []


def test_an_active_contact_of_a_small_part_is_right_sized():
    tally = SpendTally(rules())
    contact = make_contact(holds(BIG))
    usage = make_usage(
        user_id=contact.user_id,
        last_activity={"teams": RECENT},
        reported=("getOffice365ActiveUserDetail", "getEmailAppUsageUserDetail"),
    )
    tally.add(contact, usage)
    assert tally.licenses[BIG].right_sizing == {SMALL: 1}
    assert [(f.sku_id, f.other_sku_id) for f in tally.take_findings().right_sizing] == [
        (BIG, SMALL)
    ]


def test_a_direct_and_a_group_copy_are_to_be_tidied_up_and_waste_nothing():
    tally = SpendTally(rules())
    contact = make_contact(holds(BIG, None, GROUP))
    tally.add(contact, active(contact))
    seats = tally.licenses[BIG]
    assert (seats.consumed, seats.tidy_up, seats.duplicates) == (1, 1, 0)
    found = tally.take_findings()
    assert found.waste == []
    assert [(f.path, f.other_sku_id) for f in found.overlap] == [("both", None)]


def test_unmanaged_licenses_are_left_out_also_as_covers():
    tally = SpendTally(rules(SMALL))
    contact = make_contact(holds(BIG), holds(SMALL))
    tally.add(contact, active(contact))
    assert set(tally.licenses) == {SMALL}
    assert tally.licenses[SMALL].duplicate == 0


def test_an_assignment_that_uses_no_seat_is_not_counted():
    tally = SpendTally(rules())
    contact = make_contact(holds(BIG, state="Error"))
    tally.add(contact, inactive(contact))
    assert tally.licenses[BIG].consumed == 0


def test_seats_nobody_pays_for_are_not_wasted():
    seats = LicenseSeats(consumed=12, blocked=3, duplicate=4, inactive=5)
    assert wasted_seats(10, seats) == {
        "never_assigned": 0,
        "blocked": 3,
        "duplicate": 4,
        "inactive": 3,
    }
    assert wasted_seats(0, LicenseSeats())["never_assigned"] == 0


@given(
    st.integers(0, 50),
    st.lists(st.sampled_from(["blocked", "duplicate", "inactive", None]), max_size=60),
)
def test_wasted_seats_are_never_more_than_those_paid_for(entitled: int, seats: list[str | None]):
    counts = LicenseSeats(
        consumed=len(seats),
        blocked=seats.count("blocked"),
        duplicate=seats.count("duplicate"),
        inactive=seats.count("inactive"),
    )
    found = wasted_seats(entitled, counts)
    assert list(found) == ["never_assigned", "blocked", "duplicate", "inactive"]
    assert sum(found.values()) <= entitled
    if len(seats) <= entitled:
        good = seats.count(None)
        assert sum(found.values()) == entitled - good


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from([BIG, SMALL, FREE]), unique=True),
            st.sampled_from([True, False, None]),
            st.sampled_from(["active", "inactive", "unknown"]),
            st.sampled_from([" Sales", "sales", "Legal", None, ""]),
        ),
        max_size=30,
    )
)
def test_every_seat_is_counted_exactly_once_in_every_figure(people):
    tally = SpendTally(rules())
    for skus, enabled, activity, department in people:
        contact = make_contact(
            *(holds(sku_id) for sku_id in skus), account_enabled=enabled, department=department
        )
        usages = {"active": active, "inactive": inactive}
        tally.add(contact, usages[activity](contact) if activity in usages else None)
    seats = sum(len(skus) for skus, *_ in people)
    assert sum(figures.consumed for figures in tally.licenses.values()) == seats
    wasted = sum(f.blocked + f.duplicate + f.inactive for f in tally.licenses.values())
    found = tally.take_findings()
    assert len(found.waste) == wasted
    assert len({(f.user_id, f.sku_id) for f in found.waste}) == wasted
    shares = list(tally.departments.shares())
    assert sum(s.seats for share in shares for s in share.licenses.values()) == seats
    assert sum(s.wasted for share in shares for s in share.licenses.values()) == wasted
    assert {(share.value or "").strip().casefold() for share in shares} <= {"sales", "legal", ""}


def test_texts_of_a_tenant_do_not_decide_how_much_memory_is_used():
    tally = ShareTally("department")
    for number in range(MAX_VALUES + 10):
        tally.add(make_contact(department=f"D{number}"), BIG, wasted=number % 2 == 0)
    shares = list(tally.shares())
    assert len(shares) == MAX_VALUES + 1
    assert shares[-1].overflow
    assert shares[-1].licenses[BIG].seats == 10


def kept_bytes(contacts: int) -> int:
    """What a tally keeps after so many contacts of ten departments, each with findings."""
    tracemalloc.start()
    tally = SpendTally(rules())
    for number in range(contacts):
        contact = make_contact(
            holds(BIG), holds(SMALL), department=f"D{number % 10}", country="Germany"
        )
        tally.add(contact, inactive(contact))
        if number % 100 == 99:
            tally.take_findings()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept


def test_what_is_kept_does_not_grow_with_contacts():
    kept_bytes(100)
    few, many = kept_bytes(500), kept_bytes(5000)
    assert many < few + 20_000
