"""What ends or renews in the days ahead: pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, timedelta
from typing import Literal

import msgspec

from spend.figures import LicenseSpend

RenewalKind = Literal["contract_end", "lifecycle"]


class Renewal(msgspec.Struct, frozen=True):
    """A day on which a license's contract ends, or its subscription leaves its state.

    `run_out_on` is when its seats run out by the trend, None if that is not foreseen.
    """

    spend: LicenseSpend
    kind: RenewalKind
    on: date
    run_out_on: date | None


def renewals(spends: Iterable[LicenseSpend], today: date, horizon_days: int) -> list[Renewal]:
    """The renewals from today to so many days ahead, the nearest first."""
    until = today + timedelta(days=horizon_days)
    found: list[Renewal] = []
    for spend in spends:
        figures = spend.figures
        price = spend.contract.price if spend.contract is not None else None
        days: list[tuple[RenewalKind, date | None]] = [
            ("contract_end", price.ends_on if price is not None else None),
            (
                "lifecycle",
                figures.next_lifecycle_at.astimezone(UTC).date()
                if figures.next_lifecycle_at is not None
                else None,
            ),
        ]
        found += [
            Renewal(spend, kind, day, figures.run_out_on)
            for kind, day in days
            if day is not None and today <= day <= until
        ]
    return sorted(
        found, key=lambda r: (r.on, r.spend.figures.portal_id, r.spend.figures.sku_id, r.kind)
    )
