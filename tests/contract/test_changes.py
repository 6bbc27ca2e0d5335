"""Following changes and reading all users leave the same contacts, whatever happened in between."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import composition
from composition import Ledger
from identifiers import ClientId, PortalId, SkuId, TenantId
from imports import service
from imports.messages import ImportMessage
from imports.model import Contact
from monitor.run import Run
from portals.certificates import ClientSecretMaterial
from portals.model import Portal
from settings import Settings
from simulator.control import Control
from tests.builders import make_portal, make_run

SECRET = "a-client-secret-of-some-length"
PARTS = ("SPE_E3", "POWER_BI_PRO", "VISIOCLIENT")


@pytest.fixture
async def ledger(settings: Settings) -> AsyncIterator[Ledger]:
    """A ledger that follows changes in tenants of any size."""
    opened = composition.build(msgspec.structs.replace(settings, delta_minimum_contacts=1))
    yield opened
    await opened.close()


class Connected:
    """A tenant, and the portals that import it."""

    def __init__(self, ledger: Ledger, cloud: Control, **spec: Any) -> None:
        self.ledger = ledger
        self.cloud = cloud
        self.tenant_id = TenantId(cloud.create_tenant(**spec))
        self.client_id = ClientId(str(uuid.uuid4()))
        cloud.register(self.tenant_id, self.client_id, secret=SECRET)

    async def portal(self, *exclusions: SkuId) -> Portal:
        """A new portal of the tenant."""
        portal = make_portal(
            portal_id=PortalId(str(uuid.uuid4())),
            name=f"Portal {uuid.uuid4()}",
            tenant_id=self.tenant_id,
            client_id=self.client_id,
            cloud="Simulated",
            exclusions=frozenset(exclusions),
        )
        material = ClientSecretMaterial(SECRET)
        credential = await self.ledger.credentials.store(portal.portal_id, material)
        return await self.ledger.portals.create(
            msgspec.structs.replace(portal, credential=credential)
        )

    async def imported(self, portal: Portal, trigger: str = "timer", **message: Any) -> Run:
        """Imports the portal; returns the run as it ended."""
        run = make_run(self.ledger.clock(), portal_id=portal.portal_id, trigger=trigger)
        await self.ledger.runs.create(run)
        await service.import_portal(
            self.ledger, ImportMessage(portal.portal_id, run.run_id, **message), worker="test"
        )
        ended = await self.ledger.runs.get(run.run_id)
        assert ended.state == "Succeeded", ended.error
        return ended

    def happens(self, action: str, **values: Any) -> Any:
        """Something happens in the tenant."""
        return self.cloud.call(action, tenant_id=self.tenant_id, **values)

    async def contacts(self, portal: Portal) -> list[Contact]:
        """All contacts of the portal, read in pages."""
        found: list[Contact] = []
        continuation = None
        while True:
            page = await self.ledger.contacts.list_page(
                [portal.portal_id], top=7, continuation=continuation
            )
            found += [contact for _, contact in page.items]
            continuation = page.continuation
            if continuation is None:
                return found

    async def consumers(self, portal: Portal, sku_id: SkuId) -> list[str]:
        """The consumers of a license, read in pages."""
        found: list[str] = []
        continuation = None
        while True:
            page = await self.ledger.consumers.list_page(
                portal.portal_id, sku_id, top=7, continuation=continuation
            )
            found += [consumer.user_id for consumer in page.items]
            continuation = page.continuation
            if continuation is None:
                return found


def followed(run: Run) -> bool:
    """Whether the import followed changes instead of reading all users."""
    return any("users changed since the last import" in line.text for line in run.log)


def without_paths(contact: Contact) -> Contact:
    """The contact without what delta queries do not track."""
    held = tuple(
        msgspec.structs.replace(assignment, paths=())
        for assignment in contact.assignments
        if assignment.held
    )
    return msgspec.structs.replace(contact, assignments=held)


number = st.integers(0, 59)
events = st.lists(
    st.one_of(
        st.tuples(st.just("license"), number, st.sampled_from(PARTS), st.booleans()),
        st.tuples(st.just("name"), number, st.text("abc", min_size=1, max_size=3)),
        st.tuples(st.just("blocked"), number, st.booleans()),
        st.tuples(st.just("delete"), number),
        st.tuples(st.just("restore"), number),
        st.tuples(st.just("purge"), number),
        st.tuples(st.just("create"), st.sampled_from(PARTS)),
        st.tuples(st.just("member"), number, st.booleans()),
        st.tuples(st.just("group"), st.sets(st.sampled_from(PARTS))),
        st.tuples(st.just("expire")),
        st.tuples(st.just("import")),
    ),
    min_size=3,
    max_size=14,
)


class History:
    """Applies events to a tenant; an event that cannot happen does not."""

    def __init__(self, tenant: Connected) -> None:
        self.tenant = tenant
        truth = tenant.cloud.truth(tenant.tenant_id, users=True)
        self.present = sorted(truth["users"])
        self.deleted: list[str] = []
        (self.group,) = truth["groups"].values()

    def apply(self, kind: str, *values: Any) -> None:
        """Lets one event happen."""
        if kind == "create":
            created = self.tenant.happens("user", skus=list(values))
            self.present.append(created["user_id"])
        elif kind == "group":
            self.tenant.happens("group-skus", group_id=self.group, skus=sorted(values[0]))
        elif kind == "expire":
            self.tenant.happens("expire-deltas")
        elif kind in ("restore", "purge"):
            if self.deleted:
                user_id = self.deleted.pop(values[0] % len(self.deleted))
                self.tenant.happens(f"{kind}-user", user_id=user_id)
                self.present += [user_id] if kind == "restore" else []
        else:
            self._change(kind, self.present[values[0] % len(self.present)], *values[1:])

    def _change(self, kind: str, user_id: str, *values: Any) -> None:
        if kind == "license":
            self.tenant.happens(
                "assign", user_id=user_id, part_number=values[0], assigned=values[1]
            )
        elif kind == "name":
            self.tenant.happens("change-user", user_id=user_id, values={"display_name": values[0]})
        elif kind == "blocked":
            self.tenant.happens("change-user", user_id=user_id, values={"enabled": values[0]})
        elif kind == "member":
            self.tenant.happens(
                "membership", user_id=user_id, group_id=self.group, member=values[0]
            )
        elif len(self.present) > 5:
            self.present.remove(user_id)
            self.deleted.append(user_id)
            self.tenant.happens("delete-user", user_id=user_id)


@pytest.mark.timeout(600)
@hypothesis_settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=events, seed=st.integers(1, 5))
async def test_following_changes_ends_where_reading_all_users_ends(
    ledger: Ledger, cloud: Control, history: list[tuple[Any, ...]], seed: int
):
    tenant = Connected(
        ledger,
        cloud,
        users=60,
        seed=seed,
        skus=[{"part_number": part, "enabled": 500} for part in PARTS],
        groups=[{"name": "Analysts", "skus": ["POWER_BI_PRO"], "share": 0.1}],
        rooms=0.05,
        guests=0.1,
    )
    following, reading = await tenant.portal(), await tenant.portal()
    await tenant.imported(following)
    happening = History(tenant)
    for event in history:
        if event[0] == "import":
            await tenant.imported(following)
        else:
            happening.apply(*event)
    await tenant.imported(following)
    await tenant.imported(reading)

    contacts, truth = await tenant.contacts(following), await tenant.contacts(reading)
    assert [without_paths(c) for c in contacts] == [without_paths(c) for c in truth]
    counts = await ledger.consumers.counts(following.portal_id)
    consumed = {sku_id: count.consumed for sku_id, count in counts.items() if count.consumed}
    for sku_id, number_consumed in consumed.items():
        listed = await tenant.consumers(following, sku_id)
        assert listed == await tenant.consumers(reading, sku_id)
        assert len(listed) == number_consumed
    assert consumed == {s: n for s, n in cloud.truth(tenant.tenant_id)["consumed"].items() if n}

    # a full read takes in what was laid over, and what delta queries do not tell
    await tenant.imported(following, "manual")
    assert await tenant.contacts(following) == truth
    assert await ledger.consumers.counts(following.portal_id) == await ledger.consumers.counts(
        reading.portal_id
    )


@pytest.fixture
def tenant(ledger: Ledger, cloud: Control) -> Connected:
    """A tenant of 120 users."""
    return Connected(ledger, cloud, users=120, seed=3)


async def test_an_import_of_an_unchanged_tenant_reads_little_and_writes_no_contact(
    tenant: Connected,
):
    portal = await tenant.portal()
    full = await tenant.imported(portal)
    again = await tenant.imported(portal)
    assert not followed(full)
    assert followed(again)
    assert again.counts["rows_written"] == 0
    assert again.counts["graph_requests"] < full.counts["graph_requests"]


async def test_one_users_change_is_one_row_beside_the_blocks(tenant: Connected):
    portal = await tenant.portal()
    await tenant.imported(portal)
    user_id = sorted(tenant.cloud.truth(tenant.tenant_id, users=True)["users"])[0]
    tenant.happens("change-user", user_id=user_id, values={"display_name": "Ada Lovelace"})
    run = await tenant.imported(portal)
    assert (run.counts["contacts_changed"], run.counts["rows_written"]) == (1, 2)
    contact = await tenant.ledger.contacts.get(portal.portal_id, user_id)
    assert contact.display_name == "Ada Lovelace"


@pytest.mark.parametrize("cause", ["manual", "clean", "old", "expired", "exclusions", "many"])
async def test_all_users_are_read_when_following_changes_is_not_enough(
    tenant: Connected, cause: str
):
    portal = await tenant.portal()
    await tenant.imported(portal)
    ledger = tenant.ledger
    if cause == "old":
        now = ledger.clock() + timedelta(hours=ledger.settings.full_enumeration_hours + 1)
        object.__setattr__(ledger, "clock", lambda: now)
    elif cause == "expired":
        tenant.happens("expire-deltas")
    elif cause == "exclusions":
        sku_id = SkuId(tenant.cloud.truth(tenant.tenant_id)["part_numbers"]["VISIOCLIENT"])
        stored = await ledger.portals.get(portal.portal_id)
        await ledger.portals.update(
            msgspec.structs.replace(stored, exclusions=frozenset({sku_id})), etag=None
        )
    elif cause == "many":
        tenant.happens("drift", changes=80, seed=2, kinds=["name"])
    run = await tenant.imported(
        portal, "manual" if cause == "manual" else "timer", clean=cause == "clean"
    )
    assert not followed(run)
    # and following goes on from there
    following = await tenant.imported(portal)
    assert followed(following)


async def test_a_tenant_that_tells_most_users_gone_is_read_whole_before_anything_is_removed(
    tenant: Connected,
):
    portal = await tenant.portal()
    await tenant.imported(portal)
    for user_id in sorted(tenant.cloud.truth(tenant.tenant_id, users=True)["users"])[:70]:
        tenant.happens("delete-user", user_id=user_id)
    run = make_run(tenant.ledger.clock(), portal_id=portal.portal_id, trigger="timer")
    await tenant.ledger.runs.create(run)
    await service.import_portal(
        tenant.ledger, ImportMessage(portal.portal_id, run.run_id), worker="test"
    )
    ended = await tenant.ledger.runs.get(run.run_id)
    assert ended.state == "PartiallySucceeded"
    assert len(await tenant.contacts(portal)) == 120


async def test_a_change_page_that_fails_changes_nothing_and_is_read_again(tenant: Connected):
    portal = await tenant.portal()
    await tenant.imported(portal)
    user_id = sorted(tenant.cloud.truth(tenant.tenant_id, users=True)["users"])[0]
    tenant.happens("delete-user", user_id=user_id)
    tenant.cloud.fault("truncated", match="/users/delta", tenant=tenant.tenant_id, times=9)
    run = make_run(tenant.ledger.clock(), portal_id=portal.portal_id, trigger="timer")
    await tenant.ledger.runs.create(run)
    await service.import_portal(
        tenant.ledger, ImportMessage(portal.portal_id, run.run_id), worker="test"
    )
    assert (await tenant.ledger.runs.get(run.run_id)).state == "Failed"
    assert len(await tenant.contacts(portal)) == 120
    tenant.cloud.clear_faults()
    run = await tenant.imported(portal)
    assert followed(run)
    assert len(await tenant.contacts(portal)) == 119
