"""Previews that are handed over in between end as undisturbed ones do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

import composition
from composition import Ledger
from devhost.stack import Stack
from identifiers import ReclamationId
from monitor.run import FINISHED
from reclamation.messages import ReclamationMessage
from reclamation.model import Exclusions, Item, Reclamation, Rule
from reclamation.service import PreviewRequest, start_preview
from reclamation.worker import work_off
from settings import Settings
from simulator.control import Control
from tests.contract.test_reclamation_worker import Tenant


@pytest.fixture
async def ledger(settings: Settings) -> AsyncIterator[Ledger]:
    """A ledger on the running parts."""
    opened = composition.build(settings)
    yield opened
    await opened.close()


@pytest.fixture
async def hurried(settings: Settings) -> AsyncIterator[Ledger]:
    """A ledger whose time budget is spent whenever it is looked at."""
    opened = composition.build(msgspec.structs.replace(settings, import_time_budget_seconds=-1))
    yield opened
    await opened.close()


async def items(ledger: Ledger, reclamation_id: ReclamationId) -> list[Item]:
    """The items of a reclamation."""
    return [item async for item in ledger.reclamations.items(reclamation_id, ())]


def told(reclamation: Reclamation) -> tuple[object, ...]:
    """What a preview says."""
    return (
        reclamation.state,
        reclamation.account,
        reclamation.savings,
        reclamation.unpriced,
        reclamation.unknown_activity,
        reclamation.previewed_until,
    )


async def test_a_preview_out_of_time_goes_on_where_it_stopped(
    ledger: Ledger, hurried: Ledger, parts: Stack
):
    cloud = Control(parts.simulator_url, parts.control_key, parts.ca_bundle)
    tenant = Tenant(ledger, cloud, users=400, blocked=0.5)
    await tenant.import_it()
    whole = await tenant.previewed()
    expected = await items(ledger, whole)
    assert len(expected) > 100
    request = PreviewRequest(tenant.portal_id, None, Rule(blocked=True), Exclusions())
    started, run = await start_preview(ledger, request, requested_by="Ada")
    attempts = 0
    while (await ledger.runs.get(run.run_id)).state not in FINISHED:
        attempts += 1
        assert attempts < 50
        message = ReclamationMessage(started.reclamation_id, run.run_id, "preview", attempts)
        if attempts == 3:
            # a worker that died after writing, and before saying so
            under_way = await ledger.reclamations.get(started.reclamation_id)
            assert under_way.previewed_until is not None
            beyond = [item for item in expected if item.user_id > under_way.previewed_until]
            stray = msgspec.structs.replace(beyond[0], sku_id=tenant.portal_id)
            await ledger.reclamations.add_items(started.reclamation_id, [stray])
        await work_off(hurried, message, worker="test")
    assert attempts > 3
    assert (await ledger.runs.get(run.run_id)).state == "Succeeded"
    assert await items(ledger, started.reclamation_id) == expected
    ended = await ledger.reclamations.get(started.reclamation_id)
    assert told(ended) == told(await ledger.reclamations.get(whole))
