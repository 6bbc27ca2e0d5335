"""`make demo`: an admin's day on three simulated tenants, told as it happens, then checked."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from devhost.api import ApiError, LedgerApi
from devhost.demo_cast import EXCLUDED, Member, appear
from devhost.demo_spend import contract_of, wrong_waste
from devhost.demo_view import (
    compliance_table,
    consumers_table,
    money,
    remedies_table,
    runs_table,
    spend_table,
    steps_table,
    tests_table,
)
from devhost.node import ROOT, NodeMissing
from devhost.processes import StartFailed
from devhost.stack import Stack, end_on_sigterm
from simulator.control import Control

RUN_SECONDS = 300
_CONSUMERS_SHOWN = 6

Row = Mapping[str, Any]


class Demo:
    """The story; each part calls the API and shows its answer."""

    def __init__(self, stack: Stack, console: Console) -> None:
        self._console = console
        self._stack = stack
        self._api = LedgerApi(stack.api_url, stack.function_key)
        self._control = Control(stack.simulator_url, stack.control_key, stack.ca_bundle)
        self._portal_ids: dict[str, str] = {}
        self.members: list[Member] = []

    def play(self) -> list[str]:
        """Plays everything; what is not as it must be, one sentence each."""
        members = self.members = self._create_tenants()
        tests = self._connect(members)
        imports = self._run("Import", "imports", {})
        self._run("Recalculation", "compliance/recalculate", {})
        self._enter_contracts(members[0])
        self._run("Usage of Contoso", f"portals/{self._portal_ids[members[0].name]}/usage", {})
        self._exclude(members[0])
        chosen = {"portalIds": [self._portal_ids[members[0].name]]}
        self._run("Recalculation of Contoso", "compliance/recalculate", chosen)
        positions = self._show_compliance()
        self._show_consumers(positions)
        spends = self._show_spend(members[0])
        truths = {m.name: self._control.truth(m.tenant_id) for m in members if m.connects}
        return [
            *wrong_tests(members, tests),
            *wrong_imports(members, imports),
            *wrong_positions(positions, truths),
            *wrong_waste(spends, self._control.truth(members[0].tenant_id, users=True)),
        ]

    def _create_tenants(self) -> list[Member]:
        self._title("Three tenants in the simulated Microsoft cloud")
        members = appear(self._control)
        for member in members:
            truth = self._control.truth(member.tenant_id)
            self._console.print(
                f"  {member.name}: {truth['user_count']:,} users,"
                f" {len(truth['entitled'])} licenses, tenant {member.tenant_id}"
            )
        return members

    def _connect(self, members: Sequence[Member]) -> dict[str, Row]:
        self._title("Connect each as a portal, and test the connection")
        tests: dict[str, Row] = {}
        for member in members:
            with self._console.status(f"Connecting {member.name} …"):
                portal = self._api.call("POST", "portals", member.request)
                self._portal_ids[member.name] = portal["portalId"]
                tests[member.name] = self._api.call("POST", f"portals/{portal['portalId']}/test")
        self._console.print(tests_table([(m.name, m.kind, tests[m.name]) for m in members]))
        for member in members:
            if tests[member.name]["state"] != "passed":
                self._console.print(f"[bold]{member.name}, step by step[/bold]")
                self._console.print(steps_table(tests[member.name]["steps"]))
        return tests

    def _run(self, title: str, path: str, body: dict[str, Any]) -> Sequence[Row]:
        """Starts a task over portals and waits; the runs of the portals."""
        self._title(title)
        started = time.monotonic()
        run_id = self._api.call("POST", path, body)["runId"]
        with self._console.status("Queued …") as status:

            def progress(run: Row) -> None:
                done = [c for c in run["children"] if c["finishedAt"]]
                status.update(f"{run['state']}: {len(done)} of {len(run['children'])} portals …")

            run = self._api.wait_for_run(run_id, seconds=RUN_SECONDS, progress=progress)
        children: Sequence[Row] = sorted(run["children"], key=lambda c: c["portalName"] or "")
        self._console.print(runs_table(children or [run]))
        self._console.print(
            f"  {run['state']} after {time.monotonic() - started:.1f} s,"
            f" GET /api/runs/{run_id} has the log.",
            highlight=False,
        )
        return children

    def _enter_contracts(self, member: Member) -> None:
        self._title(f"Enter what {member.name} pays")
        portal_id = self._portal_ids[member.name]
        part_numbers = self._control.truth(member.tenant_id)["part_numbers"]
        for part_number, sku_id in part_numbers.items():
            body = contract_of(part_number)
            if body is None:
                continue
            contract = self._api.call("PUT", f"licenses/{portal_id}/{sku_id}/contract", body)
            said = (
                f"{money(contract['annualSpend'], contract['currency'])} a year,"
                f" {money(contract['unitCost'], contract['currency'])} a unit"
                if contract["managed"]
                else "unmanaged: left out of every figure"
            )
            self._console.print(f"  {part_number}: {said}", highlight=False)

    def _show_spend(self, member: Member) -> list[Row]:
        self._title(f"What {member.name} could save")
        portal_id = self._portal_ids[member.name]
        spends: list[Row] = list(self._api.every("spend", portalId=portal_id))
        self._console.print(spend_table(spends))
        for totals in self._api.call("GET", f"spend/summary?portalId={portal_id}")["currencies"]:
            currency, waste = totals["currency"], totals["waste"]
            if waste is None:
                continue
            self._console.print(
                f"  [bold]Saving found: {money(waste['total']['annual'], currency)}[/bold] of"
                f" {money(totals['annualSpend'], currency)} a year, in"
                f" {waste['total']['seats']:,} wasted seats.",
                highlight=False,
            )
        return spends

    def _exclude(self, member: Member) -> None:
        sku_id = self._control.truth(member.tenant_id)["part_numbers"][EXCLUDED]
        self._title(f"Exclude {EXCLUDED} of {member.name} from the import")
        portal_id = self._portal_ids[member.name]
        self._api.call("PUT", f"portals/{portal_id}/exclusions", {"exclusions": [sku_id]})
        self._console.print("  Its position will say so, and heal when the exclusion goes.")

    def _show_compliance(self) -> list[Row]:
        self._title("Compliance")
        positions = sorted(
            self._api.every("compliance"), key=lambda p: (p["portalName"], p["title"].casefold())
        )
        self._console.print(compliance_table(positions))
        self._console.print(remedies_table(positions))
        summary = self._api.call("GET", "compliance/summary")
        self._console.print(
            f"  {summary['licenses']} licenses: {summary['shortfall']:,} units short,"
            f" {summary['spare']:,} spare.",
            highlight=False,
        )
        return list(positions)

    def _show_consumers(self, positions: Sequence[Row]) -> None:
        chosen = next((p for p in positions if p["skuPartNumber"] == "SPE_E3"), None)
        if chosen is None:
            return
        self._title(f"Who consumes {chosen['title']} of {chosen['portalName']}, and by which path")
        path = f"licenses/{chosen['portalId']}/{chosen['skuId']}/consumers"
        seen: dict[tuple[str, str], list[Row]] = {}
        for consumer in self._api.every(path, top="500"):
            seen.setdefault((consumer["path"], consumer["state"]), []).append(consumer)
        # a few of each way and state rather than the first of one kind
        shown = [c for same in seen.values() for c in same[:2]][:_CONSUMERS_SHOWN]
        self._console.print(consumers_table(shown))
        total = sum(len(same) for same in seen.values())
        self._console.print(f"  {len(shown)} of {total:,}", highlight=False)

    def _title(self, text: str) -> None:
        self._console.print()
        self._console.rule(f"[bold]{text}", align="left")


def wrong_tests(members: Sequence[Member], tests: Mapping[str, Row]) -> list[str]:
    """What is not as it must be with the connection tests."""
    wrong = []
    for member in members:
        test = tests[member.name]
        expected = "passed" if member.connects else "failed"
        if test["state"] != expected:
            wrong.append(f"The connection test of {member.name} is {test['state']}.")
        codes = [step["code"] for step in test["steps"] if step["state"] == "failed"]
        if not member.connects and codes != ["token_rejected"]:
            wrong.append(f"{member.name} failed with {codes}, not with token_rejected.")
    return wrong


def wrong_imports(members: Sequence[Member], runs: Sequence[Row]) -> list[str]:
    """What is not as it must be with the import of each portal."""
    by_name = {run["portalName"]: run for run in runs}
    wrong = []
    for member in members:
        run = by_name.get(member.name)
        if run is None:
            wrong.append(f"{member.name} has no import.")
        elif member.connects and run["state"] != "Succeeded":
            wrong.append(f"The import of {member.name} is {run['state']}: {run['error']}")
        elif not member.connects and (run["error"] or {}).get("code") != "token_rejected":
            wrong.append(f"The import of {member.name} did not fail with token_rejected.")
    return wrong


def wrong_positions(positions: Sequence[Row], truths: Mapping[str, Row]) -> list[str]:
    """Where the ledger's numbers differ from what the simulator knows of its tenants."""
    found = {(p["portalName"], p["skuId"]): p for p in positions}
    wrong = [f"There is a position for {name}." for name, _ in found if name not in truths]
    for name, truth in truths.items():
        for part_number, sku_id in truth["part_numbers"].items():
            position = found.get((name, sku_id))
            if position is None:
                wrong.append(f"{name} has no position for {part_number}.")
                continue
            wrong += [
                f"{part_number} of {name}: {field} {position[field]}, in truth"
                f" {truth[field][sku_id]}."
                for field in ("entitled", "consumed")
                if position[field] != truth[field][sku_id]
            ]
            excluded = (name, part_number) == ("Contoso", EXCLUDED)
            if (position["reason"] == "excluded_from_import") is not excluded:
                wrong.append(f"{part_number} of {name} has the reason {position['reason']}.")
    return wrong


