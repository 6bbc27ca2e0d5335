"""Tests the connection of a portal, as a run, or of settings that are not saved."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from errors import LedgerError
from graph.permissions import GraphTask
from identifiers import ClientId, PortalId, TenantId
from monitor.recorder import RunRecorder, run_error
from monitor.run import Run, new_run
from portals.certificates import Material
from portals.connection_test import CHECKS, Check, Tell, tasks_of, test_connection
from portals.entered import PortalInput, read_credential
from portals.model import ConnectionTest, Portal, TestStep

if TYPE_CHECKING:
    from composition import Ledger


async def test_portal(ledger: Ledger, portal_id: PortalId) -> ConnectionTest:
    """Tests a saved portal, and keeps the outcome on it and as a run.

    While it goes on, the portal shows the steps so far.
    """
    portal = await ledger.portals.get(portal_id)
    run = new_run(
        "connection_test",
        "manual",
        ledger.clock(),
        portal_id=portal_id,
        portal_name=portal.name,
    )
    await ledger.runs.create(run)
    recorder = RunRecorder(ledger.runs, run, ledger.clock)
    try:
        async with recorder.at_work():
            return await _test(ledger, portal, recorder)
    except BaseException as error:
        known = error if isinstance(error, LedgerError) else _interrupted()
        # what it ended by is told, even if storage takes no more
        with suppress(LedgerError):
            await recorder.fail(known)
            await ledger.portals.record_test(portal, _failed_test(known, recorder.run))
        raise


async def _test(ledger: Ledger, portal: Portal, recorder: RunRecorder) -> ConnectionTest:
    run_id = recorder.run.run_id

    async def tell(steps: tuple[TestStep, ...]) -> None:
        # the outcome does not hang on its progress having been shown
        with suppress(LedgerError):
            under_way = ConnectionTest("queued", steps=steps, run_id=run_id)
            await ledger.portals.record_test(portal, under_way)

    await ledger.portals.record_test(portal, ConnectionTest("queued", run_id=run_id))
    await recorder.start()
    test = await _tested(
        ledger,
        portal.cloud,
        portal.tenant_id,
        portal.client_id,
        lambda: ledger.credentials.read(portal.credential),
        tasks_of(portal),
        tell=tell,
    )
    test = msgspec.structs.replace(test, run_id=run_id)
    await ledger.portals.record_test(portal, test)
    for step in test.steps:
        level = {"failed": "error", "warning": "warning"}.get(step.state, "info")
        recorder.log(level, f"{step.name}: {step.message}")  # type: ignore[arg-type]
    failed = next((step for step in test.steps if step.state == "failed"), None)
    error = (
        run_error(LedgerError(failed.message, remedy=failed.remedy or "", code=failed.code))
        if failed
        else None
    )
    await recorder.finish("Failed" if failed else "Succeeded", error)
    return test


def _interrupted() -> LedgerError:
    return LedgerError(
        "The test ended unexpectedly.",
        remedy="Test again; if it persists, look up the run in Application Insights.",
    )


def _failed_test(error: LedgerError, run: Run) -> ConnectionTest:
    step = TestStep("test", "failed", error.message, code=error.code, remedy=error.remedy)
    return ConnectionTest("failed", run.finished_at, (step,), run.run_id)


async def test_settings(
    ledger: Ledger, entered: PortalInput, check: Check | None
) -> ConnectionTest:
    """Tests settings that are not saved, or one check of them; nothing is kept."""
    material = read_credential(entered.credential, now=ledger.clock())

    async def given() -> Material:
        return material

    return await _tested(
        ledger,
        entered.cloud,
        entered.tenant_id,
        entered.client_id,
        given,
        tasks_of(entered),
        checks=CHECKS if check is None else (check,),
    )


async def _tested(
    ledger: Ledger,
    cloud: str,
    tenant_id: TenantId,
    client_id: ClientId,
    read_material: Callable[[], Awaitable[Material]],
    tasks: Collection[GraphTask],
    *,
    checks: Collection[Check] = CHECKS,
    tell: Tell | None = None,
) -> ConnectionTest:
    steps = await test_connection(
        ledger.graph,
        ledger.settings.cloud(cloud),
        tenant_id,
        client_id,
        read_material,
        tasks,
        checks,
        tell,
    )
    return ConnectionTest(
        "passed" if steps.passed else "failed", ledger.clock(), tuple(steps.steps)
    )
