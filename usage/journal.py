"""How far a usage run got in reading its tenant, and what it read, for the next worker.

What was read is kept in memory up to `BUFFER_BYTES` and staged in Table
Storage beyond, with a checkpoint that says which of it counts; before that, a
worker that dies has read too little to be worth it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import msgspec

from identifiers import PortalId, RunId
from monitor.handover import OutOfTime
from usage.model import UsageTask

if TYPE_CHECKING:
    from storage.usage import UsageStore

BUFFER_BYTES = 10_000_000


class Found(msgspec.Struct):
    """How far the reading got: see UsageStatus for the fields."""

    refreshed_on: dict[str, str] = {}
    concealed: bool = False
    tasks: list[UsageTask] = []
    unavailable: dict[UsageTask, str] = {}


class Step(msgspec.Struct):
    """One collection or report of the tenant.

    What `chunks` hold counts if the step is done, or goes on at `next_link`.
    `count` is how much was read.
    """

    chunks: list[str] = []
    next_link: str | None = None
    done: bool = False
    count: int = 0


class Progress(msgspec.Struct):
    """How far a run got."""

    run_id: RunId
    found: Found = msgspec.field(default_factory=Found)
    steps: dict[str, Step] = {}


class Journal:
    """Keeps the progress of one run. Steps may be worked on side by side."""

    def __init__(
        self,
        store: UsageStore,
        portal_id: PortalId,
        run_id: RunId,
        spent: Callable[[], float],
    ) -> None:
        """Keeps the run's progress; `spent` is the share of its time budget that is gone."""
        self._store = store
        self._portal_id = portal_id
        self._spent = spent
        self._progress = Progress(run_id)
        self._waiting: dict[str, list[bytes]] = {}
        self._waiting_bytes = 0
        self._saving = asyncio.Lock()
        self._advanced = False

    @property
    def found(self) -> Found:
        """What is known of the reading so far."""
        return self._progress.found

    async def resume(self) -> bool:
        """Takes up what an earlier worker of this run has kept; False if it begins now."""
        stored = await self._store.progress(self._portal_id)
        if stored is not None:
            progress = msgspec.json.decode(stored, type=Progress)
            if progress.run_id == self._progress.run_id:
                self._progress = progress
                for step in progress.steps.values():
                    if not step.done and step.next_link is None:
                        # read as a whole, and not to its end
                        step.chunks, step.count = [], 0
                return True
        await self._store.forget_progress(self._portal_id)
        return False

    async def kept(self) -> AsyncIterator[tuple[str, list[msgspec.Raw]]]:
        """What the steps have read, by step, some records at a time."""
        for name, step in self._progress.steps.items():
            for chunk in step.chunks:
                async for records in self._store.staging.read(self._portal_id, chunk):
                    yield name, records

    def step(self, name: str) -> Step:
        """A step of the run."""
        return self._progress.steps.setdefault(name, Step())

    def keep(self, name: str, record: bytes) -> None:
        """Keeps an encoded record of a step; it counts with the next `reached`."""
        self._waiting.setdefault(name, []).append(record)
        self._waiting_bytes += len(record)

    def forget(self, names: list[str]) -> None:
        """Forgets what steps have read."""
        for name in names:
            self._waiting.pop(name, None)
            self._progress.steps.pop(name, None)

    async def reached(self, name: str, next_link: str | None) -> None:
        """Notes that a step goes on at `next_link`, or is done if there is none.

        Raises OutOfTime, with everything kept, when the time budget is spent.
        """
        step = self.step(name)
        step.next_link, step.done = next_link, next_link is None
        self._advanced = True
        await self.make_room()
        await self.pause()

    async def make_room(self) -> None:
        """Stages what waits in memory if that is too much."""
        if self._waiting_bytes > BUFFER_BYTES:
            await self._save()

    async def pause(self, *, share: float = 1) -> None:
        """Raises OutOfTime if that share of the budget is spent and this worker read something."""
        if self._advanced and self._spent() >= share:
            await self._save()
            raise OutOfTime

    async def _save(self) -> None:
        """Stages what waits; only the checkpoint, written after it, makes it count.

        Chunks have names of their own, so that those of a worker that was
        killed before its checkpoint are never taken for others.
        """
        async with self._saving:
            # as of now: other steps go on while this is written
            waiting, self._waiting, self._waiting_bytes = self._waiting, {}, 0
            names = {name: f"{name}-{secrets.token_hex(6)}" for name in waiting}
            for name, chunk in names.items():
                self.step(name).chunks.append(chunk)
            checkpoint = msgspec.json.encode(self._progress)
            for name, chunk in names.items():
                await self._store.staging.write(self._portal_id, chunk, waiting[name])
            await self._store.save_progress(self._portal_id, checkpoint)

    async def close(self) -> None:
        """Forgets the progress of a run that has ended."""
        await self._store.forget_progress(self._portal_id)
