"""The feed's words: $filter, $select, $metadata."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import InvalidInput
from exports.odata import EntityType, comparisons, entity_json, metadata_document, selected
from exports.triggers import SETS
from web.contract import Contract, Timestamp

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"


class Part(Contract):
    units: int


class Thing(Contract):
    thing_id: str
    status: str
    blocked: bool
    cost: Decimal | None = None
    seen_at: Timestamp | None = None
    due: date | None = None
    part: Part = Part(units=2)
    tags: list[str] = []


THING = EntityType("Thing", Thing, ("thingId",), ("status", "blocked"))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("status eq 'open'", {"status": "open"}),
        ("(status eq 'it''s') and (blocked eq true)", {"status": "it's", "blocked": "true"}),
        ("blocked eq false and status eq ''", {"blocked": "false", "status": ""}),
    ],
)
def test_properties_are_compared_for_equality(text: str, values: dict[str, str]):
    assert comparisons(text, THING) == values


@pytest.mark.parametrize(
    "text",
    [
        "",
        "status",
        "status eq",
        "status ne 'open'",
        "status eq 'a' or blocked eq true",
        "status eq 'a' and",
        "startswith(status,'a')",
        "thingId eq 'x'",
        "status eq 'a' and status eq 'b'",
        "status eq 'a' blocked eq true",
        "status eq 'open",
    ],
)
def test_a_filter_beyond_that_is_refused_with_what_would_do(text: str):
    with pytest.raises(InvalidInput) as refused:
        comparisons(text, THING)
    assert refused.value.field == "$filter"
    assert "status, blocked" in refused.value.remedy


@given(st.text(max_size=40))
def test_no_filter_is_misread(text: str):
    try:
        found = comparisons(text, THING)
    except InvalidInput:
        return
    assert found
    assert set(found) <= {"status", "blocked"}


@given(st.text(max_size=20))
def test_every_text_can_be_compared(value: str):
    quoted = value.replace("'", "''")
    assert comparisons(f"status eq '{quoted}'", THING) == {"status": value}


def test_select_keeps_its_order_and_refuses_what_there_is_not():
    assert [c.name for c in selected("status, thingId,status", THING)] == ["status", "thingId"]
    assert selected(None, THING) == selected("*", THING) == THING.columns
    with pytest.raises(InvalidInput) as refused:
        selected("status,nothing", THING)
    assert refused.value.field == "$select"


def test_an_entity_is_flat_and_its_numbers_exact():
    row = Thing(
        thing_id="1",
        status="open",
        blocked=False,
        cost=Decimal("0.10"),
        seen_at=datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC),
        due=date(2026, 6, 1),
        tags=["a", "b"],
    )
    assert msgspec.json.encode(entity_json(row, THING.columns)) == (
        b'{"thingId":"1","status":"open","blocked":false,"cost":0.10,'
        b'"seenAt":"2026-05-04T03:02:01.000Z","due":"2026-06-01","part_units":2,"tags":"a; b"}'
    )


def test_the_metadata_types_every_property_and_says_what_a_set_cannot_do():
    document = ET.fromstring(metadata_document({"things": THING}))  # noqa: S314 - our own
    types = {p.get("Name"): p.get("Type") for p in document.iter(f"{EDM}Property")}
    assert types == {
        "thingId": "Edm.String",
        "status": "Edm.String",
        "blocked": "Edm.Boolean",
        "cost": "Edm.Decimal",
        "seenAt": "Edm.DateTimeOffset",
        "due": "Edm.Date",
        "part_units": "Edm.Int64",
        "tags": "Edm.String",
    }
    assert [key.get("Name") for key in document.iter(f"{EDM}PropertyRef")] == ["thingId"]
    fixed = [path.text for path in document.iter(f"{EDM}PropertyPath")]
    assert "thingId" in fixed
    assert "status" not in fixed


def test_every_entity_set_has_its_keys_and_filters_among_its_properties():
    for name, entity_set in SETS.items():
        entity = entity_set.entity
        names = {column.name for column in entity.columns}
        assert {*entity.keys, *entity.filters} <= names, name
    assert SETS["contacts"].entity.filters == ("portalId", "kind", "blocked")
