"""Makes tenants from a seed: the same seed gives the same tenant."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from typing import Any

from simulator.products import BY_PART_NUMBER
from simulator.tenant import Group, Sku, Tenant, User, timestamp
from simulator.usage import seed_usage

_FIRST = ("Ada", "Bela", "Chen", "Dilek", "Emre", "Femi", "Greta", "Hana", "Jonas", "Zoë")
_LAST = ("Abe", "Berg", "Costa", "Diaz", "Engel", "Götz", "Ito", "Kaya", "Novák", "Okafor")
_DEPARTMENTS = ("Sales", "Finance", "Engineering", "Operations", "Legal", "People")
_COUNTRIES = (("DE", "Germany"), ("FR", "France"), ("US", "United States"), ("JP", "Japan"))
_DEFAULT_SKUS = ("SPE_E3", "POWER_BI_PRO", "VISIOCLIENT")
_ERRORS = ("CountViolation", "MutuallyExclusiveViolation", "DependencyViolation")


def guid(source: random.Random) -> str:
    """A random GUID of the seed."""
    return str(uuid.UUID(int=source.getrandbits(128), version=4))


def make_tenant(spec: dict[str, Any]) -> Tenant:
    """The tenant of a specification.

    Keys, all optional: tenant_id, name, seed, premium, users, skus (a list of
    {part_number, enabled, warning, suspended, capability_status, applies_to,
    skew, trial, next_lifecycle_days, owner_tenant_id, more_subscriptions: a list
    of {units, next_lifecycle_days, status}}), licenses_per_user,
    groups (a list of {name, skus, share}), visibility_lag_seconds (until a
    single user shows a license that was assigned or removed), and the shares
    guests, blocked, rooms, errors, deleted, each 0 to 1; active gives licensed
    users activity for the reports, to that share of them within the last weeks;
    intune: false is a tenant without it.
    """
    source = random.Random(spec.get("seed", 1))  # noqa: S311 - reproducible, not secret
    tenant = Tenant(
        # a tenant of the same seed is still another tenant
        spec.get("tenant_id") or str(uuid.uuid4()),
        spec.get("name", "Contoso"),
        premium=spec.get("premium", True),
    )
    tenant.visibility_lag_seconds = float(spec.get("visibility_lag_seconds", 0))
    users = int(spec.get("users", 100))
    for entry in spec.get("skus") or [{"part_number": p, "enabled": users} for p in _DEFAULT_SKUS]:
        add_sku(tenant, entry, source)
    for entry in spec.get("groups", ()):
        add_group(tenant, entry["name"], entry["skus"], guid(source))
    shares = {
        g.group_id: e.get("share", 0.3)
        for g, e in zip(tenant.groups.values(), spec.get("groups", ()), strict=True)
    }
    assignable = [sku.sku_id for sku in tenant.skus.values() if sku.applies_to == "User"]
    per_user = min(len(assignable), int(spec.get("licenses_per_user", 1)))
    for index in range(users):
        add_user(tenant, source, index, spec, assignable[:per_user], shares)
    for user in list(tenant.users())[: int(users * spec.get("deleted", 0))]:
        tenant.remove_user(user.user_id)
    tenant.intune = bool(spec.get("intune", True))
    if "active" in spec:
        seed_usage(tenant, source, float(spec["active"]))
    tenant.log.clear()
    return tenant


def add_sku(tenant: Tenant, entry: dict[str, Any], source: random.Random) -> Sku:
    """Subscribes the tenant to a SKU."""
    product = BY_PART_NUMBER[entry["part_number"]]
    days = entry.get("next_lifecycle_days", 200)
    now = dt.datetime.now(dt.UTC)
    sku = Sku(
        product.sku_id,
        product.part_number,
        int(entry.get("enabled", 0)),
        int(entry.get("warning", 0)),
        int(entry.get("suspended", 0)),
        int(entry.get("locked_out", 0)),
        entry.get("capability_status", "Enabled"),
        entry.get("applies_to", "User"),
        int(entry.get("skew", 0)),
        bool(entry.get("trial", False)),
        timestamp(now - dt.timedelta(days=365 - days)) if days is not None else timestamp(now),
        timestamp(now + dt.timedelta(days=days)) if days is not None else None,
        entry.get("owner_tenant_id"),
        guid(source),
        [_further(other, guid(source)) for other in entry.get("more_subscriptions", ())],
    )
    tenant.skus[sku.sku_id] = sku
    return sku


def _further(entry: dict[str, Any], subscription_id: str) -> dict[str, Any]:
    ends = dt.datetime.now(dt.UTC) + dt.timedelta(days=entry["next_lifecycle_days"])
    return {
        "id": subscription_id,
        "commerceSubscriptionId": subscription_id,
        "totalLicenses": int(entry["units"]),
        "nextLifecycleDateTime": timestamp(ends),
        "status": entry.get("status", "Enabled"),
    }


def add_group(tenant: Tenant, name: str, part_numbers: list[str], group_id: str) -> Group:
    """Creates a group that assigns SKUs."""
    skus = [BY_PART_NUMBER[part].sku_id for part in part_numbers]
    group = Group(group_id, name, skus)
    tenant.groups[group_id] = group
    return group


def add_user(
    tenant: Tenant,
    source: random.Random,
    index: int,
    spec: dict[str, Any],
    skus: list[str],
    group_shares: dict[str, float],
) -> User:
    """Creates the user number `index` of a specification."""
    first, last = source.choice(_FIRST), source.choice(_LAST)
    code, country = source.choice(_COUNTRIES)
    draw = source.random
    guest = draw() < spec.get("guests", 0)
    room = not guest and draw() < spec.get("rooms", 0)
    local = f"{first}.{last}.{index}".lower() if not room else f"room.{index}"
    upn = f"{local}#ext#@{tenant.domain}" if guest else f"{local}@{tenant.domain}"
    user = User(
        guid(source),
        upn,
        f"Room {index}" if room else f"{first} {last}",
        enabled=not room and draw() >= spec.get("blocked", 0),
        user_type="Guest" if guest else "Member",
        mail=upn if not guest else f"{local}@partner.example",
        usage_location=code,
        country=country,
        department=source.choice(_DEPARTMENTS),
        job_title="Specialist",
        company=tenant.name,
        employee_id=f"E{index:06d}",
        synced=True if draw() < 0.5 else None,
        last_sign_in=timestamp(dt.datetime.now(dt.UTC) - dt.timedelta(days=source.randint(0, 200))),
        direct={sku: [] for sku in skus} if not room and not guest else {},
        groups=[g for g, share in group_shares.items() if not room and draw() < share],
    )
    if room:
        tenant.rooms.append(upn)
    elif draw() < spec.get("errors", 0):
        targets = tenant.paths(user)
        if targets:
            sku, group, _, _ = source.choice(targets)
            state = source.choice(("Error", "ActiveWithError", "Disabled"))
            user.failures = {(sku, group): (state, source.choice(_ERRORS))}
    tenant.add_user(user)
    return user
