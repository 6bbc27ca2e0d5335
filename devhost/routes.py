"""Route templates of HTTP functions: reading, conflicts, and matching a request's path."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote_to_bytes

_PARAMETER = re.compile(r"\{(\*{0,2})([A-Za-z_]\w*)(\?)?\}")
_ESCAPE = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


class RouteError(Exception):
    """A route template that the host would refuse, or two that contradict each other."""


@dataclass(frozen=True)
class Segment:
    """One part of a template between slashes; `text` is the literal, or the parameter's name."""

    kind: Literal["literal", "parameter", "optional", "rest"]
    text: str


@dataclass(frozen=True)
class Route:
    """A function's template under the route prefix; no methods means every method."""

    function: str
    segments: tuple[Segment, ...]
    methods: frozenset[str]


@dataclass(frozen=True)
class Match:
    """The function for a path, and its route parameters, decoded."""

    function: str
    parameters: dict[str, str]


# ASP.NET Core tries a literal before a parameter, and a catch-all last.
_PRECEDENCE = {"literal": 0, "parameter": 1, "optional": 2, "rest": 3}


def read_route(function: str, template: str, methods: Sequence[str], prefix: str) -> Route:
    """The route of a function; `prefix` is host.json's routePrefix.

    Raises RouteError for what the host refuses: a leading slash, a parameter
    named twice, an optional or catch-all before the end, and a path of the
    host's own. Constraints ({id:guid}) and mixed segments are refused too.
    """
    if template.startswith(("/", "~")):
        raise RouteError(f"{function}: the route {template!r} must not start with / or ~.")
    parts = [*_parts(prefix), *_parts(template)]
    segments = tuple(_segment(function, template, part) for part in parts)
    names = [s.text.lower() for s in segments if s.kind != "literal"]
    if len(names) != len(set(names)):
        raise RouteError(f"{function}: the route {template!r} names a parameter twice.")
    if any(s.kind in ("optional", "rest") for s in segments[:-1]):
        raise RouteError(
            f"{function}: an optional or catch-all parameter must end the route {template!r}."
        )
    if segments and segments[0].kind == "literal" and segments[0].text in ("admin", "runtime"):
        raise RouteError(f"{function}: the route {template!r} conflicts with the host's own.")
    return Route(function, segments, frozenset(m.upper() for m in methods))


class RouteTable:
    """All routes of an app. Raises RouteError if two of them answer the same requests."""

    def __init__(self, routes: Sequence[Route]) -> None:
        taken: dict[tuple[tuple[str, str], ...], list[Route]] = {}
        for route in routes:
            same = taken.setdefault(_shape(route), [])
            for other in same:
                common = route.methods & other.methods
                if common or not route.methods or not other.methods:
                    raise RouteError(
                        f"{other.function} and {route.function} have the same route"
                        f" for {', '.join(sorted(common)) or 'every method'}."
                    )
            same.append(route)
        self._routes = sorted(routes, key=_rank)

    def match(self, method: str, raw_path: str) -> Match | None:
        """The function for an undecoded path, or None: unknown path or method.

        Like the host, an existing path with another method is unknown, and
        HEAD is served only where the function lists it.
        """
        parts = [decode_segment(part) for part in _parts(raw_path)]
        for route in self._routes:
            if route.methods and method.upper() not in route.methods:
                continue
            parameters = _parameters(route.segments, parts)
            if parameters is not None:
                return Match(route.function, parameters)
        return None


def decode_segment(part: str) -> str:
    """A path segment as Kestrel decodes it: not %2F, and not what is no UTF-8."""

    def decoded(match: re.Match[str]) -> str:
        text = match.group()
        if text.upper() == "%2F":
            return text
        try:
            return unquote_to_bytes(text).decode()
        except UnicodeDecodeError:
            return text

    pieces = re.split(r"(%2[Ff])", part)
    return "".join(p if p.upper() == "%2F" else _ESCAPE.sub(decoded, p) for p in pieces)


def _parts(path: str) -> list[str]:
    stripped = path.strip("/")
    return stripped.split("/") if stripped else []


def _segment(function: str, template: str, part: str) -> Segment:
    if "{" not in part and "}" not in part:
        if not part:
            raise RouteError(f"{function}: the route {template!r} has an empty segment.")
        return Segment("literal", part.lower())
    match = _PARAMETER.fullmatch(part)
    if match is None:
        raise RouteError(f"{function}: {part!r} in the route {template!r} is not supported.")
    stars, name, optional = match.groups()
    if stars:
        return Segment("rest", name)
    return Segment("optional" if optional else "parameter", name)


def _shape(route: Route) -> tuple[tuple[str, str], ...]:
    return tuple((s.kind, s.text if s.kind == "literal" else "") for s in route.segments)


def _rank(route: Route) -> tuple[int, ...]:
    return tuple(_PRECEDENCE[s.kind] for s in route.segments)


def _parameters(segments: tuple[Segment, ...], parts: list[str]) -> dict[str, str] | None:
    parameters: dict[str, str] = {}
    for index, segment in enumerate(segments):
        if segment.kind == "rest":
            rest = "/".join(parts[index:])
            return {**parameters, segment.text: rest} if rest else parameters
        if index == len(parts):
            return parameters if segment.kind == "optional" else None
        if segment.kind == "literal":
            if parts[index].lower() != segment.text:
                return None
        elif not parts[index]:
            return None
        else:
            parameters[segment.text] = parts[index]
    return parameters if len(parts) == len(segments) else None
