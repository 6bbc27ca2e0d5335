"""When each user last signed in."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

import msgspec

from errors import GraphError
from graph.paging import PageOf, pages
from graph.permissions import AUDIT_LOG_READ
from identifiers import UserId

if TYPE_CHECKING:
    from graph.client import GraphClient

# Graph gives no more than this a page when sign-ins are among the fields.
PAGE_SIZE = 500
PREMIUM = "Microsoft Entra ID P1"
_NOT_PREMIUM = "authentication_requestfromnonpremiumtenantorb2ctenant"


class SignInActivity(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """The times of a user's last sign-ins; attempts that failed count in all but the last."""

    last_sign_in_date_time: str | None = None
    last_non_interactive_sign_in_date_time: str | None = None
    last_successful_sign_in_date_time: str | None = None

    def last(self) -> str | None:
        """The ISO time of the last successful sign-in, None if none is known.

        Successes are told apart only since December 2023, and not in
        hindsight; for users without one, the last attempt stands.
        Source: https://learn.microsoft.com/graph/api/resources/signinactivity
        """
        success = self.last_successful_sign_in_date_time
        if _day(success) is not None:
            return success
        attempts = (self.last_sign_in_date_time, self.last_non_interactive_sign_in_date_time)
        return max((time for time in attempts if time and _day(time) is not None), default=None)


class UserSignIns(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A user; without `sign_in_activity` no sign-in was ever recorded."""

    id: UserId
    sign_in_activity: SignInActivity | None = None

    def last_day(self) -> str | None:
        """The ISO date of the last sign-in, None if none is known."""
        return _day(self.sign_in_activity.last()) if self.sign_in_activity is not None else None


_decoder = msgspec.json.Decoder(PageOf[UserSignIns])


def sign_in_pages(
    graph: GraphClient, *, page_size: int = PAGE_SIZE, resume_from: str | None = None
) -> AsyncGenerator[PageOf[UserSignIns], None]:
    """All users with their last sign-ins, or those from a next link on, a page at a time.

    Raises GraphError.
    Source: https://learn.microsoft.com/graph/api/user-list
    """
    from kiota_abstractions.base_request_configuration import RequestConfiguration
    from msgraph.generated.users.users_request_builder import UsersRequestBuilder

    parameters = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
        select=["id", "signInActivity"], top=page_size
    )
    request = UsersRequestBuilder(graph.adapter, {}).to_get_request_information(
        RequestConfiguration(query_parameters=parameters)
    )
    return pages(graph, resume_from or request, _decoder, permission=AUDIT_LOG_READ)


def lacks_premium(error: GraphError) -> bool:
    """Whether Graph refused because the tenant has no license for sign-in data.

    It is known to say so of tenants that have one, now and then.
    """
    return (error.microsoft_code or "").casefold() == _NOT_PREMIUM


def _day(moment: str | None) -> str | None:
    return moment[:10] if moment and not moment.startswith("0001-") else None
