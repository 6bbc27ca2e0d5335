"""Derives the columns of a table from a list's contract: nested objects become columns too."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin

import msgspec
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

Cell = str | int | float | bool | Decimal | datetime | date | None
Kind = Literal["text", "integer", "number", "decimal", "boolean", "moment", "day"]

_SPELLED = {
    "id": "ID",
    "ids": "IDs",
    "sku": "SKU",
    "mb": "MB",
    "url": "URL",
    "sha1": "SHA-1",
    "sha256": "SHA-256",
    "microsoft": "Microsoft",
    "graph": "Graph",
    "entra": "Entra",
    "onedrive": "OneDrive",
    "sharepoint": "SharePoint",
    "windows": "Windows",
}
# of use to programs that change a thing, not to readers
_LEFT_OUT = frozenset({"etag"})


class Column(msgspec.Struct, frozen=True):
    """A column: its name in feeds, its header for readers, and the attributes that lead to it."""

    name: str
    header: str
    kind: Kind
    path: tuple[str, ...]

    def of(self, row: BaseModel) -> Cell:
        """The cell of a row; moments in UTC, lists and maps as text."""
        value: Any = row
        for attribute in self.path:
            value = getattr(value, attribute)
            if value is None:
                return None
        if self.kind == "text":
            return text_of(value)
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        return value  # type: ignore[no-any-return]  # the kind says what it is


def row_model(page: type[BaseModel] | None) -> type[BaseModel] | None:
    """The contract of a list's rows, None if the contract is none of a list.

    A list has a field `value` of objects; those that hold their own kind are
    trees, which no table shows.
    """
    if page is None or "value" not in page.model_fields:
        return None
    annotation = page.model_fields["value"].annotation
    if get_origin(annotation) is not list:
        return None
    row = get_args(annotation)[0]
    if not (isinstance(row, type) and issubclass(row, BaseModel)):
        return None
    holds_itself = any(row in _mentioned(f.annotation) for f in row.model_fields.values())
    return None if holds_itself else row


@cache
def columns_of(model: type[BaseModel]) -> tuple[Column, ...]:
    """The columns of a contract, in its order."""
    return tuple(_columns(model, (), ()))


def _columns(
    model: type[BaseModel], path: tuple[str, ...], headers: tuple[str, ...]
) -> Sequence[Column]:
    found: list[Column] = []
    for name, field in model.model_fields.items():
        if name in _LEFT_OUT:
            continue
        annotation = _plain(field.annotation)
        here = (*path, name)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            nested = (*headers, field.title or header_of(name, "text"))
            found += _columns(annotation, here, nested)
            continue
        kind = _kind(annotation)
        header = field.title or header_of(name, kind)
        if headers:
            own = header if name.split("_")[0] in _SPELLED else header[:1].lower() + header[1:]
            header = ": ".join((*headers, own))
        found.append(Column("_".join(to_camel(part) for part in here), header, kind, here))
    return found


def header_of(name: str, kind: Kind) -> str:
    """A field's name as a reader would say it; moments tell their zone."""
    words = name.split("_")
    if kind == "moment" and words[-1] == "at":
        words = words[:-1]
    spelled = [_SPELLED.get(word, word) for word in words]
    text = " ".join(spelled)
    text = text[:1].upper() + text[1:]
    return f"{text} (UTC)" if kind == "moment" else text


def _kind(annotation: Any) -> Kind:
    kinds: Mapping[Any, Kind] = {
        bool: "boolean",
        int: "integer",
        float: "number",
        Decimal: "decimal",
        datetime: "moment",
        date: "day",
    }
    return kinds.get(annotation, "text")


def _plain(annotation: Any) -> Any:
    """The type without None, metadata and new names."""
    while True:
        if isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, types.UnionType):
            rest = [option for option in get_args(annotation) if option is not types.NoneType]
            if len(rest) != 1:
                return annotation
            annotation = rest[0]
        else:
            return annotation


def _mentioned(annotation: Any) -> set[Any]:
    return {annotation}.union(*(_mentioned(part) for part in get_args(annotation)), set())


def text_of(value: Any) -> str:
    """A value as text: lists by semicolons, objects by their fields' names."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, BaseModel):
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        return _pairs(fields, lambda name: name.replace("_", " "))
    if isinstance(value, Mapping):
        return _pairs(value, str)
    if isinstance(value, Sequence):
        return "; ".join(_bracketed(item) for item in value)
    return str(value)


def _pairs(fields: Mapping[Any, Any], name_of: Callable[[Any], str]) -> str:
    return ", ".join(
        f"{name_of(name)} {_bracketed(value)}"
        for name, value in fields.items()
        if value is not None and value != []
    )


def _bracketed(value: Any) -> str:
    """Nested lists in brackets, so that their semicolons stay theirs."""
    text = text_of(value)
    return f"[{text}]" if _is_list(value) else text


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
