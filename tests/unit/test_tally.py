"""Counting consumers by their flags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.consumers import consumes, state_of
from compliance.model import ConsumerCounts
from compliance.tally import flag_of, tally
from tests.builders import GROUP, make_assignment, make_counts, make_path

states = st.sampled_from(["Active", "ActiveWithError", "Disabled", "Error", "Odd"])
paths = st.builds(make_path, st.sampled_from([None, GROUP]), states)
any_assignment = st.builds(
    lambda found, held: make_assignment(*found, held=held),
    st.lists(paths, max_size=4),
    st.booleans(),
)
any_flag = st.builds(flag_of, any_assignment, st.sampled_from([True, False, None]))


def counted(*assignments, enabled: bool | None = True) -> ConsumerCounts:
    """The counts of a license with these assignments, a contact each."""
    return tally([bytes(flag_of(assignment, enabled) for assignment in assignments)])


def test_however_many_paths_lead_to_a_license_the_contact_counts_once():
    assert counted(make_assignment(make_path(), make_path(GROUP))) == make_counts(1)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("Active", make_counts(1)),
        ("ActiveWithError", make_counts(1, with_error=1)),
        ("Disabled", make_counts(disabled=1)),
        ("Error", make_counts(in_error=1)),
        ("Odd", make_counts(in_error=1)),
    ],
)
def test_a_state_is_counted_in_its_place(state, expected):
    assert counted(make_assignment(make_path(state=state))) == expected


def test_only_a_contact_known_to_be_blocked_is_counted_as_blocked():
    assignment = make_assignment(make_path())
    assert counted(assignment, enabled=False).blocked == 1
    assert counted(assignment, enabled=None).blocked == 0
    assert counted(make_assignment(make_path(state="Error")), enabled=False).blocked == 0


def test_without_flags_nothing_is_counted():
    assert tally([]) == tally([b"", b""]) == ConsumerCounts()


@given(st.lists(st.tuples(any_assignment, st.sampled_from([True, False, None])), max_size=60))
def test_counting_flags_is_counting_assignments(drawn):
    flags = bytes(flag_of(assignment, enabled) for assignment, enabled in drawn)
    counts = tally([flags])
    seated = [(a, enabled) for a, enabled in drawn if consumes(a)]
    assert counts.consumed == len(seated)
    assert counts.blocked == sum(enabled is False for _, enabled in seated)
    assert counts.with_error == sum(state_of(a) == "ActiveWithError" for a, _ in seated)
    assert counts.consumed + counts.in_error + counts.disabled == len(drawn)


@given(st.lists(any_flag, max_size=60).map(bytes), st.integers(0, 60), st.randoms())
def test_neither_order_nor_partition_changes_the_counts(flags, cut, random):
    shuffled = list(flags)
    random.shuffle(shuffled)
    assert tally([bytes(shuffled[:cut]), bytes(shuffled[cut:])]) == tally([flags])
