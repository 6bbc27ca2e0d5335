"""Sends license changes of several users at once, and judges what stands in the way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from compliance.reclamation import VISIBILITY_LAG
from errors import (
    GraphError,
    GraphThrottled,
    GraphUnreachable,
    LedgerError,
    PermissionMissing,
    TokenRejected,
)
from graph.assign_license import ChangeAnswer, LicenseChange, Outcome, change_licenses
from graph.batch import MAX_REQUESTS
from identifiers import SkuId, UserId
from reclamation.model import Item

if TYPE_CHECKING:
    from graph.client import GraphClient

STALL_SECONDS = 30
MAX_STALL_SECONDS = 3600
# One license may be the cause for which all of a user's changes are refused.
_WORTH_SPLITTING: frozenset[Outcome] = frozenset(
    {"not_held", "inherited", "dependency", "no_license_left", "refused"}
)
ItemKey = tuple[UserId, SkuId]


class Stalled(Exception):
    """The tenant does not answer or throttles; a new message goes on after a while."""

    def __init__(self, error: LedgerError, delay_seconds: float = STALL_SECONDS) -> None:
        super().__init__(error.message)
        self.error = error
        self.throttled = isinstance(error, GraphThrottled)
        self.delay_seconds = int(min(max(delay_seconds, 1), MAX_STALL_SECONDS))


def stalled_by(error: LedgerError) -> Stalled:
    """The stall for an error; a throttled tenant names the wait itself."""
    told = error.retry_after_seconds if isinstance(error, GraphThrottled) else None
    return Stalled(error) if told is None else Stalled(error, told)


def not_visible_yet() -> Stalled:
    """The stall for a removal of which reads may not tell yet whether it was done."""
    return Stalled(
        LedgerError(
            "Whether some licenses were taken does not show yet.",
            remedy="Wait some minutes; the run goes on by itself.",
            code="reclamation_unconfirmed",
        ),
        VISIBILITY_LAG.total_seconds() / 2,
    )


def is_transient(error: LedgerError) -> bool:
    """Whether Graph may answer otherwise later."""
    if not isinstance(error, GraphError) or isinstance(error, TokenRejected | PermissionMissing):
        return False
    return isinstance(error, GraphThrottled | GraphUnreachable) or (
        error.http_status is None or error.http_status >= 500
    )


def key_of(item: Item) -> ItemKey:
    """What tells an item from the others of its reclamation."""
    return item.user_id, item.sku_id


async def by_user(items: AsyncIterator[Item]) -> AsyncIterator[list[list[Item]]]:
    """The items of up to twenty users at a time, each user's together; they come by user ID."""
    users: list[list[Item]] = []
    async for item in items:
        if users and users[-1][0].user_id == item.user_id:
            users[-1].append(item)
            continue
        if len(users) == MAX_REQUESTS:
            yield users
            users = []
        users.append([item])
    if users:
        yield users


async def send(
    graph: GraphClient,
    users: Sequence[Sequence[Item]],
    change_of: Callable[[Sequence[Item]], LicenseChange],
) -> dict[ItemKey, ChangeAnswer]:
    """The answer for each item of up to twenty users.

    All of a user's licenses go in one request, since one may depend on
    another; if that is refused, each is sent by itself, so that each has an
    answer of its own. Raises GraphError if a batch fails as a whole.
    """
    answers: dict[ItemKey, ChangeAnswer] = {}
    doubtful: set[ItemKey] = set()
    waiting = [list(items) for items in users]
    while waiting:
        # two requests about one user would race each other
        first = {items[0].user_id: items for items in reversed(waiting)}
        now = list(first.values())
        waiting = [items for items in waiting if first[items[0].user_id] is not items]
        sent = await change_licenses(graph, [change_of(items) for items in now])
        for items, answer in zip(now, sent, strict=True):
            keys = [key_of(item) for item in items]
            if answer.uncertain:
                doubtful.update(keys)
            if len(items) > 1 and answer.outcome in _WORTH_SPLITTING:
                waiting += [[item] for item in items]
                continue
            for key in keys:
                answers[key] = msgspec.structs.replace(answer, uncertain=key in doubtful)
    return answers
