"""The control endpoint: makes tenants, changes them, breaks things, tells the truth."""

from __future__ import annotations

import hmac
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from simulator.faults import Fault
from simulator.http import Request, Response, json_response
from simulator.key_vault import KeyVault
from simulator.products import BY_PART_NUMBER
from simulator.seeding import add_group, add_sku, add_user, guid, make_tenant
from simulator.sign_in import SignIn
from simulator.tenant import Account, Application, Tenant, User
from simulator.usage import add_device, set_usage

Action = Callable[[dict[str, Any]], Any]


class ControlApi:
    """POST /control/<action> with a JSON body, and the key in `x-control-key`."""

    def __init__(
        self, key: str, tenants: dict[str, Tenant], vault: KeyVault, sign_in: SignIn
    ) -> None:
        self._sign_in = sign_in
        self._key = key
        self._tenants = tenants
        self._vault = vault
        self._source = random.Random(7)  # noqa: S311 - reproducible, not secret
        self.faults: list[Fault] = []
        self.counters: Counter[str] = Counter()
        self._actions: dict[str, Action] = {
            "tenant": self._tenant,
            "application": self._application,
            "account": self._account,
            "withdraw-consent": self._withdraw_consent,
            "idle-sign-ins": lambda b: self._sign_in.let_lie_idle(b["tenant_id"]),
            "secret-value": lambda b: self._vault.secrets[b["name"]].versions[-1].value,
            "user": self._user,
            "change-user": self._change_user,
            "delete-user": lambda b: self._of(b).remove_user(b["user_id"]),
            "restore-user": lambda b: self._of(b).restore_user(b["user_id"]),
            "purge-user": lambda b: self._of(b).purge_user(b["user_id"]),
            "assign": self._assign,
            "group": self._group,
            "membership": lambda b: self._of(b).set_membership(
                b["user_id"], b["group_id"], member=b["member"]
            ),
            "group-skus": lambda b: self._of(b).set_group_skus(
                b["group_id"], [BY_PART_NUMBER[part].sku_id for part in b["skus"]]
            ),
            "sku": self._sku,
            "remove-sku": self._remove_sku,
            "usage": lambda b: set_usage(self._of(b), b["user_id"], b["values"]),
            "reports": self._reports,
            "device": lambda b: {"device_id": add_device(self._of(b), b).device_id},
            "drift": self._drift,
            "expire-deltas": self._expire_deltas,
            "fault": self._fault,
            "clear-faults": lambda _: self.faults.clear(),
            "counters": lambda _: dict(self.counters),
            "reset-counters": lambda _: self.counters.clear(),
            "truth": self._truth,
            "vault": self._set_vault,
            "delete-secret": lambda b: self._vault.soft_delete(b["name"]),
            "secrets": lambda _: {
                name: {
                    "deleted": secret.deleted_at is not None,
                    "versions": [
                        {"version": v.version, "enabled": v.enabled} for v in secret.versions
                    ],
                }
                for name, secret in self._vault.secrets.items()
            },
        }

    def handle(self, request: Request) -> Response | None:
        """Answers what is control's; None for other paths."""
        if not request.path.startswith("/control/"):
            return None
        if not hmac.compare_digest(request.headers.get("x-control-key", ""), self._key):
            return json_response({"error": "the control key is missing or wrong"}, 401)
        action = self._actions.get(request.path.removeprefix("/control/"))
        if action is None:
            return json_response({"error": "no such action"}, 404)
        try:
            return json_response(action(request.json() or {}))
        except (KeyError, ValueError, TypeError) as error:
            return json_response({"error": f"{type(error).__name__}: {error}"}, 400)

    def _of(self, body: dict[str, Any]) -> Tenant:
        return self._tenants[body["tenant_id"]]

    def _tenant(self, body: dict[str, Any]) -> dict[str, Any]:
        tenant = make_tenant(body)
        self._tenants[tenant.tenant_id] = tenant
        return {"tenant_id": tenant.tenant_id, "users": len(tenant.position)}

    def _application(self, body: dict[str, Any]) -> None:
        self._of(body).applications[body["client_id"]] = Application(
            body["client_id"],
            list(body.get("permissions", ())),
            list(body.get("secrets", ())),
            list(body.get("certificates", ())),
            body.get("enabled", True),
            list(body.get("redirect_uris", ())),
            body.get("public", False),
            set(body.get("consented", ())),
        )

    def _account(self, body: dict[str, Any]) -> None:
        """Somebody who can sign in; anew with another password, earlier tokens are refused."""
        accounts = self._of(body).accounts
        username = body["username"].casefold()
        known = accounts.get(username)
        accounts[username] = Account(
            username,
            body["password"],
            body.get("display_name", username),
            known.object_id if known else guid(self._source),
            body.get("enabled", True),
            body.get("assigned", True),
            time.time() if known and known.password != body["password"] else 0,
        )

    def _withdraw_consent(self, body: dict[str, Any]) -> None:
        self._of(body).applications[body["client_id"]].consented.clear()

    def _user(self, body: dict[str, Any]) -> dict[str, str]:
        tenant = self._of(body)
        skus = [BY_PART_NUMBER[part].sku_id for part in body.get("skus", ())]
        user = add_user(tenant, self._source, len(tenant.ordered), {}, skus, {})
        values = body.get("values")
        if values:
            tenant.change(user.user_id, **values)
        return {"user_id": user.user_id}

    def _change_user(self, body: dict[str, Any]) -> None:
        values = dict(body["values"])
        failures = values.pop("failures", None)
        if failures is not None:
            values["failures"] = {
                (BY_PART_NUMBER[item["part_number"]].sku_id, item.get("group_id")): (
                    item["state"],
                    item["error"],
                )
                for item in failures
            }
        self._of(body).change(body["user_id"], tracked=body.get("tracked", True), **values)

    def _assign(self, body: dict[str, Any]) -> None:
        tenant = self._of(body)
        user = _user_of(tenant, body["user_id"])
        sku_id = BY_PART_NUMBER[body["part_number"]].sku_id
        direct = {sku: plans for sku, plans in user.direct.items() if sku != sku_id}
        if body.get("assigned", True):
            direct[sku_id] = list(body.get("disabled_plans", ()))
        tenant.change(user.user_id, direct=direct)

    def _group(self, body: dict[str, Any]) -> dict[str, str]:
        group = add_group(self._of(body), body["name"], body["skus"], guid(self._source))
        return {"group_id": group.group_id}

    def _sku(self, body: dict[str, Any]) -> dict[str, str]:
        return {"sku_id": add_sku(self._of(body), body, self._source).sku_id}

    def _remove_sku(self, body: dict[str, Any]) -> None:
        del self._of(body).skus[BY_PART_NUMBER[body["part_number"]].sku_id]

    def _reports(self, body: dict[str, Any]) -> None:
        """How the tenant's reports look: names concealed, columns shuffled, days behind.

        `premium` is how many use Entra's premium features.
        """
        tenant = self._of(body)
        tenant.concealed = body.get("concealed", tenant.concealed)
        tenant.shuffled_columns = body.get("shuffled_columns", tenant.shuffled_columns)
        tenant.report_lag_days = int(body.get("lag_days", tenant.report_lag_days))
        for name, users in body.get("premium", {}).items():
            tenant.premium_use[name] = int(users)

    def _drift(self, body: dict[str, Any]) -> dict[str, int]:
        """Random changes: licenses, names, blocks, deletions, newcomers."""
        tenant = self._of(body)
        source = random.Random(body.get("seed", 1))  # noqa: S311 - reproducible, not secret
        done: Counter[str] = Counter()
        user_ids = list(tenant.position)
        skus = [sku.sku_id for sku in tenant.skus.values() if sku.applies_to == "User"]
        kinds = body.get("kinds") or ["license", "license", "name", "block", "delete", "create"]
        for _ in range(int(body["changes"])):
            kind = source.choice(kinds)
            done[kind] += 1
            if kind == "create":
                user = add_user(tenant, source, len(tenant.ordered), {}, skus[:1], {})
                user_ids.append(user.user_id)
                continue
            user_id = user_ids[source.randrange(len(user_ids))]
            found = tenant.user(user_id)
            if found is None:
                continue
            if kind == "license":
                sku_id = source.choice(skus)
                direct = dict(found.direct)
                if direct.pop(sku_id, None) is None:
                    direct[sku_id] = []
                tenant.change(user_id, direct=direct)
                tenant.drifted.append((user_id, sku_id))
            elif kind == "name":
                tenant.change(user_id, display_name=f"{found.display_name} II")
            elif kind == "block":
                tenant.change(user_id, enabled=not found.enabled)
            else:
                tenant.remove_user(user_id)
        return dict(done)

    def _expire_deltas(self, body: dict[str, Any]) -> None:
        tenant = self._of(body)
        tenant.log.append(("", "generation", None))
        tenant.oldest_delta = len(tenant.log)

    def _fault(self, body: dict[str, Any]) -> None:
        known = {
            k: body.pop(k)
            for k in ("kind", "match", "method", "tenant", "times", "after")
            if k in body
        }
        self.faults.append(Fault(**known, values=body))

    def _truth(self, body: dict[str, Any]) -> dict[str, Any]:
        """What the ledger must say, counted apart from what Graph answers."""
        tenant = self._of(body)
        consumed: Counter[str] = Counter()
        users: dict[str, Any] = {}
        for user in tenant.users():
            consumed.update(tenant.seats(user))
            if body.get("users"):
                users[user.user_id] = {
                    "upn": user.upn,
                    "display_name": user.display_name,
                    "enabled": user.enabled,
                    "user_type": user.user_type,
                    "paths": tenant.paths(user),
                    "seats": sorted(tenant.seats(user)),
                    "services": _services(tenant, user),
                }
        return {
            "user_count": len(tenant.position),
            "consumed": {sku_id: consumed[sku_id] for sku_id in tenant.skus},
            "part_numbers": {sku.part_number: sku.sku_id for sku in tenant.skus.values()},
            "entitled": {sku.sku_id: sku.enabled + sku.warning for sku in tenant.skus.values()},
            "groups": {g.display_name: g.group_id for g in tenant.groups.values()},
            "rooms": tenant.rooms,
            "users": users,
            "assigned": tenant.assigned,
            "drifted": tenant.drifted,
        }

    def _set_vault(self, body: dict[str, Any]) -> None:
        self._vault.purge_protected = body.get("purge_protected", self._vault.purge_protected)
        self._vault.refused = body.get("refused", self._vault.refused)
        for name in body.get("disable", ()):
            for version in self._vault.secrets[name].versions:
                version.enabled = False
        for name in body.get("forget", ()):
            del self._vault.secrets[name]


def _services(tenant: Tenant, user: User) -> dict[str, str]:
    """What reports tell of the user's services, by day."""
    usage = tenant.usage.get(user.user_id)
    return dict(usage.services) if usage and tenant.paths(user) else {}


def _user_of(tenant: Tenant, user_id: str) -> User:
    user = tenant.user(user_id)
    if user is None:
        raise KeyError(user_id)
    return user
