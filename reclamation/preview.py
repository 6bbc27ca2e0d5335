"""Makes a preview: who would lose what, why, and what that saves a year."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from fractions import Fraction
from typing import TYPE_CHECKING, Self

import msgspec

from compliance.reclamation import Candidate, activity_unknown, candidates, kept_out
from imports.model import Contact
from monitor.handover import OutOfTime
from reclamation.evidence import Evidence, gather_evidence
from reclamation.model import Item, ItemState
from usage.activity import last_activity
from usage.joined import contacts_with_usage

if TYPE_CHECKING:
    from composition import Ledger
    from identifiers import SkuId, UserId
    from monitor.recorder import RunRecorder
    from reclamation.model import Reclamation, Rule
    from usage.model import Usage

_ITEMS_PER_WRITE = 1000


class _Sums(msgspec.Struct):
    """What the preview adds up."""

    account: Counter[ItemState] = msgspec.field(default_factory=Counter)
    savings: dict[str, Fraction] = {}
    unpriced: int = 0
    unknown_activity: int = 0

    @classmethod
    def of(cls, reclamation: Reclamation) -> Self:
        """What was added up until `previewed_until`."""
        if reclamation.previewed_until is None:
            return cls()
        return cls(
            Counter(reclamation.account),
            {currency: Fraction(text) for currency, text in reclamation.savings.items()},
            reclamation.unpriced,
            reclamation.unknown_activity,
        )

    def told(self, reclamation: Reclamation) -> Reclamation:
        """The reclamation with these sums."""
        return msgspec.structs.replace(
            reclamation,
            account=dict(self.account),
            savings={currency: str(amount) for currency, amount in self.savings.items()},
            unpriced=self.unpriced,
            unknown_activity=self.unknown_activity,
        )

    def add(self, item: Item) -> None:
        """Counts an item; only what is planned saves anything."""
        self.account[item.state] += 1
        if item.state != "planned":
            return
        if item.annual_cost is None or item.currency is None:
            self.unpriced += 1
        else:
            saved = self.savings.get(item.currency, Fraction(0))
            self.savings[item.currency] = saved + Fraction(item.annual_cost)


async def prepare(
    ledger: Ledger,
    reclamation: Reclamation,
    members: Collection[UserId],
    excluded_skus: Collection[SkuId],
    recorder: RunRecorder,
    out_of_time: Callable[[], bool],
) -> Reclamation:
    """Writes the items of a preview from the ledger, and returns it with its sums.

    `members` are those of the excluded groups, `excluded_skus` what the portal
    leaves alone. Goes on after the last user of whom an earlier worker has
    said that everything is written. Raises OutOfTime after saying so itself.
    """
    evidence = await gather_evidence(ledger, reclamation.portal_id)
    chosen = frozenset(reclamation.sku_ids or evidence.licenses).difference(excluded_skus)
    after = reclamation.previewed_until
    await ledger.reclamations.clear_items(reclamation.reclamation_id, after)
    sums = _Sums.of(reclamation)
    found: list[Item] = []
    async for block in contacts_with_usage(ledger, reclamation.portal_id, after):
        new = [pair for pair in block if after is None or pair[0].user_id > after]
        for contact, usage in new:
            if not kept_out(contact, reclamation.exclusions, members):
                found += _items(contact, usage, evidence, reclamation.rule, chosen, sums)
        late = out_of_time()
        if new and (late or len(found) >= _ITEMS_PER_WRITE):
            await ledger.reclamations.add_items(reclamation.reclamation_id, found)
            found = []
            reclamation = await ledger.reclamations.save(
                msgspec.structs.replace(sums.told(reclamation), previewed_until=new[-1][0].user_id)
            )
            if late:
                recorder.log("info", "The time budget is spent; a new message goes on.")
                raise OutOfTime
    await ledger.reclamations.add_items(reclamation.reclamation_id, found)
    recorder.set_count("planned", sums.account["planned"])
    recorder.set_count("inherited", sums.account["inherited"])
    recorder.set_count("unknown_activity", sums.unknown_activity)
    return msgspec.structs.replace(sums.told(reclamation), previewed_until=None)


def _items(
    contact: Contact,
    usage: Usage | None,
    evidence: Evidence,
    rule: Rule,
    chosen: frozenset[SkuId],
    sums: _Sums,
) -> list[Item]:
    activity = evidence.activity(usage)
    duplicates = evidence.duplicates_of(contact) if rule.duplicate else {}
    found = candidates(contact, activity, duplicates, rule=rule, sku_ids=chosen)
    if not found and activity_unknown(contact, activity, rule):
        sums.unknown_activity += any(
            assignment.held and assignment.sku_id in chosen for assignment in contact.assignments
        )
    items = [_item(contact, candidate, usage, evidence) for candidate in found]
    for item in items:
        sums.add(item)
    return items


def _item(contact: Contact, candidate: Candidate, usage: Usage | None, evidence: Evidence) -> Item:
    license_ = evidence.licenses.get(candidate.sku_id)
    cost = None if candidate.inherited else evidence.unit_costs.get(candidate.sku_id)
    return Item(
        user_id=contact.user_id,
        sku_id=candidate.sku_id,
        user_principal_name=contact.user_principal_name,
        title=license_.title if license_ else candidate.sku_id,
        sku_part_number=license_.sku_part_number if license_ else "",
        reasons=candidate.reasons,
        path=candidate.path,
        state="inherited" if candidate.inherited else "planned",
        display_name=contact.display_name,
        department=contact.department,
        group_ids=candidate.group_ids,
        covered_by=candidate.covered_by,
        last_activity=last_activity(usage, evidence.status),
        disabled_plans=candidate.disabled_plans,
        annual_cost=str(cost.amount) if cost else None,
        currency=cost.currency if cost else None,
        outcome="inherited" if candidate.inherited else None,
    )
