"""What the rules need to know besides the contact: plans, costs, and how fresh usage is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

import msgspec

from compliance.reclamation import Activity, recent
from identifiers import PortalId, SkuId
from imports.model import Contact, License
from spend.annual import Money
from spend.duplicates import duplicates, keep_order
from spend.plans import PlanBook
from spend.recalculation import unit_costs
from usage.model import Usage, UsageStatus

if TYPE_CHECKING:
    from composition import Ledger


class Evidence(msgspec.Struct, frozen=True):
    """A portal's licenses with their cost a unit and year, and its last usage run.

    `status` is None if no usage run is recent enough to tell who is inactive.
    Licenses that are not `managed` neither are duplicates nor make any.
    """

    licenses: Mapping[SkuId, License]
    unit_costs: Mapping[SkuId, Money]
    managed: frozenset[SkuId]
    status: UsageStatus | None
    today: date
    book: PlanBook
    order: Mapping[SkuId, int]

    def activity(self, usage: Usage | None) -> Activity:
        """What is known of a contact's activity."""
        return Activity(usage, self.status, self.today)

    def duplicates_of(self, contact: Contact) -> dict[SkuId, SkuId]:
        """The contact's superfluous licenses, each with the one that covers it."""
        return duplicates(contact, self.book, self.order, self.managed)


async def gather_evidence(ledger: Ledger, portal_id: PortalId) -> Evidence:
    """The evidence as it is stored now."""
    licenses = {
        license_.sku_id: license_ for license_ in await ledger.licenses.list_licenses(portal_id)
    }
    now = ledger.clock()
    contracts = await ledger.contracts.of_portal(portal_id)
    entitled = {sku_id: license_.entitled_units for sku_id, license_ in licenses.items()}
    costs = unit_costs(entitled, contracts, now.date())
    unmanaged = {sku_id for sku_id, contract in contracts.items() if not contract.managed}
    return Evidence(
        licenses,
        costs,
        frozenset(licenses.keys() - unmanaged),
        recent(await ledger.usage.status(portal_id), now),
        now.date(),
        PlanBook(licenses.values()),
        keep_order(licenses, costs),
    )
