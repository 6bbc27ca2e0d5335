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
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from bench.parts import SECRET, Task
from bench.pure import recalculation_seconds
from devhost.stack import Stack
from identifiers import ClientId, PortalId, TenantId
from simulator.control import Control

ROOT = Path(__file__).parent.parent
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
        self.results: dict[str, float] = {}
        self.rows: list[tuple[str, str, str]] = []

    def tenant(self, users: int) -> Task:
        """A new tenant of so many users with three licenses each."""
        tenant_id = self.cloud.create_tenant(
            users=users, seed=users, skus=SKUS, licenses_per_user=3
        )
        client_id = str(uuid.uuid4())
        self.cloud.register(tenant_id, client_id, secret=SECRET)
        return Task(TenantId(tenant_id), ClientId(client_id), PortalId(str(uuid.uuid4())))

    def measure(self, module: str, mode: str, given: Task) -> dict[str, Any]:
        """What a process of its own tells of its work."""
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", module, mode],
            cwd=ROOT,
            env={
                **os.environ,
                **self.stack.environment(),
                "BENCH_TASK": msgspec.json.encode(given).decode(),
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
                given = msgspec.structs.replace(given, portal_id=PortalId(str(uuid.uuid4())))
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
        return given

    def against_the_limit(self, given: Task, users: int) -> None:
        """Wall time against what Azurite needs for the rows alone."""
        self.measure("bench.ours", "import", given)
        packed = self.median("bench.limit", "packed", given, "wall_s")
        reading = self.median("bench.ours", "read", given, "wall_s")
        fresh = self.median("bench.ours", "import", given, "wall_s", fresh=True)
        plain = self.measure("bench.limit", "plain", given)
        plain_s = plain["wall_s"] / plain["rows"] * users * 4
        limit = packed + reading
        self.note("packed_write_s", packed, "-", "Azurite alone, the packed rows, s")
        self.note("read_wall_s", reading, "-", "reading Graph alone, s")
        self.note("limit_ratio", fresh / limit, "≤ 1.3", "our import / (reading + writing alone)")
        self.note(
            "plain_rows_ratio", fresh / plain_s, "≤ 1.3", "our import / Azurite taking plain rows"
        )

    def memory(self, small: int, large: int) -> None:
        """Peak memory of a large import against a small one's."""
        little = self.measure("bench.ours", "import", self.tenant(small))
        much = self.measure("bench.ours", "import", self.tenant(large))
        self.note("rss_ratio", much["rss_mb"] / little["rss_mb"], "≤ 1.25", "peak memory")
        self.note("rss_mb", much["rss_mb"], "< 250", f"peak memory, {large:,} users, MB")
        self.note("large_import_s", much["wall_s"], "-", f"our import of {large:,} users, s")

    def unchanged(self, given: Task) -> None:
        """Rows written by importing an unchanged tenant again."""
        self.measure("bench.ours", "import", given)
        again = self.measure("bench.ours", "import", given)
        self.note("unchanged_rows", again["rows_written"], "0", "rows written, nothing changed")

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


def _process_seconds(program: str) -> float:
    values = []
    for _ in range(9):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
        values.append(time.perf_counter() - began)
    return statistics.median(values)


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--large", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="ledger365-bench-") as directory,
        Stack(Path(directory), devhost=False) as stack,
    ):
        bench = Bench(stack, arguments.rounds)
        given = bench.against_the_sdk(arguments.users)
        bench.against_the_limit(given, arguments.users)
        bench.unchanged(given)
        bench.memory(10_000, arguments.large)
        bench.cold_start()
        bench.note(
            "recalc_pure_s_per_million",
            recalculation_seconds(),
            "< 1",
            "recalculation of 1,000,000 consumers, pure part, s",
        )
    table = Table("what", "measured", "wanted")
    for row in bench.rows:
        table.add_row(*row)
    Console().print(table)
    (ROOT / "bench" / "results.json").write_text(json.dumps(bench.results, indent=1) + "\n")


if __name__ == "__main__":
    main()
