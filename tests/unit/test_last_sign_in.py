"""Which of a user's sign-ins counts as the last."""

from __future__ import annotations

import pytest

from graph.sign_ins import SignInActivity

NEVER = "0001-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("attempt", "silent", "success", "last"),
    [
        # somebody tries passwords; nobody got in since March
        ("2026-06-01T00:00:00Z", None, "2026-03-01T08:00:00Z", "2026-03-01T08:00:00Z"),
        # successes are not told apart for this user
        ("2026-06-01T00:00:00Z", "2026-06-02T00:00:00Z", None, "2026-06-02T00:00:00Z"),
        ("2026-06-01T00:00:00Z", NEVER, NEVER, "2026-06-01T00:00:00Z"),
        (NEVER, NEVER, NEVER, None),
        (None, None, None, None),
    ],
)
def test_the_last_success_counts_and_attempts_only_where_none_is_known(
    attempt: str | None, silent: str | None, success: str | None, last: str | None
):
    assert SignInActivity(attempt, silent, success).last() == last
