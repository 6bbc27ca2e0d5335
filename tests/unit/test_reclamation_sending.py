"""How license changes are grouped, and which failures are worth another try."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import (
    CredentialMissing,
    GraphError,
    GraphSuccessUnreadable,
    GraphThrottled,
    GraphUnreachable,
    LedgerError,
    PermissionMissing,
    StorageUnavailable,
    TokenRejected,
)
from graph.assign_license import outcome_of
from graph.batch import MAX_REQUESTS
from identifiers import SkuId, UserId
from reclamation.model import Item
from reclamation.sending import MAX_STALL_SECONDS, STALL_SECONDS, by_user, is_transient, stalled_by


def items_of(counts: Sequence[int]) -> list[Item]:
    """Items of users with so many licenses each, in the order of users."""
    return [
        Item(
            UserId(f"{user:08d}"),
            SkuId(f"{sku:08d}"),
            "ada@contoso.example",
            "Microsoft 365 E3",
            "SPE_E3",
            ("blocked",),
            "direct",
            "planned",
        )
        for user, number in enumerate(counts)
        for sku in range(number)
    ]


async def grouped(items: Sequence[Item]) -> list[list[list[Item]]]:
    """The items as they would be sent."""

    async def stored() -> AsyncIterator[Item]:
        for item in items:
            yield item

    return [users async for users in by_user(stored())]


@given(st.lists(st.integers(1, 5), max_size=70))
def test_a_batch_holds_up_to_twenty_users_each_with_all_its_licenses(counts: list[int]):
    items = items_of(counts)
    batches = asyncio.run(grouped(items))
    assert [item for users in batches for one in users for item in one] == items
    assert [one for users in batches for one in users] == [
        list(own) for _, own in groupby(items, key=lambda item: item.user_id)
    ]
    assert all(len(users) == MAX_REQUESTS for users in batches[:-1])
    assert all(0 < len(users) <= MAX_REQUESTS for users in batches)


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (GraphThrottled("", remedy="", http_status=429), True),
        (GraphUnreachable("", remedy=""), True),
        (GraphSuccessUnreadable("", remedy=""), True),
        (GraphError("", remedy="", http_status=503), True),
        (GraphError("", remedy="", http_status=400), False),
        (GraphError("", remedy="", http_status=404), False),
        (PermissionMissing("LicenseAssignment.ReadWrite.All", remedy=""), False),
        (TokenRejected("", remedy=""), False),
        (CredentialMissing("", remedy=""), False),
        # the host tries the message again
        (StorageUnavailable("", remedy=""), False),
    ],
)
def test_only_what_may_pass_by_itself_is_tried_again(error: LedgerError, transient: bool):
    assert is_transient(error) is transient


@pytest.mark.parametrize(
    ("told", "waits"),
    [(None, STALL_SECONDS), (0, 1), (0.4, 1), (90, 90), (1e9, MAX_STALL_SECONDS)],
)
def test_a_throttled_tenant_is_left_alone_for_as_long_as_it_says(told: float | None, waits: int):
    error = GraphThrottled("", remedy="", http_status=429)
    error.retry_after_seconds = told
    stalled = stalled_by(error)
    assert (stalled.throttled, stalled.delay_seconds) == (True, waits)


def test_a_tenant_that_does_not_answer_is_not_taken_for_throttled():
    stalled = stalled_by(GraphUnreachable("", remedy=""))
    assert (stalled.throttled, stalled.delay_seconds) == (False, STALL_SECONDS)


@pytest.mark.parametrize(
    ("status", "message", "outcome"),
    [
        (400, "User does not have a corresponding license.", "not_held"),
        (400, "USER LICENSE IS INHERITED FROM A GROUP membership", "inherited"),
        (400, "Subscription with SKU x does not have any available licenses.", "no_license_left"),
        (400, "invalid usage location", "usage_location"),
        (400, "service plan A depends on B", "dependency"),
        (400, "something new", "refused"),
        (400, None, "refused"),
        # the text of a failure that is no refusal says nothing of the license
        (503, "User does not have a corresponding license.", "uncertain"),
        (429, "User does not have a corresponding license.", "throttled"),
        (403, "User does not have a corresponding license.", "refused"),
        (404, "Resource does not exist", "user_gone"),
    ],
)
def test_what_a_refusal_means(status: int, message: str | None, outcome: str):
    assert outcome_of(status, message) == outcome
