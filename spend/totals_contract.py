"""Request and response models of sums of spend: by currency, by department or country."""

from decimal import Decimal
from typing import TYPE_CHECKING

from spend.chargeback import Charge, ChargeKind
from spend.contract import CostView, SpendQuery, WasteView, exact_amount
from spend.model import Dimension
from web.contract import Contract

if TYPE_CHECKING:
    from spend.figures import CurrencyTotals, SpendSummary


class CurrencyTotalsView(Contract):
    """The sums of all licenses priced in one currency."""

    currency: str
    licenses: int
    annual_spend: Decimal
    waste: WasteView | None
    right_sizing: CostView

    @classmethod
    def of(cls, totals: "CurrencyTotals") -> "CurrencyTotalsView":
        """The view of the sums."""
        return cls(
            currency=totals.currency,
            licenses=totals.licenses,
            annual_spend=exact_amount(totals.annual),
            waste=WasteView.of(totals.waste, totals.wasted) if totals.waste else None,
            right_sizing=CostView.of(totals.right_sizing),
        )


class SpendSummaryView(Contract):
    """All managed licenses at a glance; money is never added across currencies."""

    licenses: int
    unmanaged: int
    unpriced: int
    uncounted: int
    unpriced_wasted_seats: int
    unknown_activity_seats: int
    currencies: list[CurrencyTotalsView]
    stale: bool

    @classmethod
    def of(cls, summary: "SpendSummary") -> "SpendSummaryView":
        """The view of a summary."""
        return cls(
            licenses=summary.licenses,
            unmanaged=summary.unmanaged,
            unpriced=summary.unpriced,
            uncounted=summary.uncounted,
            unpriced_wasted_seats=summary.unpriced_wasted_seats,
            unknown_activity_seats=summary.unknown_activity_seats,
            currencies=[CurrencyTotalsView.of(totals) for totals in summary.currencies],
            stale=summary.stale,
        )


class ChargebackQuery(SpendQuery):
    """By what to charge."""

    dimension: Dimension = "department"


class ChargeView(Contract):
    """What a department or country costs a year, in one currency.

    `kind` other than `stated` says why there is no `value`. All charges in a
    currency are the annual spend in it.
    """

    kind: ChargeKind
    value: str | None
    currency: str
    seats: int
    annual_spend: Decimal
    wasted_seats: int
    wasted: Decimal

    @classmethod
    def of(cls, charge: "Charge") -> "ChargeView":
        """The view of a charge."""
        return cls(
            kind=charge.kind,
            value=charge.value,
            currency=charge.annual.currency,
            seats=charge.seats,
            annual_spend=exact_amount(charge.annual),
            wasted_seats=charge.wasted_seats,
            wasted=exact_amount(charge.wasted),
        )
