"""Breaks things at random: answers of Graph and Key Vault, workers, storage, clocks, tenants."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from devhost.stack import Stack
from simulator.control import Control
from torture.scene import Subject

# A host whose workers die younger than this gives up.
_YOUNGEST_SECONDS = 12
_GRAPH_FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 503, "retry_after": "0.3"},
    {"kind": "status", "status": 429, "retry_after": "0.5"},
    {"kind": "status", "status": 504},
    {"kind": "reset"},
    {"kind": "truncated"},
    {"kind": "html_200"},
    {"kind": "non_json"},
    {"kind": "latency", "seconds": 1.5},
    {"kind": "expired_token"},
    {"kind": "empty_list"},
)


class Havoc:
    """Breaks something at random, again and again."""

    def __init__(self, stack: Stack, cloud: Control, subjects: list[Subject], seed: int) -> None:
        self.done: Counter[str] = Counter()
        self._stack = stack
        self._cloud = cloud
        self._subjects = subjects
        self._source = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self._born: dict[int, float] = {}

    def run(self, seconds: float) -> None:
        """Breaks something every second or so, then lets Graph and Key Vault answer again.

        Storage is started again from this thread, and ends with it.
        """
        ways: list[tuple[Callable[[], None], int]] = [
            (self._graph, 8),
            (self._sign_in, 2),
            (self._vault, 2),
            (self._tenant, 6),
            (self._delta, 1),
            (self._heal, 4),
            (self._worker, 3),
            (self._storage, 1),
        ]
        choices = [way for way, weight in ways for _ in range(weight)]
        # those of the start have served while the scene was set
        self._born = dict.fromkeys(_children(self._stack.host_pid), 0.0)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            time.sleep(self._source.uniform(0.3, 1.5))
            way = self._source.choice(choices)
            way()
        self._cloud.clear_faults()

    def _graph(self) -> None:
        fault = dict(self._source.choice(_GRAPH_FAULTS))
        match = self._source.choice(["/v1.0/users", "/v1.0/subscribedSkus", "/v1.0/", "skiptoken"])
        # an empty answer is one that a tenant could give, so it must not come for long
        times = 1 if fault["kind"] == "empty_list" else self._source.randint(1, 6)
        self._fault(match=match, times=times, after=self._source.randint(0, 3), **fault)

    def _sign_in(self) -> None:
        self._fault(kind="status", status=500, match="/oauth2/", times=2)

    def _vault(self) -> None:
        self._fault(kind="status", status=503, match="/secrets/", times=self._source.randint(1, 4))

    def _fault(self, **values: Any) -> None:
        self._cloud.fault(**values)
        self.done[f"fault {values['kind']}"] += 1

    def _tenant(self) -> None:
        subject = self._source.choice(self._subjects)
        self._cloud.call(
            "drift",
            tenant_id=subject.tenant_id,
            changes=self._source.randint(1, 6),
            seed=self._source.randrange(1_000_000),
        )
        self.done["tenant changed"] += 1

    def _delta(self) -> None:
        self._cloud.call("expire-deltas", tenant_id=self._source.choice(self._subjects).tenant_id)
        self.done["delta links expired"] += 1

    def _heal(self) -> None:
        self._cloud.clear_faults()

    def _worker(self) -> None:
        """Kills a worker of our own host without a word."""
        now = time.monotonic()
        workers = _children(self._stack.host_pid)
        self._born = {pid: self._born.get(pid, now) for pid in workers}
        old = [pid for pid in workers if now - self._born[pid] > _YOUNGEST_SECONDS]
        if old:
            with suppress(ProcessLookupError):
                os.kill(self._source.choice(old), signal.SIGKILL)
            self.done["worker killed"] += 1

    def _storage(self) -> None:
        self._stack.restart_storage(away_seconds=self._source.uniform(0.2, 2))
        self.done["storage restarted"] += 1


def _children(pid: int) -> list[int]:
    """The processes that a process of ours started."""
    listed = subprocess.run(  # noqa: S603 - a number of ours
        ["pgrep", "-P", str(pid)],  # noqa: S607 - from the system's path
        capture_output=True,
        text=True,
        check=False,
    )
    return [int(line) for line in listed.stdout.split()]
