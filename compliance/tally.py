"""Counts consumers by one flag byte each: pure, and fast for millions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from compliance.consumers import consumes, path_of, state_of
from compliance.model import ConsumerCounts
from identifiers import GroupId, SkuId
from imports.model import Assignment, AssignmentPath

_PATHS = ("direct", "group", "both", "unknown")
_STATES = ("Active", "ActiveWithError", "Disabled", "Error")
_OTHER_STATE = len(_STATES)
_CONSUMES = 0x20
_BLOCKED = 0x40


def flag_of(assignment: Assignment, account_enabled: bool | None) -> int:
    """Path, state, whether it consumes and whether the contact is blocked, as one byte.

    Bits 0 and 1 are the path, 2 to 4 the state, 5 consumes, 6 blocked.
    """
    flag = None
    if len(assignment.paths) == 1:
        path = assignment.paths[0]
        flag = _FLAGS_OF_ONE_PATH.get((path.group_id is None, path.state))
    if flag is None:
        flag = _flag_of_paths(assignment)
    return flag | _BLOCKED if account_enabled is False else flag


def _flag_of_paths(assignment: Assignment) -> int:
    state = state_of(assignment)
    state_index = _STATES.index(state) if state in _STATES else _OTHER_STATE
    flag = _PATHS.index(path_of(assignment)) | state_index << 2
    return flag | _CONSUMES if consumes(assignment) else flag


# Nearly every license comes by a single path; an import asks for millions of these.
_FLAGS_OF_ONE_PATH = {
    (group_id is None, state): _flag_of_paths(
        Assignment(SkuId(""), True, (AssignmentPath(group_id, state),))
    )
    for group_id in (None, GroupId(""))
    for state in _STATES
}


def tally(flags: Iterable[bytes]) -> ConsumerCounts:
    """The counts over all flag bytes of one license; each contact has one byte."""
    totals: Counter[int] = Counter()
    for part in flags:
        totals.update(part)
    consumed = with_error = in_error = disabled = blocked = 0
    for flag, number in totals.items():
        state = flag >> 2 & 0x07
        if flag & _CONSUMES:
            consumed += number
            if flag & _BLOCKED:
                blocked += number
            if state == 1:
                with_error += number
        elif state == 2:
            disabled += number
        else:
            in_error += number
    return ConsumerCounts(
        consumed=consumed,
        with_error=with_error,
        in_error=in_error,
        disabled=disabled,
        blocked=blocked,
    )
