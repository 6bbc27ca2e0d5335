"""The usage of a portal's contacts, its devices, and what the last usage run says of both."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from identifiers import PortalId, UserId
from storage.generations import GenerationStore
from storage.usage_staging import UsageStagingStore
from usage.model import Device, Usage, UsageStatus, UsageSummary

if TYPE_CHECKING:
    from storage.erasures import ErasureStore
    from storage.sync_state import SyncStateStore
    from storage.tables import Tables

USAGE = "Usage"
DEVICES = "Devices"
SUMMARY_KIND = "usage-summary"
CHECKPOINT_KIND = "usage-checkpoint"


class UsageStore:
    """Reads usage by user ID or block by block; replaces a portal's usage as a whole."""

    def __init__(self, tables: Tables, sync_state: SyncStateStore, erasures: ErasureStore) -> None:
        self._sync_state = sync_state
        self._erasures = erasures
        self.staging = UsageStagingStore(tables)
        self._usage = GenerationStore(
            tables, sync_state, USAGE, "usage", Usage, lambda usage: usage.user_id, self._of_known
        )
        self.devices = GenerationStore(
            tables,
            sync_state,
            DEVICES,
            "devices",
            Device,
            lambda d: d.device_id,
            self._without_user,
        )

    async def _of_known(self, portal_id: PortalId) -> Callable[[Usage], Usage | None]:
        erasures = await self._erasures.of(portal_id)

        def screened(usage: Usage) -> Usage | None:
            if erasures.shown_id(usage.user_id) != usage.user_id:
                return None
            if not erasures.pseudonymous or not usage.devices:
                return usage
            nameless = tuple(msgspec.structs.replace(d, name=None) for d in usage.devices)
            return msgspec.structs.replace(usage, devices=nameless)

        return screened

    async def _without_user(self, portal_id: PortalId) -> Callable[[Device], Device]:
        """Devices are often named after those who use them."""
        erasures = await self._erasures.of(portal_id)

        def screened(device: Device) -> Device:
            user_id = device.user_id
            if erasures.pseudonymous:
                device = msgspec.structs.replace(device, name=None)
            if user_id is None or erasures.shown_id(user_id) == user_id:
                return device
            return msgspec.structs.replace(device, name=None, user_id=None)

        return screened

    async def status(self, portal_id: PortalId) -> UsageStatus | None:
        """The last complete usage run of the portal, None before the first."""
        stored = await self._usage.note(portal_id)
        return msgspec.json.decode(stored, type=UsageStatus) if stored is not None else None

    async def summary(self, portal_id: PortalId) -> UsageSummary | None:
        """The figures of the last usage run, None before the first."""
        stored = await self._sync_state.read(portal_id, SUMMARY_KIND)
        return msgspec.json.decode(stored, type=UsageSummary) if stored is not None else None

    async def save_summary(self, portal_id: PortalId, summary: UsageSummary) -> None:
        """Keeps the figures of a usage run."""
        await self._sync_state.write(portal_id, SUMMARY_KIND, msgspec.json.encode(summary))

    async def get_many(
        self, portal_id: PortalId, user_ids: Sequence[UserId]
    ) -> dict[UserId, Usage]:
        """The usage of those contacts of which anything is known; each block is read once."""
        found = await self._usage.get_many(portal_id, user_ids)
        return {usage.user_id: usage for usage in found.values()}

    def blocks(
        self, portal_id: PortalId, after: UserId | None = None
    ) -> AsyncGenerator[list[Usage], None]:
        """The portal's usage, a block at a time, in the order of user IDs.

        The first block may begin before `after`.
        """
        return self._usage.blocks(portal_id, after)

    async def replace(
        self,
        status: UsageStatus,
        usages: AsyncIterator[Sequence[Usage]],
        *,
        contact_count: int,
    ) -> int:
        """Makes `usages` all that is known of the portal's contacts; returns their number.

        They come in the order of user IDs, a batch at a time; `contact_count`
        decides on the layout. Readers see the old run until the new one is
        complete, and never parts of both.
        """
        return await self._usage.replace(
            status.portal_id, usages, expected=contact_count, note=msgspec.json.encode(status)
        )

    async def screen(self, portal_id: PortalId) -> None:
        """Drops what is known of erased persons; the figures count as outdated from then on.

        A run under way begins anew.
        """
        await self.forget_progress(portal_id)
        await self._usage.screen(portal_id)
        await self.devices.screen(portal_id)
        summary = await self.summary(portal_id)
        if summary is not None:
            await self.save_summary(portal_id, msgspec.structs.replace(summary, day=None))

    async def progress(self, portal_id: PortalId) -> bytes | None:
        """The checkpoint of a run under way, None if there is none."""
        return await self._sync_state.read(portal_id, CHECKPOINT_KIND)

    async def save_progress(self, portal_id: PortalId, checkpoint: bytes) -> None:
        """Keeps the checkpoint of a run under way."""
        await self._sync_state.write(portal_id, CHECKPOINT_KIND, checkpoint)

    async def forget_progress(self, portal_id: PortalId) -> None:
        """Deletes checkpoint and staged records; a checkpoint never outlives what it names."""
        await self._sync_state.delete(portal_id, CHECKPOINT_KIND)
        await self.staging.clear(portal_id)

    async def delete_portal(self, portal_id: PortalId) -> None:
        """Deletes the portal's usage and devices."""
        await self.forget_progress(portal_id)
        await self._sync_state.delete(portal_id, SUMMARY_KIND)
        await self._usage.delete_portal(portal_id)
        await self.devices.delete_portal(portal_id)
