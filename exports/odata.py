"""The words of OData 4.0 that the feed speaks: documents, $filter, $select. No I/O.

Source: https://docs.oasis-open.org/odata/odata/v4.01/odata-v4.01-part2-url-conventions.html
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from pydantic import BaseModel

from errors import InvalidInput
from exports.columns import Cell, Column, Kind, columns_of

NAMESPACE = "Ledger365"
CONTAINER = "Ledger"
OPTIONS = ("$top", "$select", "$filter", "$skiptoken", "$format")
_EDMX = "http://docs.oasis-open.org/odata/ns/edmx"
_EDM = "http://docs.oasis-open.org/odata/ns/edm"
_CAPABILITIES = "Org.OData.Capabilities.V1"
_VOCABULARY = f"https://oasis-tcs.github.io/odata-vocabularies/vocabularies/{_CAPABILITIES}.xml"
_EDM_TYPES: dict[Kind, str] = {
    "text": "Edm.String",
    "integer": "Edm.Int64",
    "number": "Edm.Double",
    "decimal": "Edm.Decimal",
    "boolean": "Edm.Boolean",
    "moment": "Edm.DateTimeOffset",
    "day": "Edm.Date",
}
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<sign>[()])|(?P<word>[^\s()']+))", re.DOTALL
)


class EntityType(msgspec.Struct, frozen=True):
    """What an entity set holds: rows of a contract, told apart by `keys`.

    `filters` are the properties that $filter may compare; all names are those
    of the feed.
    """

    name: str
    row: type[BaseModel]
    keys: tuple[str, ...]
    filters: tuple[str, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        """The properties; nested objects are flat, since Power BI's tables are."""
        return columns_of(self.row)


def service_document(root: str, sets: Iterable[str]) -> dict[str, Any]:
    """The list of entity sets at the feed's root."""
    return {
        "@odata.context": f"{root}/$metadata",
        "value": [{"name": name, "kind": "EntitySet", "url": name} for name in sets],
    }


def metadata_document(sets: dict[str, EntityType]) -> bytes:
    """The $metadata document: types, sets, and what the sets can do."""
    ET.register_namespace("edmx", _EDMX)
    ET.register_namespace("", _EDM)
    edmx = ET.Element(f"{{{_EDMX}}}Edmx", {"Version": "4.0"})
    reference = ET.SubElement(edmx, f"{{{_EDMX}}}Reference", {"Uri": _VOCABULARY})
    ET.SubElement(reference, f"{{{_EDMX}}}Include", {"Namespace": _CAPABILITIES})
    services = ET.SubElement(edmx, f"{{{_EDMX}}}DataServices")
    schema = ET.SubElement(services, f"{{{_EDM}}}Schema", {"Namespace": NAMESPACE})
    for entity in sets.values():
        _entity_type(schema, entity)
    container = ET.SubElement(schema, f"{{{_EDM}}}EntityContainer", {"Name": CONTAINER})
    for name, entity in sets.items():
        entity_set = ET.SubElement(
            container,
            f"{{{_EDM}}}EntitySet",
            {"Name": name, "EntityType": f"{NAMESPACE}.{entity.name}"},
        )
        _capabilities(entity_set, entity)
    return bytes(ET.tostring(edmx, encoding="utf-8", xml_declaration=True))


def _entity_type(schema: ET.Element, entity: EntityType) -> None:
    element = ET.SubElement(schema, f"{{{_EDM}}}EntityType", {"Name": entity.name})
    key = ET.SubElement(element, f"{{{_EDM}}}Key")
    for name in entity.keys:
        ET.SubElement(key, f"{{{_EDM}}}PropertyRef", {"Name": name})
    for column in entity.columns:
        attributes = {"Name": column.name, "Type": _EDM_TYPES[column.kind]}
        if column.name in entity.keys:
            attributes["Nullable"] = "false"
        if column.kind == "decimal":
            attributes["Scale"] = "variable"
        ET.SubElement(element, f"{{{_EDM}}}Property", attributes)


