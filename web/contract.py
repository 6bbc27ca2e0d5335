"""The base of every request and response model: camelCase JSON, nothing unknown accepted."""

from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
)
from pydantic.alias_generators import to_camel

from identifiers import canonical_guid


def _utc_text(moment: "datetime") -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[
    datetime,
    PlainSerializer(_utc_text, return_type=str, when_used="json"),
    Field(json_schema_extra={"format": "date-time"}),
]


def _in_utc(moment: "datetime") -> "datetime":
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("Input should be a date and time between the years 1 and 9999") from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


def _dashed(value: object) -> object:
    guid = canonical_guid(value) if isinstance(value, str) else value
    if guid is None:
        raise ValueError("Input should be a GUID with dashes and without braces")
    return guid


Id = TypeVar("Id", bound=str)
# `Guid[PortalId]` takes the one form of a GUID that addresses take, and gives it in lower case.
Guid = Annotated[Id, BeforeValidator(_dashed), Field(json_schema_extra={"format": "uuid"})]


class Contract(BaseModel):
    """A JSON object of the public API."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        defer_build=True,
        from_attributes=True,
        hide_input_in_errors=True,
        serialize_by_alias=True,
    )


class PageQuery(Contract):
    """Paging of every list."""

    top: int = Field(100, ge=1, le=1000, description="Rows a page, 1 to 1000.")
    continuation: str | None = Field(
        None, max_length=4096, description="The `continuation` of the page before."
    )


Row = TypeVar("Row")


class PageOf(Contract, Generic[Row]):
    """One page of a list; `continuation` is null on the last one.

    A page may be empty and still have a continuation.
    """

    value: list[Row]
    continuation: str | None = None


class FieldProblem(BaseModel):
    """One field of the request that cannot be used."""

    field: str
    message: str


class Problem(BaseModel):
    """An error as RFC 9457 describes it, with our code and remedy."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    remedy: str
    field: str | None = None
    errors: list[FieldProblem] | None = None
