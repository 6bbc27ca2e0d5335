"""What licenses cost and waste, as lists and sums."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

import msgspec

from concurrency import run_all
from identifiers import PortalId, SkuId
from imports.model import Contact, ServicePlan
from ledger.service import all_portal_ids
from spend.annual import Money
from spend.chargeback import Charge, Chargeback
from spend.figures import LicenseSpend, SpendSummary, SummaryTally, seat_saving, spend_of_portal
from spend.forecast import DayCount, Forecast, Trend, forecast, trend
from spend.model import (
    Dimension,
    Finding,
    FindingList,
    LicenseContract,
    LicenseFigures,
)
from spend.plans import PlanBook
from spend.recalculation import recorded_days
from spend.renewals import Renewal, renewals
from spend.rightsizing import Given
from spend.what_if import Move, move

if TYPE_CHECKING:
    from composition import Ledger

_PORTALS_AT_ONCE = 8


def _today(ledger: Ledger) -> date:
    return ledger.clock().date()


async def list_spend(
    ledger: Ledger, portal_id: PortalId | None, *, top: int, continuation: str | None
) -> tuple[list[LicenseSpend], str | None]:
    """A page of the spend of managed licenses, and where it goes on; it may be short."""
    page = await ledger.spend.figures_page(portal_id, top=top, continuation=continuation)
    wanted = {(f.portal_id, f.sku_id) for f in page.items}
    # what a cheaper license saves depends on the portal's other licenses
    portals = sorted({f.portal_id for f in page.items})
    spends = await _spends_of(ledger, portals)
    items = [
        spend
        for portal in portals
        for spend in spends[portal]
        if (spend.figures.portal_id, spend.figures.sku_id) in wanted
    ]
    return items, page.continuation


async def _spends_of(
    ledger: Ledger, portal_ids: Sequence[PortalId]
) -> dict[PortalId, list[LicenseSpend]]:
    today = _today(ledger)

    async def one(portal_id: PortalId) -> list[LicenseSpend]:
        figures = [f async for f in ledger.spend.figures(portal_id)]
        return spend_of_portal(figures, await ledger.contracts.of_portal(portal_id), today)

    found = await run_all((one(p) for p in portal_ids), at_once=_PORTALS_AT_ONCE)
    return dict(zip(portal_ids, found, strict=True))


async def _by_portal(
    ledger: Ledger, portal_id: PortalId | None
) -> AsyncIterator[tuple[PortalId, list[LicenseFigures], Mapping[SkuId, LicenseContract]]]:
    """The figures of each portal with its contracts, a portal at a time."""
    if portal_id is None:
        contracts = await ledger.contracts.of_all_portals()
    else:
        contracts = {portal_id: await ledger.contracts.of_portal(portal_id)}
    current: list[LicenseFigures] = []
    async for figures in ledger.spend.figures(portal_id):
        if current and current[0].portal_id != figures.portal_id:
            yield current[0].portal_id, current, contracts.get(current[0].portal_id, {})
            current = []
        current.append(figures)
    if current:
        yield current[0].portal_id, current, contracts.get(current[0].portal_id, {})


async def summary(ledger: Ledger, portal_id: PortalId | None) -> SpendSummary:
    """All managed licenses at a glance, money by currency."""
    tally = SummaryTally()
    async for _, figures, contracts in _by_portal(ledger, portal_id):
        tally.add_portal(figures, contracts, _today(ledger))
    return tally.summary()


async def charges(ledger: Ledger, portal_id: PortalId | None, dimension: Dimension) -> list[Charge]:
    """The annual spend by department or country, each currency apart."""
    chargeback = Chargeback()
    async for owner, figures, contracts in _by_portal(ledger, portal_id):
        chargeback.begin_portal(spend_of_portal(figures, contracts, _today(ledger)))
        async for shares in ledger.spend.shares(owner, dimension):
            for share in shares:
                chargeback.add(share)
    return chargeback.charges()


async def list_renewals(
    ledger: Ledger, portal_id: PortalId | None, horizon_days: int
) -> list[Renewal]:
    """What ends or renews in the days ahead, the nearest first."""
    found: list[LicenseSpend] = []
    async for _, figures, contracts in _by_portal(ledger, portal_id):
        found += spend_of_portal(figures, contracts, _today(ledger))
    return renewals(found, _today(ledger), horizon_days)


async def run_out(
    ledger: Ledger, portal_id: PortalId, sku_id: SkuId
) -> tuple[int, list[DayCount], Trend | None, Forecast]:
    """Entitled units, recorded days, their trend, and when the license runs out.

    Raises NotFound.
    """
    position = await ledger.positions.get(portal_id, sku_id)
    history = await recorded_days(ledger, portal_id, sku_id)
    found = forecast(history, position.entitled, _today(ledger))
    return position.entitled, history, trend(history), found


class Alternative(msgspec.Struct, frozen=True):
    """What it would mean if the holders of a license had another one of the tenant.

    `move` is about seats that are not wasted. `lost` are the plans that the
    other license does not give. `saving` is what the seats that fit would
    save a year, negative if they would cost more; None if that cannot be
    compared.
    """

    spend: LicenseSpend
    other: LicenseSpend
    move: Move
    lost: tuple[ServicePlan, ...]
    saving: Money | None


async def what_if(ledger: Ledger, portal_id: PortalId, sku_id: SkuId) -> list[Alternative]:
    """The other licenses of the portal in place of one, those that fit most seats first.

    There are none for a license whose seats are not counted, or that is not
    managed. Raises NotFound.
    """
    await ledger.licenses.get_license(portal_id, sku_id)
    book = PlanBook(await ledger.licenses.list_licenses(portal_id))
    spends = {s.figures.sku_id: s for s in (await _spends_of(ledger, [portal_id]))[portal_id]}
    spend = spends.pop(sku_id, None)
    if spend is None or spend.figures.seats is None:
        return []
    needs = [count for count in await ledger.spend.needs(portal_id) if count.sku_id == sku_id]
    given = book.of_license(sku_id)
    found: list[Alternative] = []
    for other_id, other in spends.items():
        others = book.of_license(other_id)
        if not others or other.figures.seats is None:
            continue
        counted = move(needs, Given.by(book.plans(others)))
        saving = seat_saving(spend.unit, other.unit)
        lost = tuple(book.plans(given & ~others))
        total = saving.times(counted.fits) if saving is not None else None
        found.append(Alternative(spend, other, counted, lost, total))
    return sorted(
        found, key=lambda a: (-a.move.fits, a.other.figures.title, a.other.figures.sku_id)
    )


class SeatFinding(msgspec.Struct, frozen=True):
    """A finding with the contact and licenses it speaks of.

    `saving` is what not paying the
    seat, or paying the cheaper license instead, saves a year. `lost` are the
    plans that the contact has enabled and the cheaper license does not give,
    `given` those that this one gives.
    """

    portal_id: PortalId
    finding: Finding
    contact: Contact
    spend: LicenseSpend
    other: LicenseSpend | None
    saving: Money | None
    lost: tuple[ServicePlan, ...] = ()
    given: tuple[ServicePlan, ...] = ()


async def list_findings(
    ledger: Ledger,
    name: FindingList,
    portal_id: PortalId | None,
    *,
    top: int,
    continuation: str | None,
    matches: Callable[[Finding], bool],
) -> tuple[list[SeatFinding], str | None]:
    """A page of wasted seats, overlaps or proposals by portal and user ID, and where it goes on.

    Findings on contacts that are gone by now, or on licenses that are not
    managed any more, are left out, so a page may be short.
    """
    portal_ids = [portal_id] if portal_id is not None else await all_portal_ids(ledger)
    page = await ledger.spend.findings_page(
        portal_ids, name, top=top, continuation=continuation, matches=matches
    )
    by_portal: dict[PortalId, list[Finding]] = {}
    for owner, finding in page.items:
        by_portal.setdefault(owner, []).append(finding)
    spends = await _spends_of(ledger, list(by_portal))
    items: list[SeatFinding] = []
    for owner, findings in by_portal.items():
        items += await _resolved(ledger, name, owner, findings, spends[owner])
    return items, page.continuation


async def _resolved(
    ledger: Ledger,
    name: FindingList,
    portal_id: PortalId,
    findings: Sequence[Finding],
    spends: Sequence[LicenseSpend],
) -> list[SeatFinding]:
    contacts = await ledger.contacts.get_many(portal_id, [f.user_id for f in findings])
    book = PlanBook(
        await ledger.licenses.list_licenses(portal_id) if name == "right_sizing" else ()
    )
    by_sku = {spend.figures.sku_id: spend for spend in spends}
    items: list[SeatFinding] = []
    for finding in findings:
        spend, contact = by_sku.get(finding.sku_id), contacts.get(finding.user_id)
        if spend is None or contact is None:
            continue
        other = by_sku.get(finding.other_sku_id) if finding.other_sku_id is not None else None
        saving = spend.unit if finding.cause is not None else None
        if name == "overlap" and finding.cause != "duplicate":
            saving = None
        lost: tuple[ServicePlan, ...] = ()
        given: tuple[ServicePlan, ...] = ()
        if name == "right_sizing":
            saving = seat_saving(spend.unit, other.unit if other is not None else None)
            lost = _lost(book, contact, finding)
            given = tuple(book.plans(book.of_license(finding.other_sku_id or SkuId(""))))
        items.append(SeatFinding(portal_id, finding, contact, spend, other, saving, lost, given))
    return items


def _lost(book: PlanBook, contact: Contact, finding: Finding) -> tuple[ServicePlan, ...]:
    if finding.other_sku_id is None:
        return ()
    given = book.of_license(finding.other_sku_id)
    for assignment in contact.assignments:
        if assignment.sku_id == finding.sku_id:
            return tuple(book.plans(book.enabled(assignment) & ~given))
    return ()
