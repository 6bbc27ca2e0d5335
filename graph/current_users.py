"""Users as they are at this moment, for decisions that must not rest on an import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from errors import GraphError
from graph.batch import BatchAnswer, BatchRequest, batch
from graph.errors import failure, unreadable_success
from graph.models import User
from graph.permissions import USER_READ
from graph.sign_ins import SignInActivity
from graph.users import FIELDS
from identifiers import UserId

if TYPE_CHECKING:
    from graph.client import GraphClient

_SIGN_IN = "signInActivity"


class CurrentUser(msgspec.Struct, frozen=True):
    """A user at this moment.

    `sign_ins_known` is whether the tenant told the sign-ins; only then does a
    `last_sign_in` of None mean that there never was one.
    """

    user: User
    sign_ins_known: bool
    last_sign_in: datetime | None = None


class _Answer(User, frozen=True):
    sign_in_activity: SignInActivity | None = msgspec.field(default=None, name=_SIGN_IN)


_decoder = msgspec.json.Decoder(_Answer)


async def current_users(
    graph: GraphClient, user_ids: Sequence[UserId]
) -> dict[UserId, CurrentUser | GraphError | None]:
    """Up to 20 users by ID: None for one that is gone, an error for one that could not be read.

    Sign-ins need AuditLog.Read.All and Entra ID P1 in the tenant, and are at
    times refused where both are there, so that users of whom some are refused
    are asked for again; those still refused come with `sign_ins_known` false.
    Raises GraphError if the whole batch fails.
    Source: https://learn.microsoft.com/graph/api/user-get
    """
    answers = await _read(graph, user_ids, [*FIELDS, _SIGN_IN])
    refused = _refused(answers)
    if 0 < len(refused) < len(user_ids):
        answers |= await _read(graph, refused, [*FIELDS, _SIGN_IN])
        refused = _refused(answers)
    without = await _read(graph, refused, FIELDS) if refused else {}
    return {
        user_id: _current(without.get(user_id, answer), user_id not in without)
        for user_id, answer in answers.items()
    }


def _refused(answers: Mapping[UserId, BatchAnswer]) -> list[UserId]:
    return [user_id for user_id, answer in answers.items() if answer.status == 403]


async def _read(
    graph: GraphClient, user_ids: Sequence[UserId], fields: Sequence[str]
) -> dict[UserId, BatchAnswer]:
    query = f"$select={','.join(fields)}"
    requests = {
        str(index): BatchRequest("GET", f"/users/{user_id}?{query}")
        for index, user_id in enumerate(user_ids)
    }
    answers = await batch(graph, requests, permission=USER_READ)
    return {user_id: answers[str(index)] for index, user_id in enumerate(user_ids)}


def _current(answer: BatchAnswer, sign_ins_known: bool) -> CurrentUser | GraphError | None:
    if answer.status == 404:
        return None
    if answer.status != 200:
        return failure(
            answer.status,
            answer.body,
            permission=USER_READ,
            request_id=answer.request_id,
            retry_after_seconds=answer.retry_after_seconds,
        )
    try:
        user = _decoder.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return unreadable_success(answer.request_id)
    activity = user.sign_in_activity
    text = activity.last() if activity is not None else None
    last = _moment(text)
    # a time that cannot be read is no time at all
    return CurrentUser(user, sign_ins_known and (last is None) == (text is None), last)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    # Graph's times are in UTC
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
