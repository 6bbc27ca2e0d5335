"""Timers of devhost over a restart: past due, persisted status, no overlap."""

from __future__ import annotations

import json
import time
from pathlib import Path

from devhost.stack import Stack

APP = Path(__file__).parent / "devhost_app"


def test_a_late_timer_runs_past_due_and_no_timer_overlaps_with_itself(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    long_ago = "2020-01-01T00:00:00Z"
    (tmp_path / "timers.json").write_text(
        json.dumps(
            {"Startup": {"Last": None, "Next": "2021-01-01T00:00:00Z", "LastUpdated": long_ago}}
        )
    )
    environment = {
        "SAMPLE_JOURNAL": str(journal),
        "WORK_QUEUE": "work",
        "TICK_SCHEDULE": "* * * * * *",
        "TICK_SECONDS": "1.2",
    }
    with Stack(tmp_path, simulator=False, script_root=APP, environment=environment):
        deadline = time.monotonic() + 20
        while len(_notes(journal, "Tick")) < 6:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    starts_and_ends = ["done" in note for note in _notes(journal, "Tick")]
    assert starts_and_ends == [False, True] * (len(starts_and_ends) // 2)
    [startup] = _notes(journal, "Startup")
    assert startup["past_due"] is True
    statuses = json.loads((tmp_path / "timers.json").read_text())
    assert statuses["Startup"]["Last"] > long_ago
    assert "Tick" not in statuses


def _notes(journal: Path, function: str) -> list[dict[str, object]]:
    if not journal.exists():
        return []
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    return [line for line in lines if line["function"] == function]