def _capabilities(entity_set: ET.Element, entity: EntityType) -> None:
    """Tells clients what not to ask for, so that they do it themselves."""

    def annotation(term: str, **attributes: str) -> ET.Element:
        return ET.SubElement(
            entity_set,
            f"{{{_EDM}}}Annotation",
            {"Term": f"{_CAPABILITIES}.{term}", **attributes},
        )

    annotation("TopSupported", Bool="true")
    annotation("SkipSupported", Bool="false")
    for term, name in (
        ("SortRestrictions", "Sortable"),
        ("CountRestrictions", "Countable"),
        ("ExpandRestrictions", "Expandable"),
        ("SearchRestrictions", "Searchable"),
    ):
        record = ET.SubElement(annotation(term), f"{{{_EDM}}}Record")
        ET.SubElement(record, f"{{{_EDM}}}PropertyValue", {"Property": name, "Bool": "false"})
    record = ET.SubElement(annotation("FilterRestrictions"), f"{{{_EDM}}}Record")
    filterable = "true" if entity.filters else "false"
    ET.SubElement(
        record, f"{{{_EDM}}}PropertyValue", {"Property": "Filterable", "Bool": filterable}
    )
    fixed = ET.SubElement(
        record, f"{{{_EDM}}}PropertyValue", {"Property": "NonFilterableProperties"}
    )
    collection = ET.SubElement(fixed, f"{{{_EDM}}}Collection")
    for column in entity.columns:
        if column.name not in entity.filters:
            ET.SubElement(collection, f"{{{_EDM}}}PropertyPath").text = column.name


def comparisons(text: str, entity: EntityType) -> dict[str, str]:
    """The values that a $filter wants, by property: `a eq 'x' and b eq true`.

    Raises InvalidInput for everything else that $filter knows.
    """
    tokens = [token for token in _tokens(text) if token not in ("(", ")")]
    found: dict[str, str] = {}
    for start in range(0, len(tokens), 4):
        name, *rest = tokens[start : start + 4]
        if len(rest) < 2 or rest[0] != "eq" or (rest[2:] not in ([], ["and"])):
            raise _filter_unsupported(entity)
        if name not in entity.filters or name in found:
            raise _filter_unsupported(entity)
        found[name] = _literal(rest[1])
    if not tokens or tokens[-1] == "and":
        raise _filter_unsupported(entity)
    return found


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    position = 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None:
            return []
        tokens.append(match.group().strip())
        position = match.end()
    return tokens


def _literal(token: str) -> str:
    if token.startswith("'"):
        return token[1:-1].replace("''", "'")
    return token


def _filter_unsupported(entity: EntityType) -> InvalidInput:
    known = ", ".join(entity.filters)
    return InvalidInput(
        "$filter",
        "The feed compares some properties only, each with eq, joined by and.",
        remedy=f"Compare any of {known}, e.g. {entity.filters[0]} eq '…', and filter the rest "
        "after loading."
        if known
        else "Leave $filter out, and filter after loading.",
    )


def selected(text: str | None, entity: EntityType) -> tuple[Column, ...]:
    """The properties that $select names, all without it. Raises InvalidInput."""
    if text is None or text.strip() == "*":
        return entity.columns
    by_name = {column.name: column for column in entity.columns}
    chosen: list[Column] = []
    for part in text.split(","):
        column = by_name.get(part.strip())
        if column is None:
            raise InvalidInput(
                "$select",
                f"{entity.name} has no property of a name in $select.",
                remedy=f"Choose from {', '.join(by_name)}.",
            )
        chosen.append(column)
    return tuple(dict.fromkeys(chosen))


def entity_json(row: BaseModel, columns: Sequence[Column]) -> dict[str, Any]:
    """A row as the feed shows it."""
    return {column.name: _json(column.of(row)) for column in columns}


def _json(cell: Cell) -> Any:
    match cell:
        case datetime():
            return cell.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case date():
            return cell.isoformat()
        case Decimal():
            # a number in JSON, exact to its last digit
            return msgspec.Raw(format(cell, "f").encode())
        case _:
            return cell
