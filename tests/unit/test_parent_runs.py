"""Runs: what a parent's state is, and what a run ID tells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.run import FINISHED, created_at, new_parent, new_run_id
from monitor.service import state_of_children
from tests.builders import NOW

states = st.sampled_from(["Queued", "Running", "Succeeded", "PartiallySucceeded", "Failed"])


@pytest.mark.parametrize(
    ("states", "count", "expected"),
    [
        ([], 2, "Queued"),
        (["Queued", "Queued"], 2, "Queued"),
        (["Running", "Queued"], 2, "Running"),
        (["Succeeded"], 2, "Running"),
        (["Succeeded", "Succeeded"], 2, "Succeeded"),
        (["Failed", "Failed"], 2, "Failed"),
        (["Failed", "Succeeded"], 2, "PartiallySucceeded"),
        (["PartiallySucceeded"], 1, "PartiallySucceeded"),
    ],
)
def test_a_parents_state_follows_its_children(states, count, expected):
    assert state_of_children(states, count) == expected


@given(st.lists(states, max_size=8), st.integers(0, 3), st.randoms())
def test_a_parent_ends_when_all_its_children_have(children, missing, random):
    state = state_of_children(children, len(children) + missing)
    ended = missing == 0 and all(child in FINISHED for child in children)
    assert (state in FINISHED) == ended
    shuffled = list(children)
    random.shuffle(shuffled)
    assert state_of_children(shuffled, len(children) + missing) == state


@given(st.lists(states, min_size=1, max_size=8))
def test_a_parent_succeeds_only_if_every_child_did(children):
    state = state_of_children(children, len(children))
    assert (state == "Succeeded") == (set(children) == {"Succeeded"})
    assert (state == "Failed") == (set(children) == {"Failed"})


def test_a_parent_without_children_has_ended_already():
    parent = new_parent("import", "timer", 0, NOW)
    assert (parent.state, parent.finished_at) == ("Succeeded", NOW)
    assert new_parent("import", "timer", 2, NOW).state == "Queued"


def test_a_run_id_tells_when_it_was_made():
    assert created_at(new_run_id(NOW)) == NOW
    assert len({new_run_id(NOW) for _ in range(100)}) == 100
