"""Who may lose which license, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.reclamation import (
    VISIBILITY_LAG,
    Activity,
    Now,
    Verdict,
    activity_unknown,
    candidates,
    kept_out,
    recent,
    verdict,
    waits_for_visibility,
    with_sign_in,
)
from identifiers import RunId, SkuId, UserId
from imports.model import Assignment, AssignmentPath, Contact
from reclamation.model import ACTIVITY_REASONS, Exclusions, Item, Rule
from tests.builders import (
    GROUP,
    NOW,
    OTHER_SKU,
    PORTAL,
    SKU,
    make_assignment,
    make_contact,
    make_path,
)
from usage.model import ACTIVE_USERS, Usage, UsageStatus

TODAY = NOW.date()
LONG_AGO = "2024-01-15T09:00:00Z"
NOBODY = Exclusions()
EVERY_RULE = Rule(90, True, True, True, True)


def status(**changes: Any) -> UsageStatus:
    """A usage run of today that covers 180 days and told the sign-ins."""
    values: dict[str, Any] = {
        "portal_id": PORTAL,
        "completed_at": NOW - timedelta(hours=3),
        "run_id": RunId("018f0000-0000-7000-8000-000000000000"),
        "period": "D180",
        "tasks": ("access", "sign_ins"),
        "refreshed_on": {ACTIVE_USERS: "2026-05-30"},
    }
    return UsageStatus(**{**values, **changes})


def activity(days_ago: int | None, **changes: Any) -> Activity:
    """Activity so many days ago; None for never, in a report that lists the contact."""
    last = {"teams": str(TODAY - timedelta(days=days_ago))} if days_ago is not None else {}
    usage = Usage(UserId("x"), last, reported=(ACTIVE_USERS,))
    return Activity(usage, status(**changes), TODAY)


UNKNOWN = Activity(None, status(), TODAY)


def contact(*assignments: Assignment, **changes: Any) -> Contact:
    """A contact of some years."""
    given_ = assignments or (make_assignment(make_path()),)
    return make_contact(*given_, **{"created_at": LONG_AGO, **changes})


def reasons(who: Contact, known: Activity, rule: Rule) -> tuple[str, ...]:
    """Why the rule takes the contact's one license; () if it does not."""
    found = candidates(who, known, {}, rule=rule, sku_ids=None)
    return found[0].reasons if found else ()


def item(**changes: Any) -> Item:
    """A planned item of an inactive contact."""
    values: dict[str, Any] = {
        "user_id": UserId("x"),
        "sku_id": SKU,
        "user_principal_name": "ada@contoso.example",
        "title": "Microsoft 365 E3",
        "sku_part_number": "SPE_E3",
        "reasons": ("inactive",),
        "path": "direct",
        "state": "planned",
    }
    return Item(**{**values, **changes})


def now(who: Contact | None = None, known: Activity | None = None, **changes: Any) -> Now:
    """A contact as the tenant shows it at this moment."""
    values: dict[str, Any] = {
        "contact": who or contact(),
        "activity": known or activity(120),
        "duplicates": {},
        "sign_ins_known": True,
        "last_sign_in": None,
    }
    return Now(**{**values, **changes})


def judged(one: Item, present: Now | None, **changes: Any) -> Verdict:
    """The verdict on an item under a rule of 90 days."""
    values: dict[str, Any] = {
        "rule": Rule(inactive_days=90, never_active=True, blocked=True, guest=True, duplicate=True),
        "exclusions": NOBODY,
        "members": frozenset(),
        "previewed_at": NOW - timedelta(hours=2),
    }
    return verdict(one, present, **{**values, **changes})


@pytest.mark.parametrize(
    ("days_ago", "rule", "expected"),
    [
        (91, Rule(inactive_days=90), ("inactive",)),
        (90, Rule(inactive_days=90), ()),
        (None, Rule(inactive_days=90), ("never_active",)),
        (None, Rule(never_active=True), ("never_active",)),
        (400, Rule(never_active=True), ()),
        (400, Rule(blocked=True), ()),
    ],
)
def test_inactivity_is_a_reason_only_where_the_rule_asks_for_it(
    days_ago: int | None, rule: Rule, expected: tuple[str, ...]
):
    assert reasons(contact(), activity(days_ago), rule) == expected


