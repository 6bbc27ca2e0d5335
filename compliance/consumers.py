"""Who consumes a license, and by which path: pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from compliance.model import Consumer, PathKind
from identifiers import GroupId, PortalId, ServicePlanId, SkuId
from imports.model import Assignment, AssignmentPath, Contact

_STATE_ORDER = ("Active", "ActiveWithError", "Disabled", "Error")
_BY_CASEFOLD = {state.casefold(): state for state in _STATE_ORDER}
_SEATED = frozenset({"Active", "ActiveWithError"})
_NO_ERROR = frozenset({"", "none"})


class AssignedLicense(Protocol):
    """One entry of a user's assignedLicenses."""

    @property
    def sku_id(self) -> SkuId: ...
    @property
    def disabled_plans(self) -> Sequence[ServicePlanId] | None: ...


class LicenseAssignmentState(Protocol):
    """One entry of a user's licenseAssignmentStates."""

    @property
    def sku_id(self) -> SkuId: ...
    @property
    def assigned_by_group(self) -> GroupId | None: ...
    @property
    def state(self) -> str | None: ...
    @property
    def error(self) -> str | None: ...
    @property
    def last_updated_date_time(self) -> str | None: ...


def assignments(
    assigned: Sequence[AssignedLicense] | None,
    states: Sequence[LicenseAssignmentState] | None,
    excluded: Collection[SkuId] = (),
) -> tuple[Assignment, ...]:
    """A user's assignments by SKU ID, each with all its paths; excluded SKUs are left out.

    Who holds a license is what assignedLicenses says; why is what
    licenseAssignmentStates says, which may lack entries or, for assignments
    that failed, have entries of its own.
    """
    if not assigned and not states:
        return ()
    held = {license_.sku_id: license_.disabled_plans or () for license_ in assigned or ()}
    paths: dict[SkuId, list[AssignmentPath]] = {sku_id: [] for sku_id in held}
    for entry in states or ():
        paths.setdefault(entry.sku_id, []).append(
            AssignmentPath(
                entry.assigned_by_group,
                _state(entry.state, entry.sku_id in held),
                _error(entry.error),
                entry.last_updated_date_time,
            )
        )
    return tuple(
        [
            Assignment(
                sku_id,
                sku_id in held,
                tuple(ways) if len(ways) < 2 else tuple(sorted(ways, key=_path_order)),
                tuple(held.get(sku_id, ())),
            )
            for sku_id, ways in sorted(paths.items())
            if sku_id not in excluded
        ]
    )


def _path_order(path: AssignmentPath) -> tuple[str, str, str, str]:
    return (path.group_id or "", path.state, path.error or "", path.updated_at or "")


def _state(state: str | None, held: bool) -> str:
    # enums come as plain strings; their case is not guaranteed
    if state:
        return _BY_CASEFOLD.get(state.casefold(), state)
    # who holds the license is not told by the state
    return "Active" if held else "Error"


def _error(error: str | None) -> str | None:
    return None if error is None or error.casefold() in _NO_ERROR else error


def path_of(assignment: Assignment) -> PathKind:
    """How the contact got the license."""
    direct = grouped = False
    for path in assignment.paths:
        if path.group_id is None:
            direct = True
        else:
            grouped = True
    if direct:
        return "both" if grouped else "direct"
    return "group" if grouped else "unknown"


def state_of(assignment: Assignment) -> str:
    """The best state over all paths; Active for a license held without a known path."""
    states = {path.state for path in assignment.paths}
    for state in _STATE_ORDER:
        if state in states:
            return state
    return min(states) if states else "Active"


def consumes(assignment: Assignment) -> bool:
    """Whether the assignment uses a seat; however many paths lead to it, it is one.

    A path that is Active or ActiveWithError does, and a license held without
    any known path.
    """
    if not assignment.paths:
        return assignment.held
    return any(path.state in _SEATED for path in assignment.paths)


def consumer(portal_id: PortalId, sku_id: SkuId, contact: Contact) -> Consumer | None:
    """The contact as a consumer of the license; None if it has no assignment of it."""
    for assignment in contact.assignments:
        if assignment.sku_id == sku_id:
            return Consumer(
                portal_id=portal_id,
                sku_id=sku_id,
                user_id=contact.user_id,
                user_principal_name=contact.user_principal_name,
                display_name=contact.display_name,
                kind=contact.kind,
                account_enabled=contact.account_enabled,
                path=path_of(assignment),
                group_ids=tuple(p.group_id for p in assignment.paths if p.group_id is not None),
                state=state_of(assignment),
                errors=tuple(sorted({p.error for p in assignment.paths if p.error is not None})),
                consumes=consumes(assignment),
                paths=assignment.paths,
            )
    return None
