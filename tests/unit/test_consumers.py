"""Who consumes a license, and by which path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.consumers import assignments, consumer, consumes, path_of, state_of
from compliance.tally import flag_of, tally
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


def test_however_many_paths_lead_to_a_license_the_contact_counts_once():
    assignment = make_assignment(make_path(), make_path(GROUP))
    flags = bytes([flag_of(assignment, True)])
    assert tally([flags]).consumed == 1


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


@given(st.lists(st.tuples(any_assignment, st.sampled_from([True, False, None])), max_size=60))
def test_counting_flags_is_counting_assignments(drawn):
    flags = bytes(flag_of(assignment, enabled) for assignment, enabled in drawn)
    counts = tally([flags[:20], flags[20:]])
    seated = [(a, enabled) for a, enabled in drawn if consumes(a)]
    assert counts.consumed == len(seated)
    assert counts.blocked == sum(enabled is False for _, enabled in seated)
    assert counts.with_error == sum(state_of(a) == "ActiveWithError" for a, _ in seated)
    assert counts.consumed + counts.in_error + counts.disabled == len(drawn)