def test_a_contact_can_be_meant_for_several_reasons():
    guest = contact(kind="guest", account_enabled=False)
    assert reasons(guest, activity(200), EVERY_RULE) == ("inactive", "blocked", "guest")


def test_a_contact_whose_state_is_unknown_is_not_blocked():
    assert reasons(contact(account_enabled=None), activity(1), Rule(blocked=True)) == ()


def test_a_new_contact_that_was_never_active_is_left_alone():
    new = contact(created_at=(NOW - timedelta(days=12)).isoformat())
    assert reasons(new, activity(None), Rule(inactive_days=90, never_active=True)) == ()


def test_reports_that_cover_too_little_tell_nothing_of_never():
    rule = Rule(never_active=True, coverage_days=90)
    assert reasons(contact(), activity(None, period="D30"), rule) == ()
    assert activity_unknown(contact(), activity(None, period="D30"), rule)


@pytest.mark.parametrize("who", [{"kind": "room"}, {"erased": True}])
def test_rooms_and_erased_persons_are_left_alone(who: dict[str, Any]):
    alone = contact(account_enabled=False, **who)
    assert reasons(alone, activity(None), EVERY_RULE) == ()
    assert not activity_unknown(alone, UNKNOWN, EVERY_RULE)


def test_only_the_licenses_asked_for_are_listed():
    who = contact(
        make_assignment(make_path()), make_assignment(make_path(), sku_id=OTHER_SKU), kind="guest"
    )
    rule = Rule(guest=True)
    one = candidates(who, UNKNOWN, {}, rule=rule, sku_ids=(OTHER_SKU,))
    both = candidates(who, UNKNOWN, {}, rule=rule, sku_ids=None)
    assert [c.sku_id for c in one] == [OTHER_SKU]
    assert {c.sku_id for c in both} == {SKU, OTHER_SKU}


def test_a_license_that_is_not_held_is_not_listed():
    failed = make_assignment(make_path(state="Error"), held=False)
    assert reasons(contact(failed, kind="guest"), UNKNOWN, Rule(guest=True)) == ()


@pytest.mark.parametrize(
    ("paths", "inherited"),
    [
        ((make_path(),), False),
        ((make_path(GROUP),), True),
        ((make_path(), make_path(GROUP)), True),
        ((), False),
    ],
)
def test_what_a_group_gives_is_inherited_even_beside_a_direct_copy(
    paths: tuple[AssignmentPath, ...], inherited: bool
):
    who = contact(make_assignment(*paths), kind="guest")
    (found,) = candidates(who, UNKNOWN, {}, rule=Rule(guest=True), sku_ids=None)
    assert found.inherited is inherited
    assert found.group_ids == tuple(p.group_id for p in paths if p.group_id is not None)


def test_a_duplicate_is_meant_by_itself_and_names_what_covers_it():
    who = contact(make_assignment(make_path()), make_assignment(make_path(), sku_id=OTHER_SKU))
    (found,) = candidates(
        who, activity(1), {SKU: OTHER_SKU}, rule=Rule(duplicate=True), sku_ids=None
    )
    assert (found.sku_id, found.reasons, found.covered_by) == (SKU, ("duplicate",), OTHER_SKU)
    assert candidates(who, activity(1), {SKU: OTHER_SKU}, rule=Rule(guest=True), sku_ids=None) == []


@pytest.mark.parametrize(
    ("exclusions", "members", "expected"),
    [
        (NOBODY, (), False),
        (Exclusions(user_ids=frozenset({UserId("x")})), (), True),
        (NOBODY, ("x",), True),
        (Exclusions(departments=(" boARD ",)), (), True),
        (Exclusions(departments=("Boarding",)), (), False),
        (Exclusions(group_ids=(GROUP,)), (), True),
    ],
)
def test_exclusions_keep_contacts_out(
    exclusions: Exclusions, members: tuple[UserId, ...], expected: bool
):
    who = contact(make_assignment(make_path(GROUP)), user_id=UserId("x"), department="Board")
    assert kept_out(who, exclusions, members) is expected


def test_a_contact_without_a_department_is_in_none():
    assert not kept_out(contact(), Exclusions(departments=("Board",)), ())


def test_usage_that_is_a_week_old_tells_nothing():
    fresh, stale = status(), status(completed_at=NOW - timedelta(days=7, seconds=1))
    assert recent(fresh, NOW) is fresh
    assert recent(stale, NOW) is None
    assert recent(None, NOW) is None


