"""Handing what is left of a run to another message."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from errors import Stuck
from imports.messages import ImportMessage
from monitor.handover import MAX_ATTEMPTS, hand_over
from monitor.recorder import RunRecorder
from monitor.run import Run
from tests.builders import NOW, make_run, new_portal_id


class Store:
    """Keeps the runs that are saved."""

    def __init__(self) -> None:
        self.saved: list[Run] = []

    async def save(self, run: Run) -> None:
        """Keeps it."""
        self.saved.append(run)


class Queue:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, ImportMessage, int]] = []

    async def send(self, queue: str, message: bytes, *, delay_seconds: int) -> None:
        """Keeps it."""
        self.sent.append((queue, msgspec.json.decode(message, type=ImportMessage), delay_seconds))


async def handed_over(message: ImportMessage, store: Any, queue: Any) -> None:
    """Hands a run over that has something to tell."""
    recorder = RunRecorder(store, make_run(run_id=message.run_id), lambda: NOW)
    recorder.set_count("contacts", 7)
    await hand_over(queue, "imports", message, recorder, code="import_stuck", delay_seconds=5)


async def test_the_next_message_is_the_same_but_for_its_attempt_and_what_was_counted_is_stored():
    store, queue = Store(), Queue()
    message = ImportMessage(new_portal_id(), make_run().run_id, clean=True, attempt=3)
    await handed_over(message, store, queue)
    assert queue.sent == [("imports", msgspec.structs.replace(message, attempt=4), 5)]
    (stored,) = store.saved
    assert stored.counts == {"contacts": 7}


async def test_a_run_handed_over_too_often_is_stuck_and_goes_on_in_no_message():
    store, queue = Store(), Queue()
    message = ImportMessage(new_portal_id(), make_run().run_id, attempt=MAX_ATTEMPTS)
    with pytest.raises(Stuck) as stuck:
        await handed_over(message, store, queue)
    assert stuck.value.code == "import_stuck"
    assert stuck.value.message.startswith("The import run was handed over 1000 times")
    assert stuck.value.remedy
    assert queue.sent == []
