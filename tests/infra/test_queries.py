"""The queries of alerts and workbook are valid, and ask only for what the app emits.

What the app emits is what telemetry/signals.py lists, and tests/contract/test_telemetry.py sees.
"""

import json
import os
import re
import subprocess
from functools import cache
from typing import get_args

import pytest

from devhost.node import TOOLS, find_node
from telemetry.signals import Attribute, CounterName, GaugeName, SpanName
from tests.infra.bicep import INFRA, ROOT, parsed

PARSER = TOOLS / "node_modules/@kusto/language-service-next"
ALERTS = INFRA / "modules/alerts.bicep"
FILES = sorted((INFRA / "queries").glob("*.kql"))
needs_parser = pytest.mark.skipif(
    not PARSER.exists() and not os.environ.get("CI"),
    reason="the parser of queries is not installed; `make setup` does it",
)

# The columns that are used, with their types.
# https://learn.microsoft.com/azure/azure-monitor/reference/tables/appmetrics and its siblings
TABLES = {
    "AppMetrics": "(TimeGenerated: datetime, Name: string, Sum: real, Min: real, Max: real, "
    "ItemCount: int, Properties: dynamic)",
    "AppDependencies": "(TimeGenerated: datetime, Name: string, Success: bool, DurationMs: real, "
    "ItemCount: int, Properties: dynamic)",
    "AppExceptions": "(TimeGenerated: datetime, ProblemId: string, ExceptionType: string)",
    "AzureMetrics": "(TimeGenerated: datetime, MetricName: string, Total: real)",
    "Usage": "(TimeGenerated: datetime, DataType: string, IsBillable: bool, Quantity: real)",
}
COUNTERS, GAUGES = set(get_args(CounterName)), set(get_args(GaugeName))


def filled(text: str) -> str:
    """The query with a value where template or workbook put one in."""
    text = re.sub(r"\b[A-Z]+_(MINUTES|HOURS)\b", "10", text)
    return text.replace("{time:grain}", "1h")


@cache
def queries() -> dict[str, str]:
    """Every query of the template, by the file or the title it has."""
    found = {path.stem: filled(path.read_text()) for path in FILES}
    workbook = json.loads((INFRA / "workbook.json").read_text())
    for item in workbook["items"]:
        if "query" in item["content"]:
            found[f"workbook: {item['name']}"] = filled(item["content"]["query"])
    return found


@cache
def judged() -> dict[str, dict[str, list[str]]]:
    """What Microsoft's parser says of each query, and the columns of its result."""
    done = subprocess.run(
        [find_node().executable, ROOT / "tests/infra/kql.js", TOOLS / "node_modules"],
        input=json.dumps({"tables": TABLES, "queries": queries()}),
        capture_output=True,
        text=True,
        check=True,
        timeout=110,
    )
    said: dict[str, dict[str, list[str]]] = json.loads(done.stdout)
    return said


def dimensions() -> dict[str, set[str]]:
    """The dimensions of each metric, as the operations page lists them."""
    page = (ROOT / "docs/operations.md").read_text()
    rows = re.findall(r"^\| `(ledger\.\w+)` \|.*\|([^|]*)\|$", page, re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", cell)) for name, cell in rows}


@needs_parser
@pytest.mark.parametrize("name", queries())
def test_a_query_is_valid(name: str) -> None:
    assert judged()[name]["problems"] == []


@needs_parser
def test_the_parser_tells_what_is_wrong() -> None:
    done = subprocess.run(
        [find_node().executable, ROOT / "tests/infra/kql.js", TOOLS / "node_modules"],
        input=json.dumps({"tables": TABLES, "queries": {"x": "AppMetrics | where Nam == 'x'"}}),
        capture_output=True,
        text=True,
        check=True,
        timeout=110,
    )
    assert "Nam" in json.loads(done.stdout)["x"]["problems"][0]


@pytest.mark.parametrize("name", queries())
def test_a_query_names_only_what_is_emitted(name: str) -> None:
    text = re.sub(r"(?m)^//.*$", "", queries()[name])
    literals = set(re.findall(r'"([^"]*)"', text))
    metrics = {literal for literal in literals if literal.startswith("ledger.")}
    assert metrics <= COUNTERS | GAUGES
    asked = set(re.findall(r"Properties\.(\w+)", text))
    if text.lstrip().startswith("AppMetrics"):
        assert metrics
        assert asked <= set.intersection(*(dimensions()[metric] for metric in metrics))
        # a counter tells how many were added, a gauge how many there are
        if metrics <= COUNTERS:
            assert not re.search(r"\bMax\b", text)
        if metrics <= GAUGES:
            assert not re.search(r"\bSum\b", text)
    elif text.lstrip().startswith("AppDependencies"):
        assert asked <= set(get_args(Attribute))
        assert literals <= set(get_args(SpanName))
    else:
        assert not asked
        assert not metrics


def test_the_operations_page_lists_every_metric() -> None:
    assert set(dimensions()) == COUNTERS | GAUGES


@needs_parser
def test_alerts_that_are_split_by_portal_return_the_portal() -> None:
    rules = parsed(ALERTS)["variables"]["rules"]["value"]
    assert {rule["name"] for rule in rules} == {path.stem for path in FILES}
    for rule in rules:
        columns = judged()[rule["name"]]["columns"]
        assert columns
        assert ("portal_id" in columns) is rule["byPortal"], rule["name"]


def test_every_placeholder_of_a_query_is_filled_by_the_template() -> None:
    template = ALERTS.read_text()
    for path in FILES:
        for placeholder in re.findall(r"\b[A-Z]+_(?:MINUTES|HOURS)\b", path.read_text()):
            assert f"'{placeholder}', string(" in template


def test_the_operations_page_says_what_to_do_about_every_alert() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    for path in FILES:
        assert f"`{path.stem}`" in page


def test_a_window_is_one_that_azure_takes() -> None:
    """https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-create-log-alert-rule"""
    minutes = {"PT5M", "PT10M", "PT15M", "PT30M", "PT45M"}
    taken = minutes | {f"PT{n}H" for n in range(1, 7)} | {"P1D", "P2D"}
    for rule in parsed(ALERTS)["variables"]["rules"]["value"]:
        assert rule["window"] in taken
        assert rule["every"] in taken