def test_an_item_whose_reason_stands_is_due():
    assert judged(item(), now()) == "due"


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        (None, "user_gone"),
        (now(contact(make_assignment(held=False))), "not_held"),
        (now(contact(make_assignment(make_path(), sku_id=OTHER_SKU))), "not_held"),
        (now(contact(make_assignment(make_path(GROUP)))), "inherited"),
        (now(contact(make_assignment(make_path(), make_path(GROUP)))), "inherited"),
        (now(known=activity(3)), "became_active"),
        (now(last_sign_in=NOW - timedelta(hours=1)), "became_active"),
        (now(known=UNKNOWN), "activity_unknown"),
        (now(known=Activity(None, None, TODAY)), "activity_unknown"),
        (now(sign_ins_known=False), "activity_unknown"),
        (now(sign_ins_known=False, known=activity(120, tasks=("access",))), "due"),
        (
            now(sign_ins_known=False, known=activity(120, unavailable={"sign_ins": "P1"})),
            "due",
        ),
        (now(last_sign_in=NOW - timedelta(days=100)), "due"),
        (
            now(contact(make_assignment(AssignmentPath(None, "Active", None, NOW.isoformat())))),
            "assigned_since",
        ),
        (now(contact(make_assignment(AssignmentPath(None, "Active", None, LONG_AGO)))), "due"),
    ],
)
def test_an_inactive_contact_is_judged_again_as_the_tenant_shows_it(
    present: Now | None, expected: Verdict
):
    assert judged(item(), present) == expected


def test_a_blocked_contact_stays_due_until_it_may_sign_in_again():
    blocked = item(reasons=("blocked",))
    assert judged(blocked, now(contact(account_enabled=False), UNKNOWN)) == "due"
    assert judged(blocked, now(contact(), UNKNOWN)) == "no_longer_due"


def test_a_guest_who_signed_in_since_the_preview_keeps_the_license():
    guest = item(reasons=("guest",))
    who = contact(kind="guest")
    assert judged(guest, now(who, UNKNOWN, last_sign_in=NOW - timedelta(hours=3))) == "due"
    assert judged(guest, now(who, UNKNOWN, last_sign_in=NOW)) == "became_active"


def test_a_duplicate_is_taken_from_an_active_contact_while_it_is_covered():
    twice = item(reasons=("duplicate",))
    covered = now(known=activity(0), duplicates={SKU: OTHER_SKU}, last_sign_in=NOW)
    assert judged(twice, covered) == "due"
    assert judged(twice, now(known=activity(0))) == "no_longer_due"


def test_a_reason_that_the_preview_did_not_give_takes_nothing():
    guest = contact(kind="guest", account_enabled=False)
    assert judged(item(reasons=("inactive",)), now(guest, activity(3))) == "became_active"


def test_an_exclusion_that_applies_by_now_counts():
    who = contact(user_id=UserId("x"), department="Board")
    assert judged(item(), now(who), members=frozenset({UserId("x")})) == "excluded"
    moved = judged(item(), now(who), exclusions=Exclusions(departments=("board",)))
    assert moved == "excluded"
    assert judged(item(), now(who), excluded_skus={SKU}) == "excluded"
    assert judged(item(), now(who), excluded_skus={OTHER_SKU}) == "due"


def test_a_later_sign_in_is_taken_over_and_an_earlier_one_is_not():
    usage = Usage(UserId("x"), last_sign_in="2026-05-01")
    later = datetime(2026, 5, 20, 23, 0, tzinfo=UTC)
    assert with_sign_in(usage, UserId("x"), later).last_sign_in == "2026-05-20"
    assert with_sign_in(usage, UserId("x"), later - timedelta(days=60)) == usage
    assert with_sign_in(usage, UserId("x"), None) == usage
    assert with_sign_in(None, UserId("y"), later) == Usage(UserId("y"), last_sign_in="2026-05-20")


@pytest.mark.parametrize(
    ("one", "decided", "waits"),
    [
        (item(state="unconfirmed", changed_at=NOW - timedelta(minutes=1)), "became_active", True),
        (item(state="unconfirmed", changed_at=NOW - VISIBILITY_LAG), "became_active", False),
        (item(state="unconfirmed", changed_at=NOW), "due", False),
        (item(state="unconfirmed", changed_at=NOW), "not_held", False),
        (item(state="planned", changed_at=NOW), "became_active", False),
    ],
)
def test_a_read_that_speaks_against_a_lost_removal_is_believed_only_after_a_while(
    one: Item, decided: Verdict, waits: bool
):
    assert waits_for_visibility(one, decided, NOW) is waits


