"""Portals on real parts when storage or the deployment fails at the wrong moment."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import msgspec
import pytest

import composition
import portals.service as service
from compliance.messages import RecalculationMessage
from compliance.service import recalculate
from composition import Ledger
from errors import CredentialMissing, InvalidInput, StorageUnavailable
from identifiers import ClientId, TenantId
from portals import testing
from portals.entered import ClientSecretInput, PortalChange, PortalInput
from portals.model import Portal
from settings import Settings
from simulator.control import Control
from tests.builders import make_portal, make_run
from tests.flaky_storage import FlakyStorage

SECRET = "a-client-secret-of-some-length"
OTHER_SECRET = "another-client-secret-of-some-length"


@pytest.fixture
async def flaky(settings: Settings) -> AsyncIterator[FlakyStorage]:
    """Azurite behind a relay that can lose answers."""
    async with FlakyStorage(settings.storage_connection or "") as relay:
        yield relay


@pytest.fixture
async def ledger(settings: Settings, flaky: FlakyStorage) -> AsyncIterator[Ledger]:
    """A ledger whose tables are behind the relay."""
    opened = composition.build(
        msgspec.structs.replace(
            settings, storage_connection=flaky.connection_string, storage_timeout_seconds=1
        )
    )
    await opened.portals.list()
    yield opened
    await opened.close()


def entered(cloud: Control) -> PortalInput:
    """A new tenant's portal, as an admin enters it."""
    tenant_id, client_id = cloud.create_tenant(users=1), str(uuid.uuid4())
    cloud.register(tenant_id, client_id, secret=SECRET)
    return PortalInput(
        name=f"Portal {tenant_id}",
        description="",
        tenant_id=TenantId(tenant_id),
        client_id=ClientId(client_id),
        cloud="Simulated",
        credential=ClientSecretInput(SECRET, None, None),
        exclusions=frozenset(),
        enabled=True,
    )


async def found(ledger: Ledger, name: str) -> Portal:
    """The stored portal of that name."""
    return next(portal for portal in await ledger.portals.list() if portal.name == name)


async def test_a_portal_that_may_have_been_stored_keeps_its_credential(
    ledger: Ledger, cloud: Control, flaky: FlakyStorage
):
    wanted = entered(cloud)
    flaky.lose(1, containing="$batch", then_silent=True)
    with pytest.raises(StorageUnavailable):
        await service.create_portal(ledger, wanted)
    flaky.silent = False
    portal = await found(ledger, wanted.name)
    assert (await testing.test_portal(ledger, portal.portal_id)).state == "passed"
    flaky.lose(1, containing="$batch", then_silent=True)
    renewed = PortalChange(credential=ClientSecretInput(OTHER_SECRET, None, None))
    with pytest.raises(StorageUnavailable):
        await service.update_portal(ledger, portal.portal_id, renewed, if_match=None)
    flaky.silent = False
    portal = await found(ledger, wanted.name)
    assert (await ledger.credentials.read(portal.credential)).secrets() == (OTHER_SECRET,)


async def test_a_portal_whose_answer_got_lost_is_created_and_renewed(
    ledger: Ledger, cloud: Control, flaky: FlakyStorage
):
    flaky.lose(1, containing="$batch")
    portal = await service.create_portal(ledger, entered(cloud))
    flaky.lose(1, containing="$batch")
    renewed = PortalChange(credential=ClientSecretInput(OTHER_SECRET, None, None), name="Renewed")
    portal = await service.update_portal(ledger, portal.portal_id, renewed, if_match=portal.etag)
    assert (await ledger.credentials.read(portal.credential)).secrets() == (OTHER_SECRET,)
    assert flaky.lost == 2


async def test_a_test_that_cannot_be_made_ends_its_run_and_says_so_on_the_portal(
    ledger: Ledger, cloud: Control
):
    portal = await ledger.portals.create(make_portal(cloud="Withdrawn"))
    with pytest.raises(InvalidInput):
        await testing.test_portal(ledger, portal.portal_id)
    page = await ledger.runs.list_page(
        now=ledger.clock(), top=5, continuation=None, portal_id=portal.portal_id
    )
    (run,) = page.items
    assert run.state == "Failed"
    assert run.error is not None
    assert "Withdrawn" in run.error.message
    tested = (await ledger.portals.get(portal.portal_id)).last_test
    assert (tested.state, tested.run_id) == ("failed", run.run_id)


async def test_a_tombstone_of_nothing_goes_with_the_next_recalculation(ledger: Ledger):
    portal = await ledger.portals.create(make_portal())
    await ledger.portals.delete(portal.portal_id, etag=None, deleted_at=ledger.clock())
    run = make_run(ledger.clock(), task="recalculation", portal_id=portal.portal_id)
    await ledger.runs.create(run)
    await recalculate(ledger, RecalculationMessage(portal.portal_id, run.run_id))
    assert (await ledger.runs.get(run.run_id)).state == "Succeeded"
    assert portal.portal_id not in {gone.portal_id for gone in await ledger.portals.list_deleted()}


async def test_a_vault_that_speaks_for_another_domain_is_no_vault(settings: Settings):
    ledger = composition.build(msgspec.structs.replace(settings, key_vault_verify_challenge=True))
    with pytest.raises(CredentialMissing) as refused:
        await ledger.credentials.read(make_portal().credential)
    assert "another domain" in refused.value.message
    await ledger.close()
