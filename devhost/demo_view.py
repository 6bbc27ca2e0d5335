"""How the demo shows what the API answered: tables for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

Row = Mapping[str, Any]

_COLORS = {
    "compliant": "green",
    "over_licensed": "cyan",
    "under_licensed": "bold red",
    "expiring": "yellow",
    "suspended": "magenta",
    "not_calculable": "dim",
    "cannot_be_synchronized": "bold yellow",
    "passed": "green",
    "failed": "bold red",
    "warning": "yellow",
    "skipped": "dim",
    "Succeeded": "green",
    "PartiallySucceeded": "yellow",
    "Failed": "bold red",
}


def tests_table(rows: Sequence[tuple[str, str, Row]]) -> Table:
    """The outcome of connection tests; a row is portal, kind of credential, test."""
    table = _table("Portal", "Credential", "Connection", "What Entra and Graph said")
    for name, kind, test in rows:
        table.add_row(name, kind, _state(test["state"]), _last_word(test["steps"]))
    return table


def steps_table(steps: Sequence[Row]) -> Table:
    """The steps of one connection test; a remedy stands below its message, skipped ones end it."""
    table = _table("Step", "Result", "Message and remedy")
    for step in steps:
        if step["state"] == "skipped":
            continue
        said = Text(step["message"])
        if step["microsoftCode"] or step["code"]:
            said.append(f"  [{step['microsoftCode'] or step['code']}]", style="dim")
        if step["remedy"]:
            said.append(f"\n→ {step['remedy']}", style="bold")
        table.add_row(step["name"], _state(step["state"]), said)
    skipped = [step["name"] for step in steps if step["state"] == "skipped"]
    if skipped:
        names = Text(", ".join(skipped), style="dim")
        table.add_row(f"{len(skipped)} more", _state("skipped"), names)
    return table


def runs_table(runs: Sequence[Row]) -> Table:
    """Runs of a task, one a portal."""
    table = _table("Portal", "Run", "Counts", "Error and remedy")
    for run in runs:
        error = run["error"]
        said = Text(error["message"]) if error else Text("")
        if error:
            said.append(f"\n→ {error['remedy']}", style="bold")
        counts = ", ".join(
            f"{value:,} {name.replace('_', ' ')}" for name, value in run["counts"].items() if value
        )
        table.add_row(run["portalName"] or "", _state(run["state"]), counts, said)
    return table


def compliance_table(positions: Sequence[Row]) -> Table:
    """Compliance positions, portal by portal."""
    table = _table("Portal", "License", "Entitled", "Consumed", "Available", "Status")
    for column in table.columns[2:5]:
        column.justify = "right"
        column.no_wrap = True
    previous = None
    for position in positions:
        name = position["portalName"]
        if previous not in (None, name):
            table.add_section()
        available = Text(f"{position['available']:,}", "red" if position["available"] < 0 else "")
        table.add_row(
            "" if name == previous else name,
            position["title"],
            f"{position['entitled']:,}",
            f"{position['consumed']:,}",
            available,
            _status(position),
        )
        previous = name
    return table


_CAUSES = {
    "neverAssigned": "never assigned",
    "blocked": "of blocked people",
    "duplicate": "covered by others",
    "inactive": "inactive",
}


def spend_table(spends: Sequence[Row]) -> Table:
    """What licenses cost a year, and what of that is for seats nobody needs."""
    table = _table("License", "Spend a year", "Wasted seats", "Wasted a year")
    for name in ("Spend a year", "Wasted a year"):
        column = next(column for column in table.columns if column.header == name)
        column.justify = "right"
        column.no_wrap = True
    for spend in spends:
        waste, currency = spend["waste"], spend["currency"]
        seats = [
            f"{waste[cause]['seats']:,} {said}"
            for cause, said in _CAUSES.items()
            if waste and waste[cause]["seats"]
        ]
        table.add_row(
            spend["title"],
            money(spend["annualSpend"], currency),
            "\n".join(seats) if waste else "not known",
            Text(money(waste["total"]["annual"], currency) if waste else "–", "bold"),
        )
    return table


def money(amount: str | None, currency: str | None) -> str:
    """An amount with its currency, a dash for none."""
    return "–" if amount is None else f"{Decimal(amount):,} {currency}"


def remedies_table(positions: Sequence[Row]) -> Table:
    """What to do about each status that occurs."""
    table = _table("Status", "What to do")
    for status, remedy in {str(_status(p)): p["remedy"] for p in positions}.items():
        if status != "compliant":
            table.add_row(status, remedy)
    return table


def consumers_table(consumers: Sequence[Row]) -> Table:
    """Who holds a license, and by which way."""
    table = _table("Consumer", "User principal name", "Path", "State")
    for consumer in consumers:
        ways = [
            f"group {path['groupName'] or path['groupId']}" if path["groupId"] else "direct"
            for path in consumer["paths"]
        ]
        state = consumer["state"]
        if consumer["errors"]:
            state += f" ({', '.join(consumer['errors'])})"
        name = consumer["displayName"] or ""
        if consumer["blocked"]:
            name += " (blocked)"
        table.add_row(name, consumer["userPrincipalName"], " + ".join(ways), state)
    return table


def _table(*columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column)
    return table


def _status(position: Row) -> Text:
    text = _state(position["status"])
    return text.append(f": {_words(position['reason'])}") if position["reason"] else text


def _state(value: str) -> Text:
    return Text(_words(value), style=_COLORS.get(value, ""))


def _words(value: str) -> str:
    return value.replace("_", " ") if value.islower() else value


def _last_word(steps: Sequence[Row]) -> Text:
    """The first failure, else the step that names the tenant."""
    failed = next((step for step in steps if step["state"] == "failed"), None)
    if failed is not None:
        return Text(failed["message"])
    told = next((step for step in steps if step["name"] == "organization"), None)
    return Text(told["message"] if told else "")
