"""Recalculates what becomes of a portal's seats: reads contacts and usage once, stores the result.

Memory holds a block of contacts and of findings at a time. What is stored is
seats, not money: prices apply when figures are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from compliance.model import Position
from compliance.reclamation import recent
from errors import NotFound
from identifiers import PortalId, SkuId
from imports.model import License
from portals.model import DEFAULT_INACTIVE_DAYS
from spend.annual import Money, annual_spend, unit_cost
from spend.forecast import MAX_DAYS, DayCount, forecast
from spend.joined import joined
from spend.model import LicenseContract, LicenseFigures, Lifecycle
from spend.plans import PlanBook
from spend.rightsizing import offers_of
from spend.tally import Rules, SpendTally

if TYPE_CHECKING:
    from composition import Ledger
    from imports.model import Contact
    from usage.model import Usage

# In these states the consumers that the ledger knows are not those of the tenant.
NOT_COUNTED = frozenset({"cannot_be_synchronized", "not_calculable"})


async def recalculate_spend(
    ledger: Ledger,
    portal_id: PortalId,
    positions: Sequence[Position],
    *,
    also: Callable[[Contact, Usage | None], None] | None = None,
) -> int:
    """Finds what becomes of the portal's seats, and stores it; returns the wasted ones held.

    `positions` are those just calculated. `also` is given each contact with its
    usage, so that what else is to be counted needs no second reading.
    """
    now = ledger.clock()
    licenses = await ledger.licenses.list_licenses(portal_id)
    contracts = await ledger.contracts.of_portal(portal_id)
    tally = SpendTally(await _rules(ledger, portal_id, positions, licenses, contracts))
    draft = ledger.spend.draft(portal_id, now)
    waste = draft.findings("waste")
    overlap = draft.findings("overlap")
    right_sizing = draft.findings("right_sizing")
    if tally.licenses or also is not None:
        async for pairs in joined(
            ledger.contacts.blocks(portal_id), ledger.usage.blocks(portal_id)
        ):
            for contact, usage in pairs:
                tally.add(contact, usage)
                if also is not None:
                    also(contact, usage)
            found = tally.take_findings()
            await waste.add(found.waste)
            await overlap.add(found.overlap)
            await right_sizing.add(found.right_sizing)
    for writer in (waste, overlap, right_sizing):
        await writer.flush()
    await draft.write_shares("department", tally.departments.shares())
    await draft.write_shares("country", tally.countries.shares())
    await draft.write_needs(tally.needs.counts())
    known = {license_.sku_id: license_ for license_ in licenses}
    await draft.publish(
        [
            await _figures(
                ledger, position, known.get(position.sku_id), contracts.get(position.sku_id), tally
            )
            for position in positions
        ]
    )
    return sum(s.blocked + s.duplicate + s.inactive for s in tally.licenses.values())


def unit_costs(
    entitled: Mapping[SkuId, int], contracts: Mapping[SkuId, LicenseContract], day: date
) -> dict[SkuId, Money]:
    """What a unit of each managed license costs a year, where a contract is in force."""
    costs: dict[SkuId, Money] = {}
    for sku_id, contract in contracts.items():
        if contract.managed:
            cost = unit_cost(annual_spend(contract.price, day), entitled.get(sku_id, 0))
            if cost is not None:
                costs[sku_id] = cost
    return costs


async def _rules(
    ledger: Ledger,
    portal_id: PortalId,
    positions: Sequence[Position],
    licenses: Sequence[License],
    contracts: Mapping[SkuId, LicenseContract],
) -> Rules:
    today = ledger.clock().date()
    counted = {p.sku_id for p in positions if p.managed and p.status not in NOT_COUNTED}
    book = PlanBook(licenses)
    costs = unit_costs({p.sku_id: p.entitled for p in positions}, contracts, today)
    costs = {sku_id: cost for sku_id, cost in costs.items() if sku_id in counted}
    return Rules(
        book=book,
        managed=frozenset(counted),
        unit_costs=costs,
        offers=offers_of(counted, book, costs),
        # what was found long ago does not tell who is inactive now
        status=recent(await ledger.usage.status(portal_id), ledger.clock()),
        today=today,
        inactive_days=await _inactive_days(ledger, portal_id),
    )


async def _inactive_days(ledger: Ledger, portal_id: PortalId) -> int:
    try:
        return (await ledger.portals.get(portal_id)).inactive_days
    except NotFound:
        return DEFAULT_INACTIVE_DAYS


def _lifecycles(license_: License) -> tuple[Lifecycle, ...]:
    return tuple(
        Lifecycle(s.subscription_id, s.next_lifecycle_at, s.total_licenses)
        for s in license_.subscriptions
        if s.living and s.next_lifecycle_at is not None
    )


async def _figures(
    ledger: Ledger,
    position: Position,
    license_: License | None,
    contract: LicenseContract | None,
    tally: SpendTally,
) -> LicenseFigures:
    seats = tally.licenses.get(position.sku_id)
    run_out_on = None
    if seats is not None:
        history = await recorded_days(ledger, position.portal_id, position.sku_id)
        today = ledger.clock().date()
        run_out_on = forecast(history, position.entitled, today).run_out_on
    return LicenseFigures(
        portal_id=position.portal_id,
        sku_id=position.sku_id,
        portal_name=position.portal_name,
        title=position.title,
        sku_part_number=position.sku_part_number,
        status=position.status,
        reason=position.reason,
        entitled=position.entitled,
        consumed=position.consumed,
        calculated_at=position.calculated_at,
        seats=seats,
        run_out_on=run_out_on,
        lifecycles=_lifecycles(license_) if license_ and position.reason is None else (),
        contract_at=contract.updated_at if contract is not None else None,
    )


async def recorded_days(ledger: Ledger, portal_id: PortalId, sku_id: SkuId) -> list[DayCount]:
    """Consumption on the latest recorded days on which it was known."""
    page = await ledger.positions.history(
        portal_id, sku_id, since=None, top=2 * MAX_DAYS, continuation=None
    )
    return [
        DayCount(date.fromisoformat(day.day), day.consumed)
        for day in page.items
        if day.status not in NOT_COUNTED
    ]