def _invite(console: Console, stack: Stack) -> None:
    key = f'-H "x-functions-key: {stack.function_key}"'
    console.print()
    console.rule("[bold]The API keeps serving; Ctrl-C ends everything", align="left")
    console.print(f"  URL  {stack.api_url}\n  Key  {stack.function_key}\n", highlight=False)
    console.print(f"  The console, in a browser: {stack.api_url}/console\n", highlight=False)
    for path in ("portals", "compliance?status=under_licensed", "runs?state=Failed"):
        console.print(f"  curl -s {key} '{stack.api_url}/{path}'", highlight=False, soft_wrap=True)


def main() -> int:
    """Plays the demo; the result is 0 if everything is as it must be."""
    end_on_sigterm()
    console = Console()
    once = os.environ.get("ONCE", "") not in ("", "0")
    run_dir = Path(os.environ.get("DEMO_RUN_DIR") or ROOT / ".run" / "demo")
    stack = Stack(run_dir)
    try:
        with console.status("Starting Azurite, the simulated Microsoft cloud, and the host …"):
            stack.start()
        wrong = Demo(stack, console).play()
        for sentence in wrong:
            console.print(f"[bold red]Not as it must be:[/bold red] {sentence}")
        if not wrong:
            console.print("\n[green]Every number equals what the tenants themselves hold.[/green]")
        if not once:
            _invite(console, stack)
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        return 0
    except (ApiError, TimeoutError, OSError) as error:
        console.print(f"[bold red]{error}[/bold red]\n{stack.log_tails()}", markup=False)
        return 1
    except (StartFailed, NodeMissing) as error:
        console.print(str(error), style="red", markup=False)
        return 1
    finally:
        stack.stop()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
