"""Who consumes a license, and by which path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.consumers import assignments, consumer, consumes, path_of, state_of
from compliance.tally import flag_of, tally
from graph.models import AssignedLicense, LicenseAssignmentState
from identifiers import ServicePlanId
from tests.builders import (
    GROUP,
    OTHER_GROUP,
    OTHER_SKU,
    PORTAL,
    SKU,
    assigned,
    assignment_state,
    make_assignment,
    make_contact,
    make_path,
)

states = st.sampled_from(["Active", "ActiveWithError", "Disabled", "Error", "Odd"])
paths = st.builds(make_path, st.sampled_from([None, GROUP]), states)
any_assignment = st.builds(
    lambda found, held: make_assignment(*found, held=held),
    st.lists(paths, max_size=4),
    st.booleans(),
)


@pytest.mark.parametrize(
    ("given_paths", "kind"),
    [
        ((), "unknown"),
        ((make_path(),), "direct"),
        ((make_path(GROUP),), "group"),
        ((make_path(), make_path(GROUP)), "both"),
    ],
)
def test_the_path_is_direct_group_both_or_unknown(given_paths, kind):
    assert path_of(make_assignment(*given_paths)) == kind


@pytest.mark.parametrize(
    ("state", "seat"),
    [("Active", True), ("ActiveWithError", True), ("Disabled", False), ("Error", False)],
)
def test_only_active_assignments_use_a_seat(state, seat):
    assert consumes(make_assignment(make_path(state=state))) is seat


def test_a_license_held_without_a_known_path_uses_a_seat():
    assert consumes(make_assignment(held=True))
    assert not consumes(make_assignment(held=False))


def test_one_working_path_outweighs_a_failed_one():
    assignment = make_assignment(make_path(state="Error"), make_path(GROUP, "ActiveWithError"))
    assert state_of(assignment) == "ActiveWithError"
    assert consumes(assignment)


def test_what_graph_holds_and_why_are_joined_by_sku():
    found = assignments(
        [assigned(SKU)],
        [
            assignment_state(SKU, GROUP),
            assignment_state(SKU),
            assignment_state(OTHER_SKU, GROUP, "Error", "CountViolation"),
        ],
    )
    by_sku = {assignment.sku_id: assignment for assignment in found}
    assert by_sku[SKU].held
    assert path_of(by_sku[SKU]) == "both"
    assert not by_sku[OTHER_SKU].held
    assert by_sku[OTHER_SKU].paths[0].error == "CountViolation"


def test_excluded_skus_are_left_out():
    found = assignments([assigned(SKU), assigned(OTHER_SKU)], None, {SKU})
    assert [assignment.sku_id for assignment in found] == [OTHER_SKU]


def test_the_case_of_states_and_the_word_none_make_no_difference():
    (found,) = assignments([assigned()], [assignment_state(state="activeWithError", error="none")])
    assert found.paths[0].state == "ActiveWithError"
    assert found.paths[0].error is None


@given(st.permutations([None, GROUP, OTHER_GROUP]))
def test_the_order_of_graphs_entries_makes_no_difference(groups):
    shuffled = assignments([assigned()], [assignment_state(group=group) for group in groups])
    straight = assignments(
        [assigned()], [assignment_state(group=g) for g in (None, GROUP, OTHER_GROUP)]
    )
    assert shuffled == straight


def test_a_user_without_licenses_has_no_assignments():
    assert assignments(None, None) == ()
    assert assignments([], []) == ()


def test_a_consumer_tells_groups_and_errors():
    assignment = make_assignment(make_path(GROUP, "Error"), make_path())
    found = consumer(PORTAL, SKU, make_contact(assignment))
    assert found is not None
    assert found.group_ids == (GROUP,)
    assert found.path == "both"
    assert consumer(PORTAL, OTHER_SKU, make_contact(assignment)) is None


entries = st.builds(
    LicenseAssignmentState,
    st.sampled_from([SKU, OTHER_SKU]),
    st.sampled_from([None, GROUP, OTHER_GROUP]),
    st.sampled_from(["Active", "activewitherror", "Disabled", "Error", "Odd", None]),
    st.sampled_from([None, "None", "CountViolation", "MutuallyExclusiveViolation"]),
    st.sampled_from([None, "2026-05-01T00:00:00Z"]),
)
held_skus = st.lists(st.sampled_from([SKU, OTHER_SKU]), unique=True)


@given(held_skus, st.lists(entries, max_size=6), st.randoms())
def test_whatever_the_order_of_entries_the_same_is_stored(held, states, random):
    shuffled = list(states)
    random.shuffle(shuffled)
    reversed_held = [assigned(sku) for sku in reversed(held)]
    assert assignments(reversed_held, shuffled) == assignments(
        [assigned(sku) for sku in held], states
    )


@given(held_skus, st.lists(entries, max_size=6), st.sets(st.sampled_from([SKU, OTHER_SKU])))
def test_no_entry_is_lost_and_none_is_made_up(held, states, excluded):
    found = assignments([assigned(sku) for sku in held], states, excluded)
    ids = [assignment.sku_id for assignment in found]
    assert ids == sorted(({*held} | {entry.sku_id for entry in states}) - excluded)
    for assignment in found:
        assert assignment.held == (assignment.sku_id in held)
        assert len(assignment.paths) == sum(e.sku_id == assignment.sku_id for e in states)


@given(any_assignment)
def test_who_consumes_has_the_best_state_of_all_paths(assignment):
    seated = {path.state for path in assignment.paths} & {"Active", "ActiveWithError"}
    expected = bool(seated) if assignment.paths else assignment.held
    assert consumes(assignment) == expected
    if expected:
        assert state_of(assignment) in ("Active", "ActiveWithError")


@given(any_assignment)
def test_a_consumer_says_of_an_assignment_what_the_count_says(assignment):
    contact = make_contact(assignment, account_enabled=False)
    found = consumer(PORTAL, SKU, contact)
    assert found is not None
    assert found.user_id == contact.user_id
    assert found.account_enabled is False
    assert (found.path, found.state) == (path_of(assignment), state_of(assignment))
    assert found.consumes == consumes(assignment)
    assert tally([bytes([flag_of(assignment, True)])]).consumed == found.consumes


def test_a_state_that_graph_does_not_tell_follows_who_holds_and_a_new_one_is_kept():
    (untold,) = assignments(None, [assignment_state(state=None)])
    (new,) = assignments(None, [assignment_state(state="Paused")])
    (held,) = assignments([AssignedLicense(SKU, ())], [assignment_state(state=None)])
    assert (state_of(untold), consumes(untold)) == ("Error", False)
    assert (state_of(held), consumes(held)) == ("Active", True)
    assert (state_of(new), consumes(new)) == ("Paused", False)


def test_plans_that_are_switched_off_are_kept():
    plan = ServicePlanId("113feb6c-3fe4-4440-bddc-54d774bf0318")
    (found,) = assignments([AssignedLicense(SKU, (plan,))], None)
    assert found.disabled_plans == (plan,)
    (without,) = assignments([AssignedLicense(SKU, None)], None)
    assert without.disabled_plans == ()


def test_errors_of_several_paths_are_told_once_each():
    (found,) = assignments(
        [assigned()],
        [
            assignment_state(SKU, GROUP, "Error", "CountViolation"),
            assignment_state(SKU, OTHER_GROUP, "Error", "CountViolation"),
            assignment_state(SKU, None, "Error", "Other"),
        ],
    )
    told = consumer(PORTAL, SKU, make_contact(found))
    assert told is not None
    assert told.errors == ("CountViolation", "Other")
    assert told.group_ids == tuple(sorted((GROUP, OTHER_GROUP)))
    assert not told.consumes
