"""A tenant's directory: users, groups, SKUs, assignments, and the log of changes."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulator.products import BY_SKU_ID

if TYPE_CHECKING:
    from simulator.usage import Device, UserUsage

SEATED = ("Active", "ActiveWithError")
_EPOCH = "2024-01-15T09:00:00Z"


def timestamp(moment: dt.datetime | None = None) -> str:
    """ISO 8601 in UTC, to the second."""
    return (moment or dt.datetime.now(dt.UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class User:
    """A user. `direct`: SKU ID to disabled plans; `failures`: (SKU, group) to state and error."""

    user_id: str
    upn: str
    display_name: str
    enabled: bool = True
    user_type: str = "Member"
    mail: str | None = None
    usage_location: str | None = "DE"
    country: str | None = None
    department: str | None = None
    job_title: str | None = None
    company: str | None = None
    employee_id: str | None = None
    created: str = _EPOCH
    synced: bool | None = None
    last_sign_in: str | None = None
    direct: dict[str, list[str]] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    failures: dict[tuple[str, str | None], tuple[str, str]] | None = None


@dataclass(slots=True)
class Group:
    """A group, with the SKUs it assigns to its members."""

    group_id: str
    display_name: str
    skus: list[str] = field(default_factory=list)
    synced: bool | None = None
    members: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Sku:
    """A subscribed SKU; counts are licenses. `skew` is added to consumedUnits.

    `more` are further subscriptions to it: what they have otherwise than the first.
    """

    sku_id: str
    part_number: str
    enabled: int
    warning: int = 0
    suspended: int = 0
    locked_out: int = 0
    capability_status: str = "Enabled"
    applies_to: str = "User"
    skew: int = 0
    trial: bool = False
    created: str = _EPOCH
    next_lifecycle: str | None = None
    owner_tenant_id: str | None = None
    subscription_id: str = ""
    more: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Application:
    """An app registration as one tenant knows it.

    `permissions` are those of the application, `consented` those that it has
    for whoever signs in. A public client has no credential of its own.
    """

    client_id: str
    permissions: list[str]
    secrets: list[dict[str, Any]] = field(default_factory=list)
    certificates: list[str] = field(default_factory=list)
    enabled: bool = True
    redirect_uris: list[str] = field(default_factory=list)
    public: bool = False
    consented: set[str] = field(default_factory=set)


@dataclass
class Account:
    """Somebody who can sign in. Tokens issued before `revoked` (Unix time) are refused."""

    username: str
    password: str
    display_name: str
    object_id: str
    enabled: bool = True
    assigned: bool = True
    revoked: float = 0


class Tenant:
    """One tenant. Users keep the order of their creation; None marks those who went."""

    def __init__(self, tenant_id: str, name: str, *, premium: bool = True) -> None:
        self.tenant_id = tenant_id
        self.name = name
        self.premium = premium
        self.domain = "".join(c for c in name.lower() if c.isalnum()) + ".example"
        self.ordered: list[User | None] = []
        self.position: dict[str, int] = {}
        self.by_upn: dict[str, str] = {}
        self.deleted: dict[str, User] = {}
        self.groups: dict[str, Group] = {}
        self.skus: dict[str, Sku] = {}
        self.rooms: list[str] = []
        self.applications: dict[str, Application] = {}
        self.accounts: dict[str, Account] = {}
        # user, what happened, and the properties that changed; None for all
        self.log: list[tuple[str, str, frozenset[str] | None]] = []
        self.oldest_delta = 0
        self.consumed: Counter[str] = Counter()
        self.usage: dict[str, UserUsage] = {}
        self.devices: dict[str, Device] = {}
        # what applications asked of assignLicense and got: user, SKU, whether it was taken
        self.assigned: list[tuple[str, str, bool]] = []
        # seats that drift toggled
        self.drifted: list[tuple[str, str]] = []
        self.concealed = False
        self.shuffled_columns = False
        self.report_lag_days = 3
        # users of Entra's premium features: p1, p1_guests, p2, p2_guests
        self.premium_use: Counter[str] = Counter()
        self.intune = True
        self.visibility_lag_seconds = 0.0
        self._before: dict[str, tuple[float, User]] = {}
        self._encoded: dict[tuple[str, ...], dict[str, bytes]] = {}

    def users(self) -> Iterator[User]:
        """Users that are not deleted."""
        return (user for user in self.ordered if user is not None)

    def user(self, key: str) -> User | None:
        """A user by ID or user principal name."""
        user_id = self.by_upn.get(key.casefold(), key)
        index = self.position.get(user_id)
        return self.ordered[index] if index is not None else None

    def add_user(self, user: User) -> None:
        """Creates or restores a user."""
        self.position[user.user_id] = len(self.ordered)
        self.ordered.append(user)
        self.by_upn[user.upn.casefold()] = user.user_id
        for group_id in user.groups:
            self.groups[group_id].members.add(user.user_id)
        self.consumed.update(self.seats(user))
        self.log.append((user.user_id, "changed", None))

    def remove_user(self, user_id: str) -> None:
        """Soft-deletes a user."""
        user = self._present(user_id)
        self.consumed.subtract(self.seats(user))
        self.ordered[self.position.pop(user_id)] = None
        del self.by_upn[user.upn.casefold()]
        for group_id in user.groups:
            self.groups[group_id].members.discard(user_id)
        self.deleted[user_id] = user
        self._forget(user_id)
        self.log.append((user_id, "deleted", None))

    def restore_user(self, user_id: str) -> None:
        """Brings a soft-deleted user back."""
        self.add_user(self.deleted.pop(user_id))

    def purge_user(self, user_id: str) -> None:
        """Deletes a soft-deleted user for good."""
        del self.deleted[user_id]
        self.log.append((user_id, "purged", None))

    def written(self, user: User) -> None:
        """Keeps what readers see of a user until a write becomes visible."""
        seen = self.seen(user)
        self._before[user.user_id] = (
            time.monotonic() + self.visibility_lag_seconds,
            dataclasses.replace(seen, direct=dict(seen.direct)),
        )

    def seen(self, user: User) -> User:
        """The user as readers see it: for a while without what was written last."""
        until, before = self._before.get(user.user_id, (0.0, user))
        return before if time.monotonic() < until else user

    def _present(self, user_id: str) -> User:
        user = self.user(user_id)
        if user is None:
            raise KeyError(user_id)
        return user

    def _forget(self, user_id: str) -> None:
        for encoded in self._encoded.values():
            encoded.pop(user_id, None)

    def change(self, user_id: str, *, tracked: bool = True, **values: Any) -> None:
        """Sets fields of a user; the log notes the properties that are others by it."""
        user = self._present(user_id)
        before = self.seats(user)
        properties = self.properties(user, _LOGGED)
        for name, value in values.items():
            if name == "upn":
                del self.by_upn[user.upn.casefold()]
                self.by_upn[value.casefold()] = user_id
            setattr(user, name, value)
        self.consumed.subtract(before)
        self.consumed.update(self.seats(user))
        self._forget(user_id)
        after = self.properties(user, _LOGGED)
        changed = frozenset(name for name in _LOGGED if properties[name] != after[name])
        if tracked and changed:
            self.log.append((user_id, "changed", changed))

    def set_membership(self, user_id: str, group_id: str, *, member: bool) -> None:
        """Adds a user to a group, or takes it out."""
        user = self._present(user_id)
        groups = [g for g in user.groups if g != group_id] + ([group_id] if member else [])
        if member:
            self.groups[group_id].members.add(user_id)
        else:
            self.groups[group_id].members.discard(user_id)
        self.change(user_id, groups=groups)

    def set_group_skus(self, group_id: str, skus: list[str]) -> None:
        """Sets what a group assigns; its members change with it."""
        group = self.groups[group_id]
        members = [self._present(user_id) for user_id in sorted(group.members)]
        before = [self.seats(user) for user in members]
        group.skus = skus
        for user, seats in zip(members, before, strict=True):
            self.consumed.subtract(seats)
            self.consumed.update(self.seats(user))
            self._forget(user.user_id)
            if seats != self.seats(user):
                self.log.append((user.user_id, "changed", frozenset({"assignedLicenses"})))

    def paths(self, user: User) -> list[tuple[str, str | None, str, str]]:
        """SKU, group or None, state and error of every way to a license."""
        found: list[tuple[str, str | None]] = [(sku, None) for sku in user.direct]
        for group_id in user.groups:
            found += [(sku, group_id) for sku in self.groups[group_id].skus]
        failures = user.failures or {}
        return [
            (sku, group, *failures.get((sku, group), ("Active", "None"))) for sku, group in found
        ]

    def seats(self, user: User) -> set[str]:
        """The SKUs of which the user takes a seat."""
        if not user.failures and not user.groups:
            return set(user.direct)
        return {sku for sku, _, state, _ in self.paths(user) if state in SEATED}

    def consumed_units(self, sku_id: str) -> int:
        """What Graph counts: seats, and the skew a test asked for."""
        return self.consumed[sku_id] + self.skus[sku_id].skew

    def encoded(self, user: User, select: tuple[str, ...]) -> bytes:
        """The user as JSON with the selected properties."""
        cache = self._encoded.setdefault(select, {})
        found = cache.get(user.user_id)
        if found is None:
            found = json.dumps(
                self.properties(user, select), separators=(",", ":"), ensure_ascii=False
            ).encode()
            cache[user.user_id] = found
        return found

    def properties(self, user: User, select: tuple[str, ...]) -> dict[str, Any]:
        """The selected properties of a user, as Graph names them."""
        values: dict[str, Any] = {}
        for name in select:
            match name:
                case "assignedLicenses":
                    seats = self.seats(user)
                    values[name] = [
                        {"disabledPlans": user.direct.get(sku, []), "skuId": sku}
                        for sku in sorted(seats)
                    ]
                case "licenseAssignmentStates":
                    values[name] = [
                        {
                            "skuId": sku,
                            "disabledPlans": user.direct.get(sku, []) if group is None else [],
                            "assignedByGroup": group,
                            "state": state,
                            "error": error,
                            "lastUpdatedDateTime": _EPOCH,
                        }
                        for sku, group, state, error in self.paths(user)
                    ]
                case "signInActivity":
                    if user.last_sign_in:
                        values[name] = _sign_in(user.last_sign_in)
                case _:
                    if name in _FIELDS:
                        values[name] = getattr(user, _FIELDS[name])
        return values

    def sku_json(self, sku: Sku) -> dict[str, Any]:
        """A subscribedSku as Graph shows it."""
        product = BY_SKU_ID[sku.sku_id]
        return {
            "accountName": self.name,
            "accountId": self.tenant_id,
            "appliesTo": sku.applies_to,
            "capabilityStatus": sku.capability_status,
            "consumedUnits": self.consumed_units(sku.sku_id),
            "id": f"{self.tenant_id}_{sku.sku_id}",
            "skuId": sku.sku_id,
            "skuPartNumber": sku.part_number,
            "subscriptionIds": [sku.subscription_id, *(other["id"] for other in sku.more)],
            "prepaidUnits": {
                "enabled": sku.enabled,
                "suspended": sku.suspended,
                "warning": sku.warning,
                "lockedOut": sku.locked_out,
            },
            "servicePlans": [
                {
                    "servicePlanId": plan.plan_id,
                    "servicePlanName": plan.name,
                    "provisioningStatus": "Success",
                    "appliesTo": _scope(plan.name),
                }
                for plan in product.plans
            ],
        }

    def subscriptions_json(self, sku: Sku) -> list[dict[str, Any]]:
        """The companySubscriptions of a SKU as Graph shows them."""
        first = self._subscription_json(sku)
        first["totalLicenses"] -= sum(other["totalLicenses"] for other in sku.more)
        return [first, *({**first, **other} for other in sku.more)]

    def _subscription_json(self, sku: Sku) -> dict[str, Any]:
        return {
            "createdDateTime": sku.created,
            "commerceSubscriptionId": sku.subscription_id,
            "id": sku.subscription_id,
            "isTrial": sku.trial,
            "nextLifecycleDateTime": sku.next_lifecycle,
            "ownerId": self.tenant_id,
            "ownerTenantId": sku.owner_tenant_id,
            "ownerType": "User",
            "skuId": sku.sku_id,
            "skuPartNumber": sku.part_number,
            "status": sku.capability_status,
            "totalLicenses": sku.enabled + sku.warning + sku.suspended,
            "serviceStatus": [
                {
                    "appliesTo": _scope(plan.name),
                    "provisioningStatus": "Success",
                    "servicePlanId": plan.plan_id,
                    "servicePlanName": plan.name,
                }
                for plan in BY_SKU_ID[sku.sku_id].plans
            ],
        }


def _scope(plan_name: str) -> str:
    """Whom a plan can be assigned to; the ground that Exchange stands on belongs to the company.

    Source: https://learn.microsoft.com/graph/api/subscribedsku-list, first example
    """
    return "Company" if plan_name == "EXCHANGE_S_FOUNDATION" else "User"


def _sign_in(moment: str) -> dict[str, Any]:
    request_id = "00000000-0000-0000-0000-000000000000"
    return {
        "lastSignInDateTime": moment,
        "lastSignInRequestId": request_id,
        "lastNonInteractiveSignInDateTime": moment,
        "lastNonInteractiveSignInRequestId": request_id,
        "lastSuccessfulSignInDateTime": moment,
        "lastSuccessfulSignInRequestId": request_id,
    }


_FIELDS = {
    "id": "user_id",
    "userPrincipalName": "upn",
    "displayName": "display_name",
    "accountEnabled": "enabled",
    "userType": "user_type",
    "mail": "mail",
    "usageLocation": "usage_location",
    "country": "country",
    "department": "department",
    "jobTitle": "job_title",
    "companyName": "company",
    "employeeId": "employee_id",
    "createdDateTime": "created",
    "onPremisesSyncEnabled": "synced",
}
_LOGGED = (*_FIELDS, "assignedLicenses", "licenseAssignmentStates")
