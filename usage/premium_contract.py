"""Response model of the use of Entra's premium features."""

from typing import TYPE_CHECKING

from usage.premium import TITLES, Level
from web.contract import Contract, Timestamp

if TYPE_CHECKING:
    from usage.queries import PremiumUsed


class PremiumView(Contract):
    """Licenses for a level of Entra's premium features, beside those who use them.

    `beyond` are users without a license for it; guests are paid for by use.
    """

    portal_id: str
    portal_name: str
    level: Level
    title: str
    as_of: Timestamp
    entitled: int
    users: int
    guests: int
    beyond: int

    @classmethod
    def of(cls, row: "PremiumUsed") -> "PremiumView":
        """The view of a level."""
        position = row.position
        return cls(
            portal_id=row.portal.portal_id,
            portal_name=row.portal.name,
            level=position.level,
            title=TITLES[position.level],
            as_of=row.status.completed_at,
            entitled=position.entitled,
            users=position.users,
            guests=position.guests,
            beyond=position.beyond,
        )
