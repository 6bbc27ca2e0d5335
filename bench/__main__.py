"""make bench: measures everything side by side, prints the table, writes bench/results.json."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from bench.fan_out import WORKERS, fan_out
from bench.parts import SECRET, Task
from bench.pure import recalculation_seconds
from bench.reading import reading
from devhost.stack import Stack
from identifiers import ClientId, PortalId, TenantId
from simulator.control import IMPORT_PERMISSIONS, Control

ROOT = Path(__file__).parent.parent
PEER = ROOT / ".tools" / "cartography" / "bin" / "python"
PERMISSIONS = (*IMPORT_PERMISSIONS, "Reports.Read.All", "ReportSettings.Read.All")
SKUS = [
    {"part_number": part, "enabled": 2_000_000}
    for part in ("SPE_E3", "POWER_BI_PRO", "VISIOCLIENT")
]


class Bench:
    """The running parts, and what was measured on them."""

    def __init__(self, stack: Stack, rounds: int) -> None:
        self.stack = stack
        self.rounds = rounds
        self.cloud = Control(stack.simulator_url, stack.control_key, stack.ca_bundle)
        self.small = self.tenant(50)
        self.results: dict[str, float] = {}
        self.rows: list[tuple[str, str, str]] = []

    def tenant(self, users: int, **spec: Any) -> Task:
        """A new tenant of so many users with three licenses each."""
        tenant_id = self.cloud.create_tenant(
            users=users, seed=users, skus=SKUS, licenses_per_user=3, **spec
        )
        client_id = str(uuid.uuid4())
        self.cloud.register(tenant_id, client_id, secret=SECRET, permissions=PERMISSIONS)
        return Task(TenantId(tenant_id), ClientId(client_id), PortalId(str(uuid.uuid4())))

    def measure(
        self, module: str, mode: str, given: Task, *, python: str = sys.executable
    ) -> dict[str, Any]:
        """What a process of its own tells of its work."""
        given = msgspec.structs.replace(
            given,
            small_tenant_id=self.small.tenant_id,
            small_client_id=self.small.client_id,
            control_url=self.cloud.url,
            control_key=self.stack.control_key,
            ca_bundle=str(self.stack.ca_bundle),
        )
        done = subprocess.run(
            [python, "-W", "ignore", "-m", module, mode],
            cwd=ROOT,
            env={
                **os.environ,
                **self.stack.environment(),
                "BENCH_TASK": msgspec.json.encode(given).decode(),
                "BENCH_SECRET": SECRET,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{module} {mode} failed:\n{done.stderr[-3000:]}")
        told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return told

    def median(
        self, module: str, mode: str, given: Task, key: str, *, fresh: bool = False
    ) -> float:
        """The median of a figure over the rounds; `fresh` imports into a new portal each time."""
        values = []
        for _ in range(self.rounds):
            if fresh:
                given = _elsewhere(given)
            values.append(float(self.measure(module, mode, given)[key]))
        return statistics.median(values)

    def note(self, key: str, value: float, wanted: str, text: str) -> None:
        """Keeps a result."""
        self.results[key] = round(value, 3)
        self.rows.append((text, f"{value:,.2f}", wanted))
        Console().print(f"{text}: {value:,.2f} (wanted {wanted})")

    def against_the_sdk(self, users: int) -> Task:
        """Wall time of an import, and CPU time of reading, against the SDK way."""
        given = self.tenant(users)
        self.measure("bench.ours", "read", given)  # the simulator encodes each user once
        ours = self.median("bench.ours", "import", given, "wall_s", fresh=True)
        read = self.median("bench.ours", "read", given, "cpu_s")
        sdk = self.measure("bench.sdk_way", "import", given)["wall_s"]
        sdk_read = self.measure("bench.sdk_way", "read", given)["cpu_s"]
        self.note("import_wall_s", ours, "-", f"our import of {users:,} users, s")
        self.note("sdk_wall_ratio", sdk / ours, "≥ 30", "import, SDK way / ours, wall time")
        self.note("sdk_cpu_ratio", sdk_read / read, "≥ 100", "reading, SDK way / ours, CPU time")
        peer = self.measure("bench.cartography_way", "read", given, python=str(PEER))["cpu_s"]
        self.note("peer_read_ratio", peer / read, "-", "reading, cartography / ours, CPU time")
        return given

    def against_the_limit(self, given: Task, users: int) -> None:
        """Wall time against reading alone and what Azurite needs for the rows, round by round."""
        self.measure("bench.ours", "import", given)
        rounds = [
            {
                "packed": self.measure("bench.limit", "packed", given)["wall_s"],
                "reading": self.measure("bench.ours", "read", given)["wall_s"],
                "fresh": self.measure("bench.ours", "import", _elsewhere(given))["wall_s"],
            }
            for _ in range(self.rounds)
        ]
        packed, reading, fresh = (
            statistics.median(told[part] for told in rounds)
            for part in ("packed", "reading", "fresh")
        )
        ratio = statistics.median(r["fresh"] / (r["packed"] + r["reading"]) for r in rounds)
        plain = self.measure("bench.limit", "plain", given)
        plain_s = plain["wall_s"] / plain["rows"] * users * 4
        self.note("packed_write_s", packed, "-", "Azurite alone, the packed rows, s")
        self.note("read_wall_s", reading, "-", "reading Graph alone, s")
        self.note("limit_ratio", ratio, "≤ 1.3", "our import / (reading + writing alone)")
        self.note(
            "plain_rows_ratio", fresh / plain_s, "≤ 1.3", "our import / Azurite taking plain rows"
        )

    def large_tenant(self, small: int, large: int) -> None:
        """Memory of a large import, what following changes costs, and its recalculation."""
        little = self.measure("bench.ours", "import", self.tenant(small))
        given = msgspec.structs.replace(self.tenant(large), changes=large // 1000)
        much = self.measure("bench.ours", "import", given)
        self.note("rss_ratio", much["rss_mb"] / little["rss_mb"], "≤ 1.25", "peak memory")
        self.note("rss_mb", much["rss_mb"], "< 250", f"peak memory, {large:,} users, MB")
        self.note("large_import_s", much["wall_s"], "-", f"our import of {large:,} users, s")
        rounds = [self.measure("bench.ours", "follow", given) for _ in range(self.rounds)]
        shares = {
            "requests": [r["graph_requests"] / much["graph_requests"] for r in rounds],
            "writes": [r["rows_written"] / much["rows_written"] for r in rounds],
            "time": [r["wall_s"] / much["wall_s"] for r in rounds],
        }
        for name, values in shares.items():
            share = statistics.median(values)
            self.note(
                f"delta_{name}_ratio", share, "≤ 0.01", f"0.1 % changed / full import, {name}"
            )
        self.note(
            "delta_cost_ratio",
            max(statistics.median(values) for values in shares.values()),
            "≤ 0.01",
            "0.1 % changed / full import, the largest of the three",
        )
        self.note(
            "unchanged_rows",
            max(r["unchanged_rows"] for r in rounds),
            "0",
            "rows written when following no change",
        )
        told = self.measure("bench.ours", "recalculate", given)
        self.note(
            "recalc_s_per_million",
            told["wall_s"] / told["consumers"] * 1e6,
            "-",
            f"recalculation of {told['consumers']:,} consumers from tables to tables, s a million",
        )

    def unchanged(self, given: Task) -> None:
        """Rows written by reading an unchanged tenant in full again."""
        again = self.measure("bench.ours", "import", given)
        self.note(
            "unchanged_full_rows", again["rows_written"], "0", "rows written, full, nothing changed"
        )

    def many_portals(self, portals: int) -> None:
        """Fan-out over workers."""
        told = fan_out(portals, 500)
        for workers in WORKERS:
            self.note(
                f"fan_out_{workers}_portals_per_s",
                told.portals_per_second[workers],
                "-",
                f"{portals} portals of 500 users, {workers} workers, portals a second",
            )
        self.note("imported_twice", told.imported_twice, "0", "portals imported twice")
        self.note("fan_out_others_s", told.others_s, "-", "beside a slow portal, all others, s")
        self.note("fan_out_slow_s", told.slow_s, "-", "the slow portal itself, s")

    def after_imports(self, small: int, large: int) -> None:
        """Memory and time of what reads contacts again: usage runs and consolidations."""
        told: dict[tuple[str, int], dict[str, Any]] = {}
        for users in (small, large):
            given = self.tenant(users, active=0.8)
            self.measure("bench.ours", "import", given)
            for mode in ("usage", "consolidate"):
                told[mode, users] = self.measure("bench.usage", mode, given)
        for mode, what in (("usage", "usage run"), ("consolidate", "consolidation")):
            little, much = told[mode, small], told[mode, large]
            self.note(
                f"{mode}_rss_ratio",
                much["rss_mb"] / little["rss_mb"],
                "-",
                f"{what}, {large:,} / {small:,} users, peak memory",
            )
            self.note(f"{mode}_rss_mb", much["rss_mb"], "-", f"{what}, {large:,} users, MB")
            self.note(f"{mode}_s", much["wall_s"], "-", f"{what}, {large:,} users, s")

    def reading_routes(self, small: int, large: int) -> None:
        """99th percentiles under load."""
        told = reading(small, large)
        for little, much in zip(told[small], told[large], strict=True):
            self.note(f"{little.route}_p99_ms", much.p99_ms, "-", f"GET {little.route}, p99, ms")
            self.note(
                f"{little.route}_size_ratio",
                much.median_ms / little.median_ms,
                "-",
                f"GET {little.route}, {large:,} / {small:,} users, median",
            )

    def cold_start(self) -> None:
        """Indexing our functions against an empty function app, as whole processes."""
        empty = (
            "import azure.functions as func\n"
            "app = func.FunctionApp()\n"
            "@app.route('empty')\n"
            "def empty(req: func.HttpRequest) -> str: return ''\n"
            "app.get_functions()"
        )
        ours = "import function_app; function_app.app.get_functions()"
        ratio = _process_seconds(ours) / _process_seconds(empty)
        self.note("cold_start_ratio", ratio, "≤ 3", "cold start against an empty function app")


def _elsewhere(given: Task) -> Task:
    """The same tenant in a portal of its own."""
    return msgspec.structs.replace(given, portal_id=PortalId(str(uuid.uuid4())))


def _process_seconds(program: str) -> float:
    """Median over whole processes, which find their bytecode as deployed ones do."""
    values = []
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(10):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=True)
        values.append(time.perf_counter() - began)
    return statistics.median(values[1:])


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--large", type=int, default=500_000)
    parser.add_argument("--portals", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(PARTS), help="measure these parts anew")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="ledger365-bench-") as directory,
        Stack(Path(directory), devhost=False) as stack,
    ):
        bench = Bench(stack, arguments.rounds)
        for part in arguments.only or PARTS:
            PARTS[part](bench, arguments)
    table = Table("what", "measured", "wanted")
    for row in bench.rows:
        table.add_row(*row)
    Console().print(table)
    path = ROOT / "bench" / "results.json"
    earlier = json.loads(path.read_text()) if arguments.only else {}
    path.write_text(json.dumps(earlier | bench.results, indent=1) + "\n")


def _imports(bench: Bench, arguments: argparse.Namespace) -> None:
    given = bench.against_the_sdk(arguments.users)
    bench.against_the_limit(given, arguments.users)
    bench.unchanged(given)


def _pure(bench: Bench, arguments: argparse.Namespace) -> None:
    bench.note(
        "recalc_pure_s_per_million",
        recalculation_seconds(),
        "< 1",
        "recalculation of 1,000,000 consumers, pure part, s",
    )


PARTS: dict[str, Callable[[Bench, argparse.Namespace], None]] = {
    "imports": _imports,
    "large": lambda bench, arguments: bench.large_tenant(10_000, arguments.large),
    "cold_start": lambda bench, arguments: bench.cold_start(),
    "pure": _pure,
    "fan_out": lambda bench, arguments: bench.many_portals(arguments.portals),
    "usage": lambda bench, arguments: bench.after_imports(10_000, arguments.large // 5),
    "reading": lambda bench, arguments: bench.reading_routes(1_000, arguments.large // 5),
}


if __name__ == "__main__":
    main()
