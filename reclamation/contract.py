"""Request and response models of reclamations."""

from datetime import date, datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from compliance.model import PathKind
from errors import InvalidInput
from identifiers import GroupId, PortalId, ReclamationId, SkuId, UserId
from reclamation.model import (
    AuditAction,
    AuditEntry,
    Exclusions,
    Item,
    ItemState,
    Reason,
    Reclamation,
    ReclamationState,
    Rule,
)
from reclamation.service import PreviewRequest
from spend.annual import Money, shown
from web.contract import Contract, Guid, PageOf, PageQuery, Timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imports.model import Group
    from monitor.run import Run

Department = Annotated[str, Field(min_length=1, max_length=200)]


class RuleRequest(Contract):
    """Whom licenses are taken from; a contact that meets any part is meant."""

    inactive_days: int | None = Field(
        None, ge=1, le=3650, description="Inactive for more than so many days."
    )
    never_active: bool = Field(False, description="Never active, and older than 30 days.")
    blocked: bool = Field(False, description="May not sign in.")
    guest: bool = Field(False, description="Guests.")
    duplicate: bool = Field(
        False, description="The license's plans come with another one that the contact holds."
    )

    def rule(self) -> "Rule":
        """What the service takes. Raises InvalidInput for a rule that means nobody."""
        if self.inactive_days is None and not (
            self.never_active or self.blocked or self.guest or self.duplicate
        ):
            raise InvalidInput(
                "rule",
                "The rule means nobody.",
                remedy="Give inactiveDays, neverActive, blocked, guest or duplicate.",
            )
        return Rule(self.inactive_days, self.never_active, self.blocked, self.guest, self.duplicate)


class ExclusionsRequest(Contract):
    """Who keeps everything."""

    contact_ids: list[Guid[UserId]] = Field([], max_length=5000)
    group_ids: list[Guid[GroupId]] = Field(
        [], max_length=50, description="Members of these groups of the tenant, nested ones too."
    )
    departments: list[Department] = Field([], max_length=500, description="In any case.")

    def exclusions(self) -> "Exclusions":
        """What the service takes."""
        return Exclusions(
            frozenset(self.contact_ids),
            tuple(dict.fromkeys(self.group_ids)),
            tuple(dict.fromkeys(self.departments)),
        )


def _nobody() -> "ExclusionsRequest":
    return ExclusionsRequest(contact_ids=[], group_ids=[], departments=[])


class PreviewReclamationRequest(Contract):
    """What to preview: chosen licenses, or all of a user's; one of the two must be said."""

    portal_id: Guid[PortalId]
    sku_ids: list[Guid[SkuId]] | None = Field(None, min_length=1, max_length=500)
    all_licenses: bool = Field(
        False, description="All Microsoft licenses of a user that the portal imports."
    )
    rule: RuleRequest
    exclusions: ExclusionsRequest = Field(default_factory=_nobody)

    def input(self) -> "PreviewRequest":
        """What the service takes. Raises InvalidInput."""
        if (self.sku_ids is None) != self.all_licenses:
            raise InvalidInput(
                "skuIds",
                "Chosen licenses and all of a user's licenses are distinct choices.",
                remedy="Give skuIds, or allLicenses as true, but not both.",
            )
        chosen = self.sku_ids
        return PreviewRequest(
            self.portal_id,
            None if chosen is None else tuple(dict.fromkeys(chosen)),
            self.rule.rule(),
            self.exclusions.exclusions(),
        )


class ExecuteReclamationRequest(Contract):
    """Which preview to execute."""

    preview_id: Guid[ReclamationId]


class ReclamationsQuery(PageQuery):
    """Filter of the list of reclamations."""

    portal_id: Guid[PortalId] | None = None


class ItemsQuery(PageQuery):
    """Filter of a reclamation's items."""

    state: ItemState | None = None


class AuditQuery(PageQuery):
    """Paging of the audit."""


class PreviewStarted(Contract):
    """A preview that has been queued; `location` tells how it goes on."""

    preview_id: str
    run_id: str
    state: str
    location: str

    @classmethod
    def of(cls, reclamation: "Reclamation", run: "Run") -> "PreviewStarted":
        """The answer for a queued preview."""
        return cls(
            preview_id=reclamation.reclamation_id,
            run_id=run.run_id,
            state=run.state,
            location=f"/api/runs/{run.run_id}",
        )


class ReclamationStarted(Contract):
    """An execution or an undoing that has been queued; `location` tells how it goes on."""

    reclamation_id: str
    run_id: str
    state: str
    location: str

    @classmethod
    def of(cls, reclamation: "Reclamation", run: "Run") -> "ReclamationStarted":
        """The answer for a queued run."""
        return cls(
            reclamation_id=reclamation.reclamation_id,
            run_id=run.run_id,
            state=run.state,
            location=f"/api/runs/{run.run_id}",
        )


class RuleView(Contract):
    """Whom licenses are taken from."""

    inactive_days: int | None
    never_active: bool
    blocked: bool
    guest: bool
    duplicate: bool


class ExclusionsView(Contract):
    """Who keeps everything."""

    contact_ids: list[str]
    group_ids: list[str]
    departments: list[str]


class YearlySavingView(Contract):
    """What items cost a year, as a decimal, in one currency."""

    currency: str
    amount: str


