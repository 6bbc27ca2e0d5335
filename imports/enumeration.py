"""Reads all users of a tenant in bounded memory, resumably, and then replaces the contacts.

Users come in Graph's order; contacts are stored by ID. So they are sorted into
staging partitions by the first bits of their ID, in memory for most tenants,
and in Table Storage beyond `BUFFER_BYTES`. Only when the last page has been
read are contacts replaced, partition by partition: nothing is removed on the
strength of half an enumeration.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

import msgspec

from concurrency import both, run_all
from graph.paging import in_turns
from graph.users import delta_link_from_now, user_pages
from identifiers import PortalId, RunId, SkuId, UserId
from imports.buffer import ContactBuffer
from imports.changes import DELTA_KIND
from imports.reconcile import contact_of, dropped_too_far
from monitor.handover import OutOfTime
from storage.blocks import (
    STAGING_BITS,
    Layout,
    Seats,
    decode_contact,
    encoded_user_id,
    index_seats,
    layout_for,
    next_generation,
    seats_of,
)
from storage.overlay import NOTHING, Overlay

if TYPE_CHECKING:
    from composition import Ledger
    from graph.client import GraphClient
    from monitor.recorder import RunRecorder

# Some 22,000 contacts with three licenses each; a larger tenant takes no more.
BUFFER_BYTES = 10_000_000
CHECKPOINT_KIND = "checkpoint"
_PARTITIONS_AT_ONCE = 2
# Whose digests are read together; between such groups the time budget is looked at.
_PARTITIONS_TOGETHER = 8


class Checkpoint(msgspec.Struct, frozen=True):
    """How far an import got: names of staged chunks, the page or partition to go on with.

    `delta_link` was taken before the first page, so that it tells of changes
    during the enumeration too. `layout` is set once the enumeration is
    complete; `applied` partitions of it are done then.
    """

    run_id: RunId
    chunks: tuple[str, ...] = ()
    seen: int = 0
    next_link: str | None = None
    layout: Layout | None = None
    keep_unseen: bool = False
    applied: int = 0
    delta_link: str | None = None


class EnumerationResult(msgspec.Struct, frozen=True):
    """What a complete enumeration found. `held`: too many were missing, none was removed.

    `delta_link` tells what changed since the enumeration began.
    """

    layout: Layout
    contact_count: int
    held: bool
    delta_link: str | None


class Enumeration:
    """One import's pass over the users of a tenant."""

    def __init__(
        self,
        ledger: Ledger,
        portal_id: PortalId,
        recorder: RunRecorder,
        out_of_time: Callable[[], bool],
        *,
        buffer_bytes: int | None = None,
    ) -> None:
        self._ledger = ledger
        self._portal_id = portal_id
        self._recorder = recorder
        self._out_of_time = out_of_time
        self._buffer_bytes = buffer_bytes if buffer_bytes is not None else BUFFER_BYTES
        self._buffer = ContactBuffer()
        self._checkpoint = Checkpoint(recorder.run.run_id)

    async def begin(self, graph: GraphClient, previous_count: int) -> None:
        """Finds where to go on, and lets Graph take note of where changes begin.

        `previous_count` is that of the contacts there were. Raises GraphError.
        """
        checkpoint = await self._resume()
        minimum = self._ledger.settings.delta_minimum_contacts
        if checkpoint.delta_link is None and (not previous_count or previous_count >= minimum):
            checkpoint = msgspec.structs.replace(
                checkpoint, delta_link=await delta_link_from_now(graph)
            )
        self._checkpoint = checkpoint

    async def run(
        self,
        graph: GraphClient,
        *,
        rooms: Collection[str],
        excluded: Collection[SkuId],
        previous_count: int,
        clean: bool,
    ) -> EnumerationResult:
        """Reads every user and makes the contacts and consumers say the same.

        `begin` comes first, and `clean_up` after it. Raises OutOfTime after
        saving where to go on, and GraphError when the tenant cannot be read to
        the end; stored contacts are untouched then.
        """
        contacts = self._ledger.contacts
        checkpoint = self._checkpoint
        if checkpoint.layout is None:
            checkpoint = await self._read(graph, checkpoint, rooms, excluded)
        # whatever happens while contacts are replaced, the next import reads all again
        _, standing = await both(
            self._ledger.sync_state.delete(self._portal_id, DELTA_KIND),
            contacts.standing(self._portal_id),
        )
        current, overlay = standing if standing is not None else (None, NOTHING)
        if checkpoint.layout is None:
            checkpoint = await self._plan(checkpoint, current, previous_count, clean)
        layout = checkpoint.layout
        assert layout is not None  # noqa: S101 - set by _plan
        await self._apply(checkpoint, layout, overlay if layout == current else NOTHING)
        await contacts.save_layout(self._portal_id, layout)
        self._checkpoint = checkpoint
        return EnumerationResult(
            layout, checkpoint.seen, checkpoint.keep_unseen, checkpoint.delta_link
        )

    async def clean_up(self, result: EnumerationResult) -> None:
        """Deletes what a `run` leaves behind: contacts as they stood, and staged ones."""
        await both(
            self._ledger.contacts.delete_other_layouts(self._portal_id, result.layout),
            self._ledger.consumers.delete_other_layouts(self._portal_id, result.layout),
        )
        if self._checkpoint.chunks:
            # in this order: a checkpoint must never outlive a chunk that it names
            await self._ledger.sync_state.delete(self._portal_id, CHECKPOINT_KIND)
            await self._ledger.staging.clear(self._portal_id)

    async def _resume(self) -> Checkpoint:
        stored = await self._ledger.sync_state.read(self._portal_id, CHECKPOINT_KIND)
        run_id = self._recorder.run.run_id
        if stored is not None:
            checkpoint = msgspec.json.decode(stored, type=Checkpoint)
            if checkpoint.run_id == run_id:
                self._recorder.log(
                    "info", f"Resumed after {checkpoint.seen} users, from the last checkpoint."
                )
                return checkpoint
            await self._ledger.sync_state.delete(self._portal_id, CHECKPOINT_KIND)
        await self._ledger.staging.clear(self._portal_id)
        return Checkpoint(run_id)

    async def _read(
        self,
        graph: GraphClient,
        checkpoint: Checkpoint,
        rooms: Collection[str],
        excluded: Collection[SkuId],
    ) -> Checkpoint:
        seen = checkpoint.seen
        erasures = await self._ledger.erasures.of(self._portal_id)
        async for page in user_pages(graph, resume_from=checkpoint.next_link):
            async for users in in_turns(page.value):
                for user in users:
                    self._buffer.add(erasures.shown(contact_of(user, rooms, excluded)))
            seen += len(page.value)
            if page.next_link is None:
                break
            out_of_time = self._out_of_time()
            if out_of_time or self._buffer.byte_count > self._buffer_bytes:
                checkpoint = await self._spill(
                    msgspec.structs.replace(checkpoint, seen=seen, next_link=page.next_link)
                )
            if out_of_time:
                raise OutOfTime
        return msgspec.structs.replace(checkpoint, seen=seen, next_link=None)

    async def _spill(self, checkpoint: Checkpoint) -> Checkpoint:
        """Stages the buffer; only the checkpoint, written after it, makes it count.

        A name of its own keeps what a killed worker staged from being taken
        for it.
        """
        name = f"{len(checkpoint.chunks):06d}-{secrets.token_hex(4)}"
        await self._ledger.staging.write(self._portal_id, name, self._buffer.encoded())
        saved = msgspec.structs.replace(checkpoint, chunks=(*checkpoint.chunks, name))
        await self._save(saved)
        self._buffer = ContactBuffer()
        return saved

    async def _save(self, checkpoint: Checkpoint) -> None:
        await self._ledger.sync_state.write(
            self._portal_id, CHECKPOINT_KIND, msgspec.json.encode(checkpoint)
        )

    async def _plan(
        self, checkpoint: Checkpoint, current: Layout | None, previous_count: int, clean: bool
    ) -> Checkpoint:
        hold_percent = self._ledger.settings.removal_hold_percent
        held = dropped_too_far(previous_count, checkpoint.seen, hold_percent)
        # a clean import accepts any drop but the one to nothing
        keep_unseen = held and (not clean or checkpoint.seen == 0)
        layout = current if keep_unseen and current else layout_for(checkpoint.seen, current)
        if clean and not keep_unseen and layout == current:
            layout = next_generation(layout)
        checkpoint = msgspec.structs.replace(checkpoint, layout=layout, keep_unseen=keep_unseen)
        return await self._spill(checkpoint) if checkpoint.chunks else checkpoint

    async def _apply(self, checkpoint: Checkpoint, layout: Layout, overlay: Overlay) -> None:
        for start in range(checkpoint.applied, len(layout.partitions), _PARTITIONS_TOGETHER):
            partitions = layout.partitions[start : start + _PARTITIONS_TOGETHER]
            blocks, indexes = await both(
                self._ledger.contacts.digests(self._portal_id, layout, partitions),
                self._ledger.consumers.digests(self._portal_id, layout, partitions),
            )
            await run_all(
                (
                    self._apply_partition(
                        checkpoint,
                        layout,
                        overlay,
                        partition,
                        blocks[partition],
                        indexes[partition],
                    )
                    for partition in partitions
                ),
                at_once=_PARTITIONS_AT_ONCE,
            )
            if checkpoint.chunks and self._out_of_time():
                await self._save(msgspec.structs.replace(checkpoint, applied=partitions.stop))
                raise OutOfTime

    async def _apply_partition(
        self,
        checkpoint: Checkpoint,
        layout: Layout,
        overlay: Overlay,
        partition: int,
        stored_blocks: Mapping[str, str],
        stored_indexes: Mapping[str, str],
    ) -> None:
        encoded: dict[UserId, bytes] = {}
        seats: dict[UserId, Seats] = {}
        width = 1 << (STAGING_BITS - layout.partition_bits)
        staged = range(partition * width, (partition + 1) * width)
        if checkpoint.chunks:
            async for chunk in self._ledger.staging.read(
                self._portal_id, staged, checkpoint.chunks
            ):
                for raw in chunk:
                    contact = decode_contact(raw)
                    encoded[contact.user_id], seats[contact.user_id] = raw, seats_of(contact)
        for seen in self._buffer.pop(staged):
            user_id = encoded_user_id(seen.encoded)
            encoded[user_id], seats[user_id] = seen.encoded, seen.seats
        changes, standing = await self._ledger.contacts.replace_partition(
            self._portal_id,
            layout,
            partition,
            encoded,
            keep_unseen=checkpoint.keep_unseen,
            overlay=overlay,
            stored=stored_blocks,
        )
        indexes = index_seats(
            (user_id, seats[user_id] if user_id in seats else seats_of(decode_contact(raw)))
            for user_id, raw in standing.items()
        )
        index_rows = await self._ledger.consumers.replace_partition(
            self._portal_id, layout, partition, indexes, stored=stored_indexes
        )
        self._recorder.count("contacts_added", changes.added)
        self._recorder.count("contacts_changed", changes.changed)
        self._recorder.count("contacts_removed", changes.removed)
        self._recorder.count("rows_written", changes.rows_written + index_rows)