PATHS = st.sampled_from([make_path(), make_path(GROUP), make_path(state="Error")])
ASSIGNMENTS = st.builds(
    lambda sku, held, paths: Assignment(sku, held, tuple(paths)),
    st.sampled_from([SKU, OTHER_SKU]),
    st.booleans(),
    st.lists(PATHS, max_size=2),
)
CONTACTS = st.builds(
    lambda assignments, kind, enabled: contact(*assignments, kind=kind, account_enabled=enabled),
    st.lists(ASSIGNMENTS, min_size=1, max_size=2, unique_by=lambda a: a.sku_id),
    st.sampled_from(["member", "guest", "room"]),
    st.sampled_from([True, False, None]),
)
RULES = st.builds(
    Rule,
    st.none() | st.integers(1, 400),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
KNOWN = st.builds(activity, st.none() | st.integers(0, 800))
DUPLICATES: st.SearchStrategy[dict[SkuId, SkuId]] = st.sampled_from([{}, {SKU: OTHER_SKU}])


@given(CONTACTS, RULES, DUPLICATES)
def test_unknown_activity_is_never_a_reason(
    who: Contact, rule: Rule, duplicates: dict[SkuId, SkuId]
):
    for found in candidates(who, UNKNOWN, duplicates, rule=rule, sku_ids=None):
        assert not set(found.reasons) & ACTIVITY_REASONS


@given(CONTACTS, RULES, KNOWN, DUPLICATES)
def test_every_candidate_is_held_and_has_a_reason_that_the_rule_names(
    who: Contact, rule: Rule, known: Activity, duplicates: dict[SkuId, SkuId]
):
    held = {a.sku_id for a in who.assignments if a.held}
    named = {
        *(["inactive", "never_active"] if rule.inactive_days is not None else []),
        *(["never_active"] if rule.never_active else []),
        *(["blocked"] if rule.blocked else []),
        *(["guest"] if rule.guest else []),
        *(["duplicate"] if rule.duplicate else []),
    }
    for found in candidates(who, known, duplicates, rule=rule, sku_ids=None):
        assert found.sku_id in held
        assert found.reasons
        assert set(found.reasons) <= named


@given(CONTACTS, RULES, KNOWN, DUPLICATES)
def test_a_rule_of_more_parts_never_means_fewer(
    who: Contact, rule: Rule, known: Activity, duplicates: dict[SkuId, SkuId]
):
    wider = msgspec.structs.replace(
        rule, never_active=True, blocked=True, guest=True, duplicate=True
    )

    def meant(by: Rule) -> set[SkuId]:
        return {c.sku_id for c in candidates(who, known, duplicates, rule=by, sku_ids=None)}

    assert meant(rule) <= meant(wider)


@given(CONTACTS, RULES, KNOWN, DUPLICATES)
def test_what_a_preview_lists_is_due_while_nothing_changes_and_only_direct(
    who: Contact, rule: Rule, known: Activity, duplicates: dict[SkuId, SkuId]
):
    for found in candidates(who, known, duplicates, rule=rule, sku_ids=None):
        one = item(sku_id=found.sku_id, reasons=found.reasons)
        decided = verdict(
            one,
            now(who, known, duplicates=duplicates),
            rule=rule,
            exclusions=NOBODY,
            members=(),
            previewed_at=NOW,
        )
        assert decided == ("inherited" if found.inherited else "due")


@given(CONTACTS, RULES, KNOWN, DUPLICATES)
def test_whoever_signed_in_since_the_preview_loses_nothing_for_inactivity(
    who: Contact, rule: Rule, known: Activity, duplicates: dict[SkuId, SkuId]
):
    for found in candidates(who, known, duplicates, rule=rule, sku_ids=None):
        inactive = tuple(r for r in found.reasons if r in ACTIVITY_REASONS)
        if not inactive:
            continue
        one = item(sku_id=found.sku_id, reasons=inactive)
        decided = verdict(
            one,
            now(who, known, last_sign_in=NOW + timedelta(seconds=1)),
            rule=rule,
            exclusions=NOBODY,
            members=(),
            previewed_at=NOW,
        )
        assert decided in ("became_active", "inherited")