class ReclamationView(Contract):
    """A preview, and what became of it.

    `account` counts items by state, as they were when the last run ended.
    `unknownActivity` counts contacts that the rule left alone since nothing is
    known of their activity. `yearlySavings` is what the preview planned,
    `unpriced` how many planned items have no known cost; `reclaimedSavings` is
    what was taken and not given back.
    """

    reclamation_id: str
    portal_id: str
    portal_name: str
    state: ReclamationState | Literal["expired"]
    all_licenses: bool
    sku_ids: list[str] | None
    rule: RuleView
    exclusions: ExclusionsView
    account: dict[str, int]
    unknown_activity: int
    yearly_savings: list[YearlySavingView]
    unpriced: int
    reclaimed_savings: list[YearlySavingView]
    created_at: Timestamp
    expires_at: Timestamp
    previewed_by: str
    preview_run_id: str
    executed_at: Timestamp | None
    executed_by: str | None
    execution_run_id: str | None
    undone_at: Timestamp | None
    undone_by: str | None
    undo_run_id: str | None

    @classmethod
    def of(cls, reclamation: "Reclamation", now: "datetime") -> "ReclamationView":
        """The view of a reclamation at `now`; a preview may have expired by then."""
        expired = reclamation.state == "ready" and now >= reclamation.expires_at
        exclusions = reclamation.exclusions
        return cls(
            reclamation_id=reclamation.reclamation_id,
            portal_id=reclamation.portal_id,
            portal_name=reclamation.portal_name,
            state="expired" if expired else reclamation.state,
            all_licenses=reclamation.sku_ids is None,
            sku_ids=list(reclamation.sku_ids) if reclamation.sku_ids is not None else None,
            rule=RuleView.model_validate(reclamation.rule),
            exclusions=ExclusionsView(
                contact_ids=sorted(exclusions.user_ids),
                group_ids=list(exclusions.group_ids),
                departments=list(exclusions.departments),
            ),
            account={state: number for state, number in reclamation.account.items() if number},
            unknown_activity=reclamation.unknown_activity,
            yearly_savings=_savings(reclamation.savings),
            unpriced=reclamation.unpriced,
            reclaimed_savings=_savings(reclamation.reclaimed_savings),
            created_at=reclamation.created_at,
            expires_at=reclamation.expires_at,
            previewed_by=reclamation.previewed_by,
            preview_run_id=reclamation.preview_run_id,
            executed_at=reclamation.executed_at,
            executed_by=reclamation.executed_by,
            execution_run_id=reclamation.execution_run_id,
            undone_at=reclamation.undone_at,
            undone_by=reclamation.undone_by,
            undo_run_id=reclamation.undo_run_id,
        )


def _savings(amounts: "Mapping[str, str]") -> list[YearlySavingView]:
    return [
        YearlySavingView(currency=currency, amount=_shown(amount, currency))
        for currency, amount in sorted(amounts.items())
    ]


def _shown(amount: str, currency: str) -> str:
    return shown(Money(Fraction(amount), currency))


class AssigningGroupView(Contract):
    """A group through which a license comes; without a name if it was not imported."""

    group_id: str
    display_name: str | None


class ReclamationItemView(Contract):
    """One license of one contact: why it would go, and what became of it.

    `yearlySaving` is a decimal in `currency`, null if the cost is not known.
    """

    user_id: str
    user_principal_name: str
    display_name: str | None
    department: str | None
    sku_id: str
    sku_part_number: str
    title: str
    state: ItemState
    reasons: list[Reason]
    path: PathKind
    groups: list[AssigningGroupView]
    covered_by: str | None
    last_activity: date | None
    yearly_saving: str | None
    currency: str | None
    outcome: str | None
    message: str | None
    changed_at: Timestamp | None

    @classmethod
    def of(cls, item: "Item", groups: "Mapping[GroupId, Group]") -> "ReclamationItemView":
        """The view of an item, its groups named."""
        saving = None
        if item.annual_cost is not None and item.currency is not None:
            saving = _shown(item.annual_cost, item.currency)
        return cls(
            user_id=item.user_id,
            user_principal_name=item.user_principal_name,
            display_name=item.display_name,
            department=item.department,
            sku_id=item.sku_id,
            sku_part_number=item.sku_part_number,
            title=item.title,
            state=item.state,
            reasons=list(item.reasons),
            path=item.path,
            groups=[
                AssigningGroupView(
                    group_id=group_id,
                    display_name=groups[group_id].display_name if group_id in groups else None,
                )
                for group_id in item.group_ids
            ],
            covered_by=item.covered_by,
            last_activity=item.last_activity,
            yearly_saving=saving,
            currency=item.currency,
            outcome=item.outcome,
            message=item.message,
            changed_at=item.changed_at,
        )


class ReclamationDetails(PageOf[ReclamationItemView]):
    """A reclamation with a page of its items."""

    reclamation: ReclamationView


class AuditEntryView(Contract):
    """One thing done, or tried, to a license of a user, and who asked for it."""

    at: Timestamp
    action: AuditAction
    by: str
    portal_id: str
    portal_name: str
    run_id: str
    user_id: str
    user_principal_name: str
    sku_id: str
    title: str
    reasons: list[Reason]
    disabled_plans: list[str]
    outcome: str | None
    message: str | None
    request_id: str | None

    @classmethod
    def of(cls, entry: "AuditEntry") -> "AuditEntryView":
        """The view of an entry."""
        return cls.model_validate(entry)
