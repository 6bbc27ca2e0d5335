"""Reads what a portal's tasks want from Graph, and sorts it by user, in flat memory.

Reports name users by their user principal names, sign-ins and devices by IDs.
Everything is sorted through temporary files: rows of reports by name, and
once the contacts have told the IDs of the names, all of it by ID.
"""

from __future__ import annotations

import asyncio
import tempfile
import zlib
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Iterator,
    Sequence,
)
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self

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
from usage.families import family_of_app
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


class Found(msgspec.Struct):
    """How far the reading got: see UsageStatus for the fields."""

    refreshed_on: dict[str, str] = {}
    concealed: bool = False
    tasks: list[UsageTask] = []
    unavailable: dict[UsageTask, str] = {}


class _Named(msgspec.Struct, frozen=True, array_like=True):
    name: str
    user_id: UserId


class _NamedUsage(msgspec.Struct, frozen=True, array_like=True):
    name: str
    usage: Usage


class Collector:
    """One run's reading of one tenant; a context manager, since it leaves files behind."""

    def __init__(self, graph: GraphClient, period: ReportPeriod, recorder: RunRecorder) -> None:
        self.found = Found()
        self._graph = graph
        self._period = period
        self._recorder = recorder
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

    async def read(self, tasks: Collection[UsageTask]) -> None:
        """Reads what the tasks want, side by side.

        A task whose permission is missing is noted as unavailable. Raises
        GraphError on any other failure.
        """
        reading: list[Coroutine[Any, Any, None]] = []
        of_reports = [task for task in REPORTS_OF_TASK if task in tasks]
        if of_reports:
            reading.append(self._read_reports(of_reports))
        if "sign_ins" in tasks:
            reading.append(self._attempt("sign_ins", self._read_sign_ins))
        if "devices" in tasks:
            reading.append(self._attempt("devices", self._read_devices))
        await run_all(reading, at_once=len(reading) or 1)

    async def join(self, users: AsyncIterator[Sequence[tuple[str, UserId]]]) -> None:
        """Finds the IDs of the names that reports gave; `users` are names and IDs of everybody."""
        if self.found.refreshed_on:
            async for batch in users:
                for name, user_id in batch:
                    folded = name.casefold()
                    self._names.add(_name_partition(folded), _Named(folded, user_id))
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
        with tempfile.TemporaryFile() as file:
            await download_report(self._graph, report, self._period, file)
            rows = await asyncio.to_thread(self._sort_rows, report, file)
        self._recorder.log("info", f"{report}: {rows} rows.")

    def _sort_rows(self, report: str, file: BinaryIO) -> int:
        return self._keep_rows(report, read_rows(report, file))

    def _keep_rows(self, report: str, rows: Iterator[ReportRow]) -> int:
        """Keeps rows until one has a stand-in for a name, which is never stored."""
        count = 0
        for row in rows:
            if row.concealed:
                self.found.concealed = True
                break
            count += 1
            if row.refreshed_on is not None:
                self.found.refreshed_on[report] = row.refreshed_on
            kept = _NamedUsage(row.principal, row.usage)
            self._rows.add(_name_partition(row.principal), kept)
        return count

    async def _read_copilot(self) -> None:
        """Reads the use of Copilot; Graph's beta owes nobody an answer, so it may fail."""
        try:
            async for page in copilot_rows(self._graph, self._period):
                self._keep_rows(COPILOT_USAGE, iter(page))
        except GraphError as error:
            self.found.refreshed_on.pop(COPILOT_USAGE, None)
            self._recorder.log("warning", f"The use of Copilot cannot be read: {error.message}")

    async def _read_sign_ins(self) -> None:
        count = 0
        async for page in sign_in_pages(self._graph):
            for user in page.value:
                user_id, day = canonical_guid(user.id), user.last_day()
                if user_id is not None and day is not None:
                    self._add_user(Usage(UserId(user_id), last_sign_in=day))
            count += len(page.value)
        self._recorder.set_count("sign_ins_read", count)

    async def _read_devices(self) -> None:
        managed = 0
        async for page in managed_device_pages(self._graph):
            for device in page.value:
                if device.key is not None:
                    self._add_device(
                        Device(
                            device.key,
                            device.device_name,
                            UserId(device.user) if device.user is not None else None,
                            device.operating_system,
                            device.os_version,
                            device.compliance_state,
                            device.last_sync_date_time,
                            managed=True,
                        )
                    )
            managed += len(page.value)
        self._recorder.set_count("managed_devices", managed)
        await self._read_installed_apps()
        await self._read_directory_devices()

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
                                Device(device.key, managed=True, installed=(installed,))
                            )

    async def _read_directory_devices(self) -> None:
        joined = 0
        try:
            async for page in directory_device_pages(self._graph):
                for device in page.value:
                    if device.key is not None:
                        self._add_device(
                            Device(
                                device.key,
                                device.display_name,
                                operating_system=device.operating_system,
                                os_version=device.operating_system_version,
                                last_sync=device.approximate_last_sign_in_date_time,
                                joined=True,
                                trust_type=device.trust_type,
                            )
                        )
                joined += len(page.value)
        except PermissionMissing as error:
            self._recorder.log("warning", f"{error.message} Devices are Intune's alone.")
        self._recorder.set_count("directory_devices", joined)

    def _add_user(self, usage: Usage) -> None:
        self._users.add(_id_partition(usage.user_id), usage)

    def _add_device(self, device: Device) -> None:
        self._devices.add(_id_partition(device.device_id), device)

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


def _name_partition(name: str) -> int:
    return zlib.crc32(name.encode("utf-8", "replace")) % _NAME_PARTITIONS


def _id_partition(id_: str) -> int:
    return int(id_[:2], 16)
