"""What docs/scale.md works out follows from the code's own layout and settings."""

import json
import re
from pathlib import Path

import pytest

from graph.users import PAGE_SIZE
from settings import read_settings
from storage.blocks import layout_for

ROOT = Path(__file__).parents[2]
LICENSES = 3
# The columns of the tables: tenants, and users of each.
SIZES = ((500, 1000), (1, 1_000_000), (10_000, 200))


def page() -> str:
    """The page."""
    return (ROOT / "docs/scale.md").read_text()


def first_numbers(row: str) -> list[int]:
    """The number that each cell of a row opens with."""
    (line,) = [line for line in page().splitlines() if line.startswith(f"| {row}")]
    cells = [cell.strip() for cell in line.strip("|").split("|")[1:]]
    return [
        int(cell.removeprefix("about ").split()[0].strip(":").replace(",", "")) for cell in cells
    ]


def test_rows_follow_from_how_contacts_are_packed():
    rows = []
    for tenants, users in SIZES:
        layout = layout_for(users, None)
        rows.append(tenants * ((1 << layout.block_bits) + LICENSES * len(layout.partitions)))
    assert first_numbers("rows of contacts and consumers") == rows


def test_requests_follow_from_the_size_of_a_page():
    # SKUs, subscriptions, deleted users, groups, rooms; and where to follow a larger tenant from
    small = [5, 6, 5]
    requests = [
        tenants * (-(-users // PAGE_SIZE) + more)
        for (tenants, users), more in zip(SIZES, small, strict=True)
    ]
    assert first_numbers("Graph requests of a full round") == requests


def test_what_is_said_of_settings_is_so():
    settings = read_settings({"AzureWebJobsStorage": "UseDevelopmentStorage=true"})
    assert max(SIZES[0][1], SIZES[2][1]) < settings.delta_minimum_contacts < SIZES[1][1]
    host = json.loads((ROOT / "host.json").read_text())
    queues = host["extensions"]["queues"]
    at_once = queues["batchSize"] + queues["newBatchThreshold"]
    assert f"{at_once} imports a worker" in page()
    hours, minutes, seconds = map(int, host["functionTimeout"].split(":"))
    assert settings.import_time_budget_seconds < hours * 3600 + minutes * 60 + seconds


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([A-Z][A-Z_]+)`", page()))))
def test_every_setting_that_the_page_names_is_one(name: str):
    assert name in (ROOT / "settings.py").read_text()
