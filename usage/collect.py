"""Reads what a portal's tasks want from Graph, and sorts it by user, in flat memory.

Reports name users by their user principal names, sign-ins and devices by IDs.
Everything is sorted through temporary files: rows of reports by a hash of the
name, and once the contacts have told the IDs of the names, all of it by ID.
What was read is kept in the run's journal too, from which another worker goes
on.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import tempfile
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Iterator,
    Sequence,
)
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from concurrency import run_all
from errors import GraphError, PermissionMissing
from graph.devices import (
    detected_app_pages,
    directory_device_pages,
    managed_device_pages,
    pages_of_devices_with,
)
from graph.refusals import lacked_by
from graph.reports import copilot_rows, download_report, names_concealed, read_rows
from graph.sign_ins import lacks_premium, sign_in_pages
from identifiers import UserId, canonical_guid
from monitor.handover import OutOfTime
from usage.families import family_of_app
from usage.journal import Found, Journal
from usage.merge import merged_device, merged_usage
from usage.model import (
    ACTIVATIONS,
    ACTIVE_USERS,
    APP_USAGE,
    COPILOT_USAGE,
    EMAIL_ACTIVITY,
    EMAIL_APPS,
    MAILBOX_USAGE,
    ONEDRIVE_USAGE,
    Device,
    InstalledApp,
    ReportPeriod,
    Usage,
    UsageTask,
    UserDevice,
)
from usage.partitions import Partitions

if TYPE_CHECKING:
    from graph.client import GraphClient
    from graph.devices import DirectoryDevice, ManagedDevice
    from graph.reports import ReportRow
    from monitor.recorder import RunRecorder

REPORTS_OF_TASK: dict[UsageTask, tuple[str, ...]] = {
    "roster": (ACTIVATIONS, APP_USAGE, ONEDRIVE_USAGE, MAILBOX_USAGE),
    "access": (ACTIVE_USERS, EMAIL_ACTIVITY, EMAIL_APPS, APP_USAGE),
}
_NAME_PARTITIONS = 128
# By the first byte of an ID, so that partitions follow one another as IDs do.
_ID_PARTITIONS = 256
_PREMIUM_RETRY_SECONDS = 2.0
_ROWS_AT_ONCE = 5_000
# Joining and writing are not handed over, and want the rest of the time for themselves.
_SHARE_FOR_READING = 0.5
_REPORTS = tuple(
    dict.fromkeys((*REPORTS_OF_TASK["roster"], *REPORTS_OF_TASK["access"], COPILOT_USAGE))
)
_SIGN_INS = "sign_ins"
_MANAGED, _APPS, _DIRECTORY = "managed_devices", "detected_apps", "directory_devices"


class _Named(msgspec.Struct, frozen=True, array_like=True):
    name: bytes
    user_id: UserId


class _NamedUsage(msgspec.Struct, frozen=True, array_like=True):
    name: bytes
    usage: Usage


class Collector:
    """One run's reading of one tenant; a context manager, since it leaves files behind."""

    def __init__(
        self,
        graph: GraphClient,
        period: ReportPeriod,
        recorder: RunRecorder,
        journal: Journal,
        *,
        nameless: bool,
    ) -> None:
        self._graph = graph
        self._period = period
        self._recorder = recorder
        self._journal = journal
        # devices are often named after those who use them
        self._nameless = nameless
        self._folder = tempfile.TemporaryDirectory(prefix="ledger365-usage-")
        root = Path(self._folder.name)
        self._rows = Partitions(root / "rows", _NAME_PARTITIONS, _NamedUsage)
        self._names = Partitions(root / "names", _NAME_PARTITIONS, _Named)
        self._users = Partitions(root / "users", _ID_PARTITIONS, Usage)
        self._devices = Partitions(root / "devices", _ID_PARTITIONS, Device)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._folder.cleanup()

    @property
    def found(self) -> Found:
        """How far the reading got."""
        return self._journal.found

    async def read(self, tasks: Collection[UsageTask]) -> None:
        """Reads what the tasks want, side by side, or what an earlier worker left of it.

        A task whose permission is missing is noted as unavailable. Raises
        OutOfTime when another worker is to go on, and GraphError on any other
        failure.
        """
        await self._take_up()
        settled = {*self.found.tasks, *self.found.unavailable}
        reading: list[Coroutine[Any, Any, None]] = []
        of_reports = [t for t in REPORTS_OF_TASK if t in tasks and t not in settled]
        if of_reports and not self.found.concealed:
            reading.append(self._read_reports(of_reports))
        if "sign_ins" in tasks and "sign_ins" not in settled:
            reading.append(self._attempt("sign_ins", self._read_sign_ins))
        if "devices" in tasks and "devices" not in settled:
            reading.append(self._attempt("devices", self._read_devices))
        in_time = await run_all(map(_to_its_end, reading), at_once=len(reading) or 1)
        if not all(in_time):
            raise OutOfTime
        await self._journal.pause(share=_SHARE_FOR_READING)

    async def _take_up(self) -> None:
        if not await self._journal.resume():
            return
        if self.found.concealed:
            self._forget_reports()
        taken = 0
        async for step, records in self._journal.kept():
            taken += len(records)
            if step == _SIGN_INS:
                for record in records:
                    usage = _usage_decoder.decode(record)
                    self._users.add(_id_partition(usage.user_id), usage)
            elif step in _REPORTS:
                for record in records:
                    row = _row_decoder.decode(record)
                    self._rows.add(_name_partition(row.name), row)
            else:
                for record in records:
                    device = _device_decoder.decode(record)
                    self._devices.add(_id_partition(device.device_id), device)
        self._recorder.log("info", f"Resumed with {taken} records, from the last checkpoint.")

    async def join(self, users: AsyncIterator[Sequence[tuple[str, UserId]]]) -> None:
        """Finds the IDs of the names that reports gave; `users` are names and IDs of everybody."""
        if self.found.refreshed_on:
            async for batch in users:
                for name, user_id in batch:
                    hashed = _hashed(name.casefold())
                    self._names.add(_name_partition(hashed), _Named(hashed, user_id))
        matched = rows = 0
        for partition in range(_NAME_PARTITIONS):
            found, seen = await asyncio.to_thread(self._join_partition, partition)
            matched += found
            rows += seen
        self._recorder.set_count("report_rows", rows)
        self._recorder.set_count("report_rows_without_contact", rows - matched)
        for partition in range(_ID_PARTITIONS):
            for device in self._merged_devices(partition):
                if device.user_id is not None and device.installed:
                    families = tuple(dict.fromkeys(app.family for app in device.installed))
                    shown = UserDevice(device.device_id, device.name, families)
                    self._add_user(Usage(device.user_id, devices=(shown,)))

    async def usages(self) -> AsyncIterator[list[Usage]]:
        """What was found of each user, in the order of IDs."""
        for partition in range(_ID_PARTITIONS):
            yield await asyncio.to_thread(self._merged_usages, partition)

    async def devices(self) -> AsyncIterator[list[Device]]:
        """The tenant's devices, in the order of IDs."""
        for partition in range(_ID_PARTITIONS):
            yield self._merged_devices(partition)

    async def _attempt(self, task: UsageTask, read: Callable[[], Awaitable[None]]) -> None:
        """Runs a task; tries again where Graph denies a license that the tenant may well have."""
        try:
            try:
                await read()
            except GraphError as error:
                if not lacks_premium(error):
                    raise
                await asyncio.sleep(_PREMIUM_RETRY_SECONDS)
                await read()
        except GraphError as error:
            lacked = lacked_by(error, task)
            if lacked is None:
                raise
            self._unavailable(task, lacked)
        else:
            self.found.tasks.append(task)

    def _unavailable(self, task: UsageTask, lacked: str) -> None:
        self.found.unavailable[task] = lacked
        self._recorder.log("warning", f"Task {task} is unavailable: {lacked} is missing.")

    async def _read_reports(self, tasks: list[UsageTask]) -> None:
        wanted = list(dict.fromkeys(report for task in tasks for report in REPORTS_OF_TASK[task]))
        try:
            self.found.concealed = await self._concealed_by_settings()
            for report in wanted:
                if self.found.concealed:
                    break
                await self._read_report(report)
            if "access" in tasks and not self.found.concealed:
                await self._read_copilot()
        except GraphError as error:
            lacked = lacked_by(error, tasks[0])
            if lacked is None:
                raise
            for task in tasks:
                self._unavailable(task, lacked)
            self._forget_reports()
            return
        if self.found.concealed:
            self._forget_reports()
        else:
            self.found.tasks += tasks

    def _forget_reports(self) -> None:
        self._journal.forget([*_REPORTS])
        self._rows.clear()
        self.found.refreshed_on = {}

    async def _concealed_by_settings(self) -> bool:
        try:
            return await names_concealed(self._graph) is True
        except GraphError as error:
            if lacked_by(error, "roster") is None:
                raise
            self._recorder.log(
                "info", f"{error.message} Whether names are hidden is told by the names."
            )
            return False

    async def _read_report(self, report: str) -> None:
        step = self._journal.step(report)
        if step.done:
            return
        with tempfile.TemporaryFile() as file:
            await download_report(self._graph, report, self._period, file)
            rows = read_rows(report, file)
            while some := await asyncio.to_thread(_next_rows, rows):
                step.count += self._keep_rows(report, some)
                if self.found.concealed:
                    return
                await self._journal.make_room()
        self._recorder.log("info", f"{report}: {step.count} rows.")
        await self._journal.reached(report, None)

    def _keep_rows(self, report: str, rows: Sequence[ReportRow]) -> int:
        """Keeps rows until one has a stand-in for a name, which is never stored."""
        for count, row in enumerate(rows):
            if row.concealed:
                self.found.concealed = True
            if self.found.concealed:
                return count
            if row.refreshed_on is not None:
                self.found.refreshed_on[report] = row.refreshed_on
            kept = _NamedUsage(_hashed(row.principal), row.usage)
            self._journal.keep(report, self._rows.add(_name_partition(kept.name), kept))
        return len(rows)

    async def _read_copilot(self) -> None:
        """Reads the use of Copilot; Graph's beta owes nobody an answer, so it may fail."""
        step = self._journal.step(COPILOT_USAGE)
        if step.done:
            return
        try:
            async for page in copilot_rows(self._graph, self._period):
                step.count += self._keep_rows(COPILOT_USAGE, page)
                if self.found.concealed:
                    return
                await self._journal.make_room()
            await self._journal.reached(COPILOT_USAGE, None)
        except GraphError as error:
            self.found.refreshed_on.pop(COPILOT_USAGE, None)
            self._recorder.log("warning", f"The use of Copilot cannot be read: {error.message}")

    async def _read_sign_ins(self) -> None:
        step = self._journal.step(_SIGN_INS)
        self._recorder.set_count("sign_ins_read", step.count)
        if step.done:
            return
        async with aclosing(sign_in_pages(self._graph, resume_from=step.next_link)) as pages:
            async for page in pages:
                for user in page.value:
                    user_id, day = canonical_guid(user.id), user.last_day()
                    if user_id is not None and day is not None:
                        added = self._add_user(Usage(UserId(user_id), last_sign_in=day))
                        self._journal.keep(_SIGN_INS, added)
                step.count += len(page.value)
                self._recorder.set_count("sign_ins_read", step.count)
                await self._journal.reached(_SIGN_INS, page.next_link)

    async def _read_devices(self) -> None:
        await self._read_managed_devices()
        if not self._journal.step(_APPS).done:
            await self._read_installed_apps()
        await self._read_directory_devices()

    async def _read_managed_devices(self) -> None:
        step = self._journal.step(_MANAGED)
        self._recorder.set_count("managed_devices", step.count)
        if step.done:
            return
        async with aclosing(managed_device_pages(self._graph, resume_from=step.next_link)) as pages:
            async for page in pages:
                for device in page.value:
                    self._add_device(_MANAGED, _managed(device))
                step.count += len(page.value)
                self._recorder.set_count("managed_devices", step.count)
                await self._journal.reached(_MANAGED, page.next_link)

    async def _read_installed_apps(self) -> None:
        async for apps in detected_app_pages(self._graph):
            for app in apps.value:
                family = family_of_app(app.display_name or "")
                if family is None:
                    continue
                installed = InstalledApp(family, app.display_name or "", app.version)
                async for page in pages_of_devices_with(self._graph, app.id):
                    for device in page.value:
                        if device.key is not None:
                            self._add_device(
                                _APPS,
                                Device(device.key, managed=True, installed=(installed,)),
                            )
                    await self._journal.make_room()
        await self._journal.reached(_APPS, None)

    async def _read_directory_devices(self) -> None:
        step = self._journal.step(_DIRECTORY)
        self._recorder.set_count("directory_devices", step.count)
        if step.done:
            return
        try:
            async with aclosing(
                directory_device_pages(self._graph, resume_from=step.next_link)
            ) as pages:
                async for page in pages:
                    for device in page.value:
                        self._add_device(_DIRECTORY, _joined(device))
                    step.count += len(page.value)
                    self._recorder.set_count("directory_devices", step.count)
                    await self._journal.reached(_DIRECTORY, page.next_link)
        except PermissionMissing as error:
            self._recorder.log("warning", f"{error.message} Devices are Intune's alone.")

    def _add_user(self, usage: Usage) -> bytes:
        return self._users.add(_id_partition(usage.user_id), usage)

    def _add_device(self, step: str, device: Device | None) -> None:
        if device is None:
            return
        if self._nameless:
            device = msgspec.structs.replace(device, name=None)
        added = self._devices.add(_id_partition(device.device_id), device)
        self._journal.keep(step, added)

    def _join_partition(self, partition: int) -> tuple[int, int]:
        ids = {named.name: named.user_id for named in self._names.read(partition)}
        matched = rows = 0
        for row in self._rows.read(partition):
            rows += 1
            user_id = ids.get(row.name)
            if user_id is not None:
                matched += 1
                self._add_user(msgspec.structs.replace(row.usage, user_id=user_id))
        self._rows.drop(partition)
        self._names.drop(partition)
        return matched, rows

    def _merged_usages(self, partition: int) -> list[Usage]:
        parts: dict[UserId, list[Usage]] = {}
        for usage in self._users.read(partition):
            parts.setdefault(usage.user_id, []).append(usage)
        self._users.drop(partition)
        return [merged_usage(parts[user_id]) for user_id in sorted(parts)]

    def _merged_devices(self, partition: int) -> list[Device]:
        parts: dict[str, list[Device]] = {}
        for device in self._devices.read(partition):
            parts.setdefault(device.device_id, []).append(device)
        return [merged_device(parts[device_id]) for device_id in sorted(parts)]


