"""make torture: mixed load under random faults, then an independent look at every table.

Ends with 0 only if not a single difference is found.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import httpx

from devhost.stack import Stack
from simulator.control import Control
from torture.checker import differences
from torture.havoc import Havoc
from torture.load import Load
from torture.scene import Subject, set_up
from torture.tables import Tables

APP = Path(__file__).parent / "app"
LEASE_SECONDS = 6
# Beyond the lease: a fast clock then takes what another worker still holds.
SKEW_SECONDS = 20.0
# Graph's reads lag behind writes by minutes; the simulator's do not.
VISIBILITY_SECONDS = 10
# Every silence after which a run counts as lost is over by then.
AHEAD = "=1800"
# What waits in queues when load ends is worked off, portal by portal.
SETTLE_SECONDS = 900
FINISHED = ("Succeeded", "PartiallySucceeded", "Failed")


def torture(minutes: float, seed: int, sizes: tuple[int, ...], callers: int, work: Path) -> int:
    """Everything from setting up to the report; returns the number of differences."""
    skew = work / "skew"
    skew.write_text(str(SKEW_SECONDS))
    stack = Stack(
        work / "stack",
        workers=2,
        script_root=APP,
        storage_location=work / "storage",
        message_lock_seconds=5,
        environment={
            "TORTURE_SKEW_FILE": str(skew),
            "TORTURE_VISIBILITY_SECONDS": str(VISIBILITY_SECONDS),
            "LEASE_SECONDS": str(LEASE_SECONDS),
            "GRAPH_TIMEOUT_SECONDS": "3",
            "GRAPH_MAX_RETRIES": "2",
            "IMPORT_TIME_BUDGET_SECONDS": "5",
            "DELTA_MINIMUM_CONTACTS": "1",
        },
    )
    with stack:
        cloud = Control(stack.simulator_url, stack.control_key, stack.ca_bundle)
        with _client(stack, "/api", stack.function_key) as api, _client(
            stack, "", stack.master_key
        ) as host:  # fmt: skip
            subjects = set_up(api, cloud, seed, sizes)
            _settle(api, host, subjects)
            print(f"{len(subjects)} portals, {sum(sizes)} users. {minutes:g} minutes, seed {seed}.")
            load = Load(api, host, subjects, seed)
            havoc = Havoc(stack, cloud, subjects, seed)
            load.start(callers)
            try:
                havoc.run(minutes * 60)
            finally:
                load.stop()
        print("Load and faults ended; every run comes to its end.", flush=True)
        skew.write_text(AHEAD)
        stack.stop_host()
        stack.start_host()
        with _client(stack, "/api", stack.function_key) as api, _client(
            stack, "", stack.master_key
        ) as host:  # fmt: skip
            _settle(api, host, subjects)
            runs = Counter(f"{run['task']} {run['state']}" for run in _every(api, "/runs?top=1000"))
        tables = Tables.read(stack.storage_connection)
        truths = {s.portal_id: cloud.truth(s.tenant_id, users=True) for s in subjects}
        found = differences(tables, subjects, truths, load.promises)
        found += [f"defect: {line}" for line in load.defects]
        _report(load, havoc, runs, tables, truths.values(), found)
        if found:
            shutil.copy(stack.run_dir / "devhost.log", work / "devhost.log")
            print(f"\nThe host's log: {work / 'devhost.log'}")
    return len(found)


def _client(stack: Stack, path: str, key: str) -> httpx.Client:
    return httpx.Client(
        base_url=f"{stack.host_url}{path}", headers={"x-functions-key": key}, timeout=60
    )


def _settle(api: httpx.Client, host: httpx.Client, subjects: list[Subject]) -> None:
    """Waits for every run's end, then lets each task run once more in peace."""
    _wait_for_all(api, host)
    for subject in subjects:
        _succeed(api, "/compliance/recalculate", {"portalIds": [subject.portal_id]})
        _succeed(api, f"/portals/{subject.portal_id}/usage", {})
    # a usage run asks for the figures that rest on it
    _wait_for_all(api, host)
    _succeed(api, "/consolidated", {})


def _wait_for_all(api: httpx.Client, host: httpx.Client) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        for function in ("ReviewPoisonQueues", "MeasureLedger"):
            host.post(f"/admin/functions/{function}", json={})
        states = [run["state"] for run in _every(api, "/runs?top=1000")]
        if all(state in FINISHED for state in states):
            return
        time.sleep(1)


def _succeed(api: httpx.Client, path: str, body: dict[str, Any]) -> None:
    """Runs it up to five times, for the sake of what tenants answered before."""
    for _ in range(5):
        started = api.post(path, json=body)
        started.raise_for_status()
        if _end_of(api, started.json()["runId"]) == "Succeeded":
            return


def _end_of(api: httpx.Client, run_id: str) -> str:
    deadline = time.monotonic() + SETTLE_SECONDS
    state = ""
    while state not in FINISHED and time.monotonic() < deadline:
        time.sleep(0.3)
        state = api.get(f"/runs/{run_id}").json()["state"]
    return state


def _every(api: httpx.Client, path: str) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    continuation = None
    while True:
        answer = api.get(path, params={"continuation": continuation} if continuation else None)
        answer.raise_for_status()
        rows += answer.json()["value"]
        continuation = answer.json()["continuation"]
        if continuation is None:
            return rows


def _report(
    load: Load,
    havoc: Havoc,
    runs: Counter[str],
    tables: Tables,
    truths: Iterable[Any],
    found: list[str],
) -> None:
    for title, counts in (("answers", load.answers), ("broken", havoc.done), ("runs", runs)):
        print(f"\n{title}")
        for name, number in sorted(counts.items()):
            print(f"  {number:6d}  {name}")
    promises = load.promises
    rows = sum(len(rows) for rows in tables.rows.values())
    print(
        f"\n{len(promises.runs)} runs, {len(promises.directories)} moved products, "
        f"{len(promises.amounts)} prices and {sum(map(len, promises.erased.values()))} erasures "
        f"were promised; {sum(map(len, (t['assigned'] for t in truths)))} licenses were taken or "
        f"given back; {rows} rows of {len(tables.rows)} tables were compared."
    )
    print(f"\n{len(found)} differences" + ("." if not found else ":"))
    for line in found:
        print(f"  {line}")


def main(argv: Sequence[str]) -> int:
    """Tortures for so long; 1 if anything is different afterwards."""
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument("--minutes", type=float, default=0.75)
    parser.add_argument("--seed", type=int, default=None, help="repeats the faults of another run")
    parser.add_argument("--users", type=int, nargs="+", default=[1500, 60, 25])
    parser.add_argument("--callers", type=int, default=4)
    parser.add_argument("--keep", action="store_true", help="leave logs and tables behind")
    arguments = parser.parse_args(argv)
    seed = arguments.seed if arguments.seed is not None else int(time.time()) % 100_000
    with contextlib.ExitStack() as at_end:
        work = Path(tempfile.mkdtemp(prefix="ledger365-torture-"))
        found = 1
        try:
            found = torture(
                arguments.minutes, seed, tuple(arguments.users), arguments.callers, work
            )
        finally:
            if not arguments.keep and not found:
                at_end.callback(shutil.rmtree, work, ignore_errors=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
