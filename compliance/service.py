"""Recalculates compliance: reads one portal, computes, writes; and starts recalculations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

import msgspec

import imports.service
from compliance.messages import QUEUE, RecalculationMessage
from compliance.model import ConsumerCounts, Position, Reason, Status
from compliance.position import Circumstances, position
from compliance.subject import subject
from errors import Conflict, NotFound
from identifiers import PortalId
from ledger.service import forget_deleted_portal
from monitor.parents import parent_run
from monitor.queueing import sent_or_failed
from monitor.recorder import RunRecorder
from monitor.run import FINISHED, Run, RunError, State, Trigger, new_parent, new_run
from spend.model import is_managed
from spend.recalculation import recalculate_spend
from telemetry.signals import count, gauge
from usage.figures import figures_due

if TYPE_CHECKING:
    from datetime import datetime

    from composition import Ledger


WAIT_SECONDS = 5
MAX_WAITS = 720


async def recalculate_portal(ledger: Ledger, portal_id: PortalId) -> Sequence[Position]:
    """Computes and stores the position of every license of the portal; returns them.

    Raises NotFound for a portal that never existed.
    """
    portal = await subject(ledger, portal_id)
    licenses = await ledger.licenses.list_licenses(portal_id)
    counts = await ledger.consumers.counts(portal_id)
    summary = await ledger.sync_state.summary(portal_id)
    contracts = await ledger.contracts.of_portal(portal_id)
    previous = {known.sku_id: known for known in await ledger.positions.list(portal_id)}
    # an exclusion that was lifted is cured by the next import, not before
    excluded = portal.exclusions.union(summary.excluded if summary else ())
    now = ledger.clock()
    settings = ledger.settings
    positions = [
        position(
            license_,
            counts.get(license_.sku_id, ConsumerCounts()),
            Circumstances(
                portal_name=portal.name,
                portal_state=portal.state,
                excluded=license_.sku_id in excluded,
                imported_at=summary.completed_at if summary else None,
                deleted_user_units=summary.deleted_user_units.get(license_.sku_id, 0)
                if summary
                else 0,
                over_licensed_tolerance=settings.over_licensed_tolerance,
                expiry_warning_days=settings.expiry_warning_days,
                now=now,
                managed=is_managed(contracts.get(license_.sku_id)),
            ),
            previous.get(license_.sku_id),
        )
        for license_ in licenses
    ]
    await ledger.positions.upsert(positions, day=now.date())
    return positions


async def recalculate(ledger: Ledger, message: RecalculationMessage) -> None:
    """Recalculates the portal of a message and ends its run.

    While the portal is being imported, its contacts are half old and half new;
    the message waits then. If the import that came first failed, positions are
    those of the last good import, and the run says so.
    """
    run = await ledger.runs.get(message.run_id)
    if run.state in FINISHED:
        return
    importing = await ledger.sync_state.current_lease(message.portal_id, ledger.clock())
    if importing is not None and message.attempt < MAX_WAITS:
        count("ledger.lease_waits", portal_id=message.portal_id)
        waiting = msgspec.structs.replace(message, attempt=message.attempt + 1)
        await ledger.queue.send(QUEUE, msgspec.json.encode(waiting), delay_seconds=WAIT_SECONDS)
        return
    recorder = RunRecorder(ledger.runs, run, ledger.clock)
    async with recorder.at_work():
        await _recalculate(ledger, message, recorder)


async def _recalculate(
    ledger: Ledger, message: RecalculationMessage, recorder: RunRecorder
) -> None:
    await recorder.start()
    try:
        positions = await recalculate_portal(ledger, message.portal_id)
        figures = await figures_due(ledger, message.portal_id)
        also = figures.add if figures is not None else None
        wasted = await recalculate_spend(ledger, message.portal_id, positions, also=also)
        if figures is not None:
            await figures.save()
    except NotFound as unknown:
        await recorder.fail(unknown)
        return
    under_licensed = sum(p.managed and p.status == "under_licensed" for p in positions)
    if not positions:
        # of a portal deleted during its first import, when that brought nothing
        await forget_deleted_portal(ledger, message.portal_id)
    gauge("ledger.under_licensed", under_licensed)
    recorder.set_count("licenses", len(positions))
    recorder.set_count("wasted_seats", wasted)
    for status, number in Counter(p.status for p in positions).items():
        recorder.set_count(status, number)
    state, error = await _outcome_of_import(ledger, message, recorder)
    await recorder.finish(state, error)


async def _outcome_of_import(
    ledger: Ledger, message: RecalculationMessage, recorder: RunRecorder
) -> tuple[State, RunError | None]:
    if message.import_run_id is None:
        return "Succeeded", None
    imported = await ledger.runs.get(message.import_run_id)
    if imported.state == "Succeeded":
        return "Succeeded", None
    if imported.state == "PartiallySucceeded":
        why = f" {imported.error.message}" if imported.error is not None else ""
        recorder.log("warning", f"The import before it succeeded in part.{why}")
    else:
        recorder.log(
            "warning", "The import before it failed; positions follow the last good import."
        )
    return "PartiallySucceeded", imported.error


async def start_recalculation(
    ledger: Ledger,
    portal_ids: Sequence[PortalId] | None,
    trigger: Trigger,
    *,
    requested_by: str | None = None,
) -> Run:
    """Queues the recalculation of the portals, or of all, under one parent run.

    A manual one imports afresh first, where the portal can be imported.
    Raises NotFound before anything is queued.
    """
    if portal_ids is None:
        present = [(portal.portal_id, portal.name) for portal in await ledger.portals.list()]
        deleted = [(d.portal_id, d.name) for d in await ledger.portals.list_deleted()]
        chosen = [*present, *deleted]
    else:
        subjects = [await subject(ledger, portal_id) for portal_id in dict.fromkeys(portal_ids)]
        chosen = [(portal.portal_id, portal.name) for portal in subjects]
    parent = new_parent("recalculation", trigger, len(chosen), ledger.clock(), requested_by)
    async with parent_run(ledger.runs, parent, ledger.clock) as queued:
        for portal_id, name in chosen:
            run = _child(ledger, parent, portal_id, name)
            await ledger.runs.create(run)
            if trigger != "manual" or not await _import_first(ledger, run):
                message = RecalculationMessage(portal_id, run.run_id)
                async with sent_or_failed(ledger, run):
                    await ledger.queue.send(QUEUE, msgspec.json.encode(message))
            queued.append(run.run_id)
    return parent


def _child(ledger: Ledger, parent: Run, portal_id: PortalId, name: str) -> Run:
    return new_run(
        "recalculation",
        parent.trigger,
        ledger.clock(),
        portal_id=portal_id,
        portal_name=name,
        parent_run_id=parent.run_id,
        requested_by=parent.requested_by,
    )


async def _import_first(ledger: Ledger, run: Run) -> bool:
    if run.portal_id is None:
        return False
    try:
        async with sent_or_failed(ledger, run, unless=(NotFound, Conflict)):
            await imports.service.start_import(
                ledger,
                run.portal_id,
                "manual",
                parent_run_id=run.run_id,
                then_recalculate=run.run_id,
                requested_by=run.requested_by,
            )
    except (NotFound, Conflict):
        # deleted or disabled: nothing to import, but still to be recalculated
        return False
    return True


class Summary(msgspec.Struct, frozen=True):
    """The positions of all portals at a glance; units are licenses.

    `unmanaged` licenses are in no other figure.
    """

    licenses: int
    unmanaged: int
    statuses: dict[Status, int]
    reasons: dict[Reason, int]
    portals: int
    entitled: int
    consumed: int
    shortfall: int
    spare: int
    calculated_at: datetime | None


async def summary(ledger: Ledger) -> Summary:
    """Sums up all positions.

    `shortfall` and `spare` add up what is missing and what is left over;
    licenses that cannot be synchronized or calculated count in `statuses` only.
    """
    statuses: Counter[Status] = Counter()
    reasons: Counter[Reason] = Counter()
    portals: set[PortalId] = set()
    entitled = consumed = shortfall = spare = 0
    calculated_at: datetime | None = None
    unmanaged = 0
    async for row in ledger.positions.summary_rows():
        if not row.managed:
            unmanaged += 1
            continue
        statuses[row.status] += 1
        if row.reason is not None:
            reasons[row.reason] += 1
        portals.add(row.portal_id)
        if calculated_at is None or row.calculated_at > calculated_at:
            calculated_at = row.calculated_at
        if row.status in ("cannot_be_synchronized", "not_calculable"):
            continue
        entitled += row.entitled
        consumed += row.consumed
        shortfall += max(0, -row.available)
        spare += max(0, row.available)
    return Summary(
        licenses=statuses.total(),
        unmanaged=unmanaged,
        statuses={status: statuses[status] for status in get_args(Status)},
        reasons={reason: reasons[reason] for reason in get_args(Reason)},
        portals=len(portals),
        entitled=entitled,
        consumed=consumed,
        shortfall=shortfall,
        spare=spare,
        calculated_at=calculated_at,
    )