async def _to_its_end(reading: Coroutine[Any, Any, None]) -> bool:
    """Whether it was in time; what is read beside it comes to where it can be gone on with."""
    try:
        await reading
    except OutOfTime:
        return False
    return True


_usage_decoder = msgspec.msgpack.Decoder(Usage)
_row_decoder = msgspec.msgpack.Decoder(_NamedUsage)
_device_decoder = msgspec.msgpack.Decoder(Device)


def _managed(device: ManagedDevice) -> Device | None:
    """A device as Intune tells of it; None without an ID."""
    if device.key is None:
        return None
    return Device(
        device.key,
        device.device_name,
        UserId(device.user) if device.user is not None else None,
        device.operating_system,
        device.os_version,
        device.compliance_state,
        device.last_sync_date_time,
        managed=True,
    )


def _joined(device: DirectoryDevice) -> Device | None:
    """A device as Entra tells of it; None without an ID."""
    if device.key is None:
        return None
    return Device(
        device.key,
        device.display_name,
        operating_system=device.operating_system,
        os_version=device.operating_system_version,
        last_sync=device.approximate_last_sign_in_date_time,
        joined=True,
        trust_type=device.trust_type,
    )


def _next_rows(rows: Iterator[ReportRow]) -> list[ReportRow]:
    return list(itertools.islice(rows, _ROWS_AT_ONCE))


def _hashed(name: str) -> bytes:
    return hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=16).digest()


def _name_partition(hashed: bytes) -> int:
    return hashed[0] % _NAME_PARTITIONS


def _id_partition(id_: str) -> int:
    return int(id_[:2], 16)
