"""Sets the use of Entra's premium features beside the licenses that allow it: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from usage.model import PremiumUse

Level = Literal["p1", "p2"]
TITLES: dict[Level, str] = {"p1": "Microsoft Entra ID P1", "p2": "Microsoft Entra ID P2"}


class PremiumPosition(msgspec.Struct, frozen=True):
    """Licenses that allow the features of a level, and the members and guests who use them.

    Guests are paid for by use, not by license, so `beyond` counts members alone.
    Source: https://learn.microsoft.com/entra/external-id/external-identities-pricing
    """

    level: Level
    entitled: int
    users: int
    guests: int

    @property
    def beyond(self) -> int:
        """Users without a license for what they use."""
        return max(0, self.users - self.entitled)


def premium_positions(use: PremiumUse | None) -> list[PremiumPosition]:
    """The positions of both levels; none where the tenant did not tell. P2 includes P1."""
    if use is None:
        return []
    return [
        PremiumPosition("p1", use.p1_entitled + use.p2_entitled, use.p1_users, use.p1_guests),
        PremiumPosition("p2", use.p2_entitled, use.p2_users, use.p2_guests),
    ]
