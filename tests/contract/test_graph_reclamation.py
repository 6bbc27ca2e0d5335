"""Removing and assigning licenses through `$batch`, and reading users as they are now."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import pytest

from errors import GraphError, GraphUnreachable, InvalidInput, PermissionMissing
from graph.assign_license import LicenseChange, change_licenses
from graph.batch import BatchRequest, batch
from graph.client import GraphClient, GraphFactory
from graph.current_users import CurrentUser, current_users
from graph.group_members import member_ids
from graph.permissions import USER_READ
from identifiers import ClientId, GroupId, ServicePlanId, SkuId, TenantId, UserId
from portals.certificates import ClientSecretMaterial
from settings import Settings
from simulator.control import IMPORT_PERMISSIONS, Control

SECRET = "a-client-secret-of-some-length"
WRITE = "LicenseAssignment.ReadWrite.All"
SIGN_INS = "AuditLog.Read.All"
PLAN = ServicePlanId("efb87545-963c-4e0d-99df-69c6916d9eb0")


class Tenant:
    """A tenant of the simulator whose application may change licenses."""

    def __init__(
        self,
        cloud: Control,
        settings: Settings,
        permissions: Sequence[str] = (*IMPORT_PERMISSIONS, WRITE, SIGN_INS),
        **spec: Any,
    ) -> None:
        self.cloud = cloud
        self.tenant_id = cloud.create_tenant(**{"users": 25, "seed": 3, **spec})
        self._client_id = str(uuid.uuid4())
        self._factory = GraphFactory(settings)
        self._cloud = settings.cloud("Simulated")
        cloud.register(self.tenant_id, self._client_id, secret=SECRET, permissions=permissions)
        truth = self.truth()
        self.users = [UserId(user_id) for user_id in truth["users"]]
        self.skus = {part: SkuId(sku) for part, sku in truth["part_numbers"].items()}

    def open(self) -> GraphClient:
        """A client for the tenant."""
        return self._factory(
            self._cloud,
            TenantId(self.tenant_id),
            ClientId(self._client_id),
            ClientSecretMaterial(SECRET),
        )

    def truth(self) -> Any:
        """What the tenant is."""
        return self.cloud.truth(self.tenant_id, users=True)

    def holds(self, user_id: UserId, part_number: str) -> bool:
        """Whether a user has a seat."""
        return self.skus[part_number] in self.truth()["users"][user_id]["seats"]

    def fault(self, match: str, **values: Any) -> None:
        """Lets single requests of batches fail."""
        self.cloud.fault(values.pop("kind", "status"), match=match, tenant=self.tenant_id, **values)


async def test_licenses_of_twenty_users_are_removed_in_one_batch(
    cloud: Control, settings: Settings
):
    tenant = Tenant(cloud, settings)
    e3 = tenant.skus["SPE_E3"]
    chosen = tenant.users[:20]
    async with tenant.open() as graph:
        answers = await change_licenses(graph, [LicenseChange(u, remove=(e3,)) for u in chosen])
        requests = graph.counts.requests
    assert [answer.outcome for answer in answers] == ["done"] * 20
    assert requests == 1
    assert tenant.truth()["consumed"][e3] == 5
    assert not any(tenant.holds(user_id, "SPE_E3") for user_id in chosen)


async def test_more_than_twenty_are_not_sent(cloud: Control, settings: Settings):
    tenant = Tenant(cloud, settings)
    async with tenant.open() as graph:
        with pytest.raises(ValueError, match="20"):
            await change_licenses(graph, [LicenseChange(u) for u in tenant.users[:21]])


async def test_what_was_removed_is_assigned_again_with_its_disabled_plans(
    cloud: Control, settings: Settings
):
    tenant = Tenant(cloud, settings)
    (user_id, e3) = (tenant.users[0], tenant.skus["SPE_E3"])
    async with tenant.open() as graph:
        await change_licenses(graph, [LicenseChange(user_id, remove=(e3,))])
        (back,) = await change_licenses(graph, [LicenseChange(user_id, add={e3: (PLAN,)})])
        again = (await current_users(graph, [user_id]))[user_id]
    assert back.outcome == "done"
    assert isinstance(again, CurrentUser)
    (held,) = again.user.assigned_licenses or ()
    assert (held.sku_id, held.disabled_plans) == (e3, (PLAN,))


async def test_refusals_are_told_apart_by_their_text(cloud: Control, settings: Settings):
    tenant = Tenant(cloud, settings, skus=[{"part_number": "SPE_E3", "enabled": 25}])
    tenant.cloud.call("sku", tenant_id=tenant.tenant_id, part_number="VISIOCLIENT", enabled=0)
    tenant.cloud.call("sku", tenant_id=tenant.tenant_id, part_number="POWER_BI_PRO", enabled=9)
    group = tenant.cloud.call(
        "group", tenant_id=tenant.tenant_id, name="Analysts", skus=["POWER_BI_PRO"]
    )["group_id"]
    truth = tenant.truth()["part_numbers"]
    visio, power_bi = SkuId(truth["VISIOCLIENT"]), SkuId(truth["POWER_BI_PRO"])
    member, nowhere, plain, dependent, strange = tenant.users[:5]
    tenant.cloud.call(
        "membership", tenant_id=tenant.tenant_id, user_id=member, group_id=group, member=True
    )
    tenant.cloud.call(
        "change-user",
        tenant_id=tenant.tenant_id,
        user_id=nowhere,
        values={"usage_location": None},
    )
    for user_id, message in (
        (dependent, "License assignment failed because service plan A depends on service plan B."),
        (strange, "Something new."),
    ):
        tenant.fault(
            f"{user_id}/assignLicense", status=400, code="Request_BadRequest", message=message
        )
    changes = [
        LicenseChange(member, remove=(power_bi,)),
        LicenseChange(plain, remove=(visio,)),
        LicenseChange(UserId(str(uuid.uuid4())), remove=(visio,)),
        LicenseChange(nowhere, add={power_bi: ()}),
        LicenseChange(tenant.users[6], add={visio: ()}),
        LicenseChange(dependent, remove=(power_bi,)),
        LicenseChange(strange, remove=(power_bi,)),
    ]
    async with tenant.open() as graph:
        answers = await change_licenses(graph, changes)
    assert [answer.outcome for answer in answers] == [
        "inherited",
        "not_held",
        "user_gone",
        "usage_location",
        "no_license_left",
        "dependency",
        "refused",
    ]
    assert all(answer.error is not None and answer.request_id for answer in answers)


async def test_each_throttled_request_waits_for_its_own_time(cloud: Control, settings: Settings):
    tenant = Tenant(cloud, settings)
    soon, late, free = tenant.users[:3]
    tenant.fault(f"/users/{soon}", status=429, retry_after="0.25", times=1)
    tenant.fault(f"/users/{late}", status=429, retry_after=4, times=1)
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async with tenant.open() as graph:
        answers = await batch(
            graph,
            {u: BatchRequest("GET", f"/users/{u}?$select=id") for u in (soon, late, free)},
            permission=USER_READ,
            sleep=sleep,
        )
        counts = graph.counts
    assert {answer.status for answer in answers.values()} == {200}
    assert waits == [0.25, 3.75]
    assert (counts.requests, counts.throttled, counts.retries) == (3, 2, 2)


async def test_a_wait_of_minutes_is_handed_back(cloud: Control, settings: Settings):
    tenant = Tenant(cloud, settings)
    user_id, e3 = tenant.users[0], tenant.skus["SPE_E3"]
    tenant.fault("assignLicense", status=429, retry_after=600)
    async with tenant.open() as graph:
        (answer,) = await change_licenses(graph, [LicenseChange(user_id, remove=(e3,))])
    assert (answer.outcome, answer.retry_after_seconds) == ("throttled", 600)
    assert not answer.uncertain
    assert tenant.holds(user_id, "SPE_E3")


async def test_a_failure_that_leaves_the_change_open_is_uncertain(
    cloud: Control, settings: Settings
):
    tenant = Tenant(cloud, settings)
    first, second = tenant.users[:2]
    e3 = tenant.skus["SPE_E3"]
    tenant.fault(f"{first}/assignLicense", status=504, retry_after=0)
    tenant.fault(f"{second}/assignLicense", status=503, retry_after=0, times=1)
    async with tenant.open() as graph:
        answers = await change_licenses(
            graph, [LicenseChange(u, remove=(e3,)) for u in (first, second)]
        )
    assert [(a.outcome, a.uncertain) for a in answers] == [("uncertain", True), ("done", True)]


async def test_a_batch_whose_answer_is_lost_raises_though_it_was_done(
    cloud: Control, settings: Settings
):
    tenant = Tenant(cloud, settings)
    user_id, e3 = tenant.users[0], tenant.skus["SPE_E3"]
    async with tenant.open() as graph:
        await graph.roles()
        tenant.fault(r"\$batch", kind="truncated", times=1)
        with pytest.raises(GraphUnreachable):
            await change_licenses(graph, [LicenseChange(user_id, remove=(e3,))])
        assert not tenant.holds(user_id, "SPE_E3")
        (again,) = await change_licenses(graph, [LicenseChange(user_id, remove=(e3,))])
    assert again.outcome == "not_held"


async def test_users_are_read_with_state_licenses_and_sign_in(cloud: Control, settings: Settings):
    tenant = Tenant(cloud, settings)
    known, never = tenant.users[:2]
    gone = UserId(str(uuid.uuid4()))
    for user_id, values in (
        (known, {"last_sign_in": "2026-05-04T03:02:01Z", "enabled": False}),
        (never, {"last_sign_in": None}),
    ):
        tenant.cloud.call("change-user", tenant_id=tenant.tenant_id, user_id=user_id, values=values)
    async with tenant.open() as graph:
        found = await current_users(graph, [known, never, gone])
    one, other = found[known], found[never]
    assert isinstance(one, CurrentUser)
    assert isinstance(other, CurrentUser)
    assert one.user.account_enabled is False
    assert one.last_sign_in is not None
    assert one.last_sign_in.isoformat() == "2026-05-04T03:02:01+00:00"
    assert (other.sign_ins_known, other.last_sign_in) == (True, None)
    assert found[gone] is None


@pytest.mark.parametrize(
    ("permissions", "premium"),
    [((*IMPORT_PERMISSIONS, WRITE), True), ((*IMPORT_PERMISSIONS, WRITE, SIGN_INS), False)],
)
async def test_without_the_right_to_sign_ins_they_are_unknown_and_not_never(
    cloud: Control, settings: Settings, permissions: Sequence[str], premium: bool
):
    tenant = Tenant(cloud, settings, permissions, premium=premium)
    user_id = tenant.users[0]
    async with tenant.open() as graph:
        found = (await current_users(graph, [user_id]))[user_id]
    assert isinstance(found, CurrentUser)
    assert (found.sign_ins_known, found.last_sign_in) == (False, None)
    assert found.user.assigned_licenses


async def test_sign_ins_that_are_refused_now_and_then_are_asked_for_again(
    cloud: Control, settings: Settings
):
    tenant = Tenant(cloud, settings)
    users = tenant.users[:3]
    tenant.fault(
        f"/users/{users[1]}.*signInActivity",
        status=403,
        code="Authentication_RequestFromNonPremiumTenantOrB2CTenant",
        times=1,
    )
    async with tenant.open() as graph:
        found = await current_users(graph, users)
        assert graph.counts.requests == 2
    known = [user.sign_ins_known for user in found.values() if isinstance(user, CurrentUser)]
    assert known == [True] * 3


async def test_a_user_that_cannot_be_read_is_an_error_of_its_own(
    cloud: Control, settings: Settings
):
    tenant = Tenant(cloud, settings)
    broken, whole = tenant.users[:2]
    tenant.fault(f"/users/{broken}", status=500)
    async with tenant.open() as graph:
        found = await current_users(graph, [broken, whole])
    assert isinstance(found[broken], GraphError)
    assert isinstance(found[whole], CurrentUser)


async def test_the_members_of_a_group_are_read_or_the_group_is_refused(
    cloud: Control, settings: Settings
):
    tenant = Tenant(cloud, settings, groups=[{"name": "VIP", "skus": [], "share": 0.4}])
    group_id = GroupId(tenant.truth()["groups"]["VIP"])
    async with tenant.open() as graph:
        members = await member_ids(graph, group_id)
        with pytest.raises(InvalidInput, match="does not exist"):
            await member_ids(graph, GroupId(str(uuid.uuid4())))
    assert 0 < len(members) < 25
    assert members < set(tenant.users)
    blind = Tenant(cloud, settings, ["User.Read.All"])
    async with blind.open() as graph:
        with pytest.raises(PermissionMissing):
            await member_ids(graph, group_id)
