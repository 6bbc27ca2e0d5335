"""The one write to a tenant: takes licenses from users, and assigns them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from graph.batch import BatchAnswer, BatchRequest, batch
from graph.errors import failure
from graph.permissions import LICENSE_WRITE
from identifiers import ServicePlanId, SkuId, UserId

if TYPE_CHECKING:
    from errors import GraphError
    from graph.client import GraphClient

Outcome = Literal[
    "done",
    "not_held",
    "inherited",
    "user_gone",
    "no_license_left",
    "usage_location",
    "dependency",
    "throttled",
    "uncertain",
    "refused",
]

# Graph tells these refusals apart by their text alone; each part stands in lower case.
_REFUSALS: tuple[tuple[str, Outcome], ...] = (
    ("inherited from a group", "inherited"),
    ("does not have a corresponding license", "not_held"),
    ("usage location", "usage_location"),
    ("available licenses", "no_license_left"),
    ("depend", "dependency"),
)


class LicenseChange(msgspec.Struct, frozen=True):
    """What to change of one user's direct assignments; added SKUs have disabled plans."""

    user_id: UserId
    remove: tuple[SkuId, ...] = ()
    add: dict[SkuId, tuple[ServicePlanId, ...]] = {}


class ChangeAnswer(msgspec.Struct, frozen=True):
    """What came of one user's change; it is done as a whole or not at all.

    `uncertain` as the outcome: whether it was done is not known. `uncertain`
    as the flag: some try may have done it, so that `not_held` may be our own
    work. `error` is None only for `done`.
    """

    outcome: Outcome
    uncertain: bool = False
    error: GraphError | None = None
    request_id: str | None = None
    retry_after_seconds: float | None = None


async def change_licenses(
    graph: GraphClient, changes: Sequence[LicenseChange]
) -> list[ChangeAnswer]:
    """The answers to the changes of up to 20 users, in their order; one change a user.

    Repeating a change is harmless. Until it shows in reads, minutes may pass.
    Raises GraphError if the whole batch fails; then any of it may be done.
    Source: https://learn.microsoft.com/graph/api/user-assignlicense
    """
    requests = {str(index): _request(change) for index, change in enumerate(changes)}
    answers = await batch(graph, requests, permission=LICENSE_WRITE)
    return [_judged(answers[key]) for key in requests]


def _request(change: LicenseChange) -> BatchRequest:
    # both arrays must be there, even if empty
    body: dict[str, object] = {
        "addLicenses": [
            {"skuId": sku_id, "disabledPlans": list(plans)} for sku_id, plans in change.add.items()
        ],
        "removeLicenses": list(change.remove),
    }
    return BatchRequest("POST", f"/users/{change.user_id}/assignLicense", body)


def _judged(answer: BatchAnswer) -> ChangeAnswer:
    if 200 <= answer.status < 300:
        return ChangeAnswer("done", answer.uncertain, request_id=answer.request_id)
    error = failure(
        answer.status,
        answer.body,
        permission=LICENSE_WRITE,
        request_id=answer.request_id,
        retry_after_seconds=answer.retry_after_seconds,
    )
    return ChangeAnswer(
        outcome_of(answer.status, error.microsoft_message),
        answer.uncertain,
        error,
        error.request_id,
        answer.retry_after_seconds,
    )


def outcome_of(status: int, message: str | None) -> Outcome:
    """What a failed change means, by its status and Graph's text."""
    if status == 404:
        return "user_gone"
    if status == 429:
        return "throttled"
    if status >= 500:
        return "uncertain"
    said = (message or "").casefold()
    if status == 400:
        for part, outcome in _REFUSALS:
            if part in said:
                return outcome
    return "refused"
