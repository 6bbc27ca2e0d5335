"""Enters contracts of licenses, and says what each comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from compliance.queueing import recalculate_soon
from errors import InvalidInput, NotFound
from identifiers import PortalId, RunId, SkuId
from spend.annual import Money, annual_spend, in_force, unit_cost
from spend.currencies import DECIMALS
from spend.model import LicenseContract, Price

if TYPE_CHECKING:
    from composition import Ledger


class ContractCost(msgspec.Struct, frozen=True):
    """A contract, whether it is in force today, and what it comes to a year."""

    contract: LicenseContract
    in_force: bool
    annual: Money | None
    unit: Money | None


async def get_contract(ledger: Ledger, portal_id: PortalId, sku_id: SkuId) -> ContractCost:
    """The contract of a license, with what it comes to. Raises NotFound."""
    contract = await ledger.contracts.get(portal_id, sku_id)
    if contract is None:
        raise NotFound(
            f"Nothing was entered for SKU {sku_id} of portal {portal_id}.",
            remedy="Enter a contract with PUT; without one, the license is managed and unpriced.",
        )
    return await _cost_of(ledger, contract)


async def put_contract(
    ledger: Ledger,
    portal_id: PortalId,
    sku_id: SkuId,
    *,
    managed: bool,
    price: Price | None,
    requested_by: str | None,
    if_match: str | None = None,
    if_absent: bool = False,
) -> tuple[ContractCost, RunId]:
    """Enters the contract of a license, and has the portal's figures recalculated.

    `if_match` is the ETag of the contract that the caller saw, `if_absent`
    says that there was none. Raises PreconditionFailed if that has changed,
    NotFound for a license the portal does not have, InvalidInput.
    """
    await ledger.licenses.get_license(portal_id, sku_id)
    if price is not None:
        _check_price(price)
    contract = LicenseContract(portal_id, sku_id, ledger.clock(), managed, price)
    if if_match is not None:
        await ledger.contracts.replace(contract, etag=if_match)
    elif if_absent:
        await ledger.contracts.create(contract)
    else:
        await ledger.contracts.upsert(contract)
    run_id = await recalculate_soon(ledger, portal_id, requested_by)
    return await _cost_of(ledger, contract), run_id


async def delete_contract(
    ledger: Ledger,
    portal_id: PortalId,
    sku_id: SkuId,
    *,
    requested_by: str | None,
    if_match: str | None = None,
) -> None:
    """Deletes the contract of a license, and has the portal's figures recalculated.

    Raises NotFound, and PreconditionFailed if `if_match` is not its ETag.
    """
    await ledger.licenses.get_license(portal_id, sku_id)
    if await ledger.contracts.get(portal_id, sku_id) is not None:
        if if_match is not None:
            await ledger.contracts.delete_unchanged(portal_id, sku_id, etag=if_match)
        else:
            await ledger.contracts.delete(portal_id, sku_id)
        await recalculate_soon(ledger, portal_id, requested_by)


def _check_price(price: Price) -> None:
    if price.currency not in DECIMALS:
        raise InvalidInput(
            "currency",
            f"{price.currency} is no currency of ISO 4217.",
            remedy="Give the code of a currency in use, such as EUR or USD.",
        )
    if price.frequency == "once" and price.ends_on is None:
        raise InvalidInput(
            "endDate",
            "A payment made once needs an end, to be spread over its years.",
            remedy="Give the contract's last day.",
        )
    if price.ends_on is not None and price.ends_on <= price.effective_on:
        raise InvalidInput(
            "endDate",
            "The contract ends before it takes effect, or on the same day.",
            remedy="Give a last day after effectiveDate.",
        )


async def _cost_of(ledger: Ledger, contract: LicenseContract) -> ContractCost:
    license_ = await ledger.licenses.get_license(contract.portal_id, contract.sku_id)
    today = ledger.clock().date()
    annual = annual_spend(contract.price, today)
    return ContractCost(
        contract,
        contract.price is not None and in_force(contract.price, today),
        annual,
        unit_cost(annual, license_.entitled_units),
    )
