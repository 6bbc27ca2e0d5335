"""Chooses a list's form: by `?format=`, or else by the Accept header."""

from __future__ import annotations

from typing import Literal, get_args

from errors import InvalidInput
from exports import csv_file, xlsx_file

FileFormat = Literal["csv", "xlsx"]
Format = Literal["json", FileFormat]
MEDIA_TYPES: dict[str, Format] = {
    "application/json": "json",
    csv_file.MEDIA_TYPE: "csv",
    xlsx_file.MEDIA_TYPE: "xlsx",
}


def chosen_format(parameter: str | None, accept: str | None) -> Format:
    """The form asked for; JSON where nobody asks, or for none that there is.

    Raises InvalidInput for a `format` that there is not.
    """
    if parameter is not None:
        for known in get_args(Format):
            if parameter == known:
                return known  # type: ignore[no-any-return]  # an argument of the Literal
        raise InvalidInput(
            "format",
            "There is no such format.",
            remedy=f"Use one of {', '.join(get_args(Format))}, or leave it out.",
        )
    best: Format = "json"
    best_weight = 0.0
    for part in (accept or "").split(","):
        media_type, _, rest = part.strip().partition(";")
        found = MEDIA_TYPES.get(media_type.strip().lower())
        weight = _weight(rest)
        if found is not None and weight > best_weight:
            best, best_weight = found, weight
    return best


def _weight(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
