"""Goes through a portal's contacts once and finds what becomes of every seat: pure."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from compliance.consumers import consumes, path_of
from identifiers import ServicePlanId, SkuId
from imports.model import Assignment, Contact
from spend.annual import Money
from spend.duplicates import duplicates, keep_order
from spend.model import Finding, LicenseSeats
from spend.plans import PlanBook
from spend.rightsizing import Given, Need, Offer, Use, cheaper_license, cheaper_offers
from spend.shares import ShareTally
from spend.waste import cause_of
from spend.what_if import NeedTally
from usage.activity import UsePeriod, is_inactive

if TYPE_CHECKING:
    from usage.model import Usage, UsageStatus


# A tenant may switch plans off in ever new combinations.
MAX_CACHED = 10_000


class Rules(msgspec.Struct, frozen=True):
    """What decides on a portal's seats. `managed` are the licenses that are looked at."""

    book: PlanBook
    managed: frozenset[SkuId]
    unit_costs: dict[SkuId, Money]
    offers: list[Offer]
    status: UsageStatus | None
    today: date
    inactive_days: int


class Findings(msgspec.Struct):
    """What was found since it was last taken, in the order of user IDs."""

    waste: list[Finding] = []
    overlap: list[Finding] = []
    right_sizing: list[Finding] = []


class SpendTally:
    """Counts seats; memory grows with licenses, departments and countries, not with contacts."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._order = keep_order(rules.managed, rules.unit_costs)
        self._given: dict[tuple[SkuId, tuple[ServicePlanId, ...]], Given] = {}
        self._cheaper = {
            sku_id: cheaper_offers(rules.unit_costs.get(sku_id), rules.offers)
            for sku_id in rules.managed
        }
        self.licenses: dict[SkuId, LicenseSeats] = {s: LicenseSeats() for s in rules.managed}
        self.departments = ShareTally("department")
        self.countries = ShareTally("country")
        self._period = UsePeriod(rules.status, rules.today)
        self.needs = NeedTally()
        self.findings = Findings()

    def add(self, contact: Contact, usage: Usage | None) -> None:
        """Counts the seats of a contact; contacts come in the order of user IDs."""
        rules = self._rules
        seats = [a for a in contact.assignments if a.sku_id in rules.managed and consumes(a)]
        if not seats:
            return
        covered = duplicates(contact, rules.book, self._order, rules.managed)
        inactive = is_inactive(
            contact, usage, rules.status, today=rules.today, days=rules.inactive_days
        )
        use: Use | None = None
        for seat in seats:
            counts = self.licenses[seat.sku_id]
            counts.consumed += 1
            other = covered.get(seat.sku_id)
            cause = cause_of(contact, covered=other is not None, inactive=inactive)
            if cause == "blocked":
                counts.blocked += 1
            elif cause == "duplicate":
                counts.duplicate += 1
            elif cause == "inactive":
                counts.inactive += 1
            elif inactive is None:
                counts.unknown_activity += 1
            else:
                use = use or Use.of(usage, self._period)
                need = Need.of(self._given_by(seat), use)
                self.needs.add(seat.sku_id, need)
                self._right_size(contact, seat, need)
            self.departments.add(contact, seat.sku_id, wasted=cause is not None)
            self.countries.add(contact, seat.sku_id, wasted=cause is not None)
            self._note(seat, Finding(contact.user_id, seat.sku_id, path_of(seat), cause, other))

    def _note(self, seat: Assignment, found: Finding) -> None:
        counts = self.licenses[seat.sku_id]
        if found.cause is not None:
            covers = found.other_sku_id if found.cause == "duplicate" else None
            self.findings.waste.append(msgspec.structs.replace(found, other_sku_id=covers))
        if found.other_sku_id is not None:
            counts.duplicates += 1
            self.findings.overlap.append(found)
        if found.path == "both":
            counts.tidy_up += 1
            tidy_up = msgspec.structs.replace(found, other_sku_id=None)
            self.findings.overlap.append(tidy_up)

    def _right_size(self, contact: Contact, seat: Assignment, need: Need) -> None:
        held = {a.sku_id for a in contact.assignments}
        offer = cheaper_license(need, self._cheaper[seat.sku_id], held)
        if offer is None:
            return
        counts = self.licenses[seat.sku_id]
        counts.right_sizing[offer.sku_id] = counts.right_sizing.get(offer.sku_id, 0) + 1
        self.findings.right_sizing.append(
            Finding(contact.user_id, seat.sku_id, path_of(seat), None, offer.sku_id)
        )

    def _given_by(self, seat: Assignment) -> Given:
        key = (seat.sku_id, seat.disabled_plans)
        found = self._given.get(key)
        if found is None:
            found = Given.by(self._rules.book.plans(self._rules.book.enabled(seat)))
            if len(self._given) < MAX_CACHED:
                self._given[key] = found
        return found

    def take_findings(self) -> Findings:
        """What was found since the last call."""
        taken, self.findings = self.findings, Findings()
        return taken
