"""Models of contracts and spend; amounts are decimal strings in the currency beside them."""

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from compliance.model import Reason, Status
from errors import InvalidInput
from identifiers import PortalId
from spend.annual import Money, shown
from spend.model import Cause, Frequency, Price
from web.contract import Contract, Guid, PageQuery, Timestamp

if TYPE_CHECKING:
    from identifiers import RunId
    from spend.entering import ContractCost
    from spend.figures import Cost, LicenseSpend

_FIRST_DAY, _LAST_DAY = date(1970, 1, 1), date(2999, 12, 31)
Day = Annotated[date, Field(ge=_FIRST_DAY, le=_LAST_DAY)]


class ContractRequest(Contract):
    """What is paid for a license; without amount, only whether it is managed."""

    managed: bool = Field(True, description="Unmanaged licenses are left out of every figure.")
    amount: str | None = Field(
        None,
        pattern=r"^[0-9]{1,12}(\.[0-9]{1,6})?$",
        description="One payment for all units, as a decimal string such as 1234.50.",
    )
    currency: str | None = Field(None, pattern="^[A-Z]{3}$", description="ISO 4217.")
    frequency: Frequency | None = Field(None, description="How often the amount is paid.")
    effective_date: Day | None = Field(None, description="First day of the contract.")
    end_date: Day | None = Field(None, description="Last day of the contract; absent: no end.")

    def price(self) -> "Price | None":
        """What the service takes. Raises InvalidInput where a part of a price is missing."""
        parts = {
            "amount": self.amount,
            "currency": self.currency,
            "frequency": self.frequency,
            "effectiveDate": self.effective_date,
        }
        missing = [name for name, value in parts.items() if value is None]
        if len(missing) == len(parts) and self.end_date is None:
            return None
        if self.amount and self.currency and self.frequency and self.effective_date:
            return Price(
                Decimal(self.amount),
                self.currency,
                self.frequency,
                self.effective_date,
                self.end_date,
            )
        raise InvalidInput(
            missing[0],
            f"A price needs {', '.join(parts)}; {', '.join(missing)} is missing.",
            remedy="Give all of them, or none for a license without a price.",
        )


def amount_of(money: "Money | None") -> "Decimal | None":
    """The amount as it is shown; None of nothing."""
    return Decimal(shown(money)) if money is not None else None


def exact_amount(money: "Money") -> "Decimal":
    """The amount as it is shown."""
    return Decimal(shown(money))


class ContractView(Contract):
    """The contract of a license, with what it comes to today."""

    portal_id: str
    sku_id: str
    managed: bool
    amount: Decimal | None
    currency: str | None
    frequency: Frequency | None
    effective_date: date | None
    end_date: date | None
    in_force: bool
    annual_spend: Decimal | None
    unit_cost: Decimal | None
    updated_at: Timestamp
    recalculation_run_id: str | None

    @classmethod
    def of(cls, cost: "ContractCost", run_id: "RunId | None" = None) -> "ContractView":
        """The view of a contract; `run_id` recalculates the figures that depend on it."""
        price = cost.contract.price
        return cls(
            portal_id=cost.contract.portal_id,
            sku_id=cost.contract.sku_id,
            managed=cost.contract.managed,
            amount=price.amount if price else None,
            currency=price.currency if price else None,
            frequency=price.frequency if price else None,
            effective_date=price.effective_on if price else None,
            end_date=price.ends_on if price else None,
            in_force=cost.in_force,
            annual_spend=amount_of(cost.annual),
            unit_cost=amount_of(cost.unit),
            updated_at=cost.contract.updated_at,
            recalculation_run_id=run_id,
        )


class SpendQuery(PageQuery):
    """Filter by portal."""

    portal_id: Guid[PortalId] | None = None


class CostView(Contract):
    """Seats, and what they come to a year; null where nothing is priced."""

    seats: int
    annual: Decimal | None

    @classmethod
    def of(cls, cost: "Cost") -> "CostView":
        """The view of a cost."""
        return cls(seats=cost.seats, annual=amount_of(cost.annual))


class WasteView(Contract):
    """Wasted seats by cause, each seat under the first that holds, in this order."""

    never_assigned: CostView
    blocked: CostView
    duplicate: CostView
    inactive: CostView
    total: CostView

    @classmethod
    def of(cls, waste: "dict[Cause, Cost]", total: "Cost") -> "WasteView":
        """The view of waste."""
        return cls(
            never_assigned=CostView.of(waste["never_assigned"]),
            blocked=CostView.of(waste["blocked"]),
            duplicate=CostView.of(waste["duplicate"]),
            inactive=CostView.of(waste["inactive"]),
            total=CostView.of(total),
        )


class SpendView(Contract):
    """What a license costs a year, and how much of that is wasted.

    `waste` is null where the license's consumers are not known. Nothing is
    known of the activity of `unknownActivity` seats, which are not counted as
    inactive. `stale` figures are being recalculated.
    """

    portal_id: str
    sku_id: str
    portal_name: str
    title: str
    sku_part_number: str
    status: Status
    reason: Reason | None
    entitled: int
    consumed: int
    currency: str | None
    annual_spend: Decimal | None
    unit_cost: Decimal | None
    waste: WasteView | None
    unknown_activity: int | None
    duplicates: int | None
    tidy_up: int | None
    right_sizing: CostView | None
    end_date: date | None
    stale: bool
    calculated_at: Timestamp

    @classmethod
    def of(cls, spend: "LicenseSpend") -> "SpendView":
        """The view of a license's spend."""
        figures = spend.figures
        seats = figures.seats
        price = spend.contract.price if spend.contract is not None else None
        return cls(
            portal_id=figures.portal_id,
            sku_id=figures.sku_id,
            portal_name=figures.portal_name,
            title=figures.title,
            sku_part_number=figures.sku_part_number,
            status=figures.status,
            reason=figures.reason,
            entitled=figures.entitled,
            consumed=figures.consumed,
            currency=spend.annual.currency if spend.annual is not None else None,
            annual_spend=amount_of(spend.annual),
            unit_cost=amount_of(spend.unit),
            waste=WasteView.of(spend.waste, spend.wasted) if spend.waste else None,
            unknown_activity=seats.unknown_activity if seats is not None else None,
            duplicates=seats.duplicates if seats is not None else None,
            tidy_up=seats.tidy_up if seats is not None else None,
            right_sizing=CostView.of(spend.replaceable) if seats is not None else None,
            end_date=price.ends_on if price is not None else None,
            stale=spend.stale,
            calculated_at=figures.calculated_at,
        )


class PortalFilter(Contract):
    """Filter by portal; all of them if absent."""

    portal_id: Guid[PortalId] | None = None
