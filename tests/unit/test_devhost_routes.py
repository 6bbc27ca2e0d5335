"""Route templates: precedence, conflicts, decoding."""

from __future__ import annotations

import pytest

from devhost.routes import Match, Route, RouteError, RouteTable, decode_segment, read_route


def _route(template: str, *methods: str, name: str = "F", prefix: str = "api") -> Route:
    return read_route(name, template, methods, prefix)


def test_a_literal_beats_a_parameter_and_a_parameter_beats_a_catch_all() -> None:
    table = RouteTable(
        [
            _route("{*rest}", "GET", name="Rest"),
            _route("portals/{portal_id}", "GET", name="One"),
            _route("portals/test", "GET", name="Test"),
            _route("portals/{portal_id}/test", "GET", name="TestOne"),
        ]
    )
    assert table.match("GET", "/api/portals/test") == Match("Test", {})
    assert table.match("GET", "/api/portals/a") == Match("One", {"portal_id": "a"})
    assert table.match("GET", "/api/portals/a/test") == Match("TestOne", {"portal_id": "a"})
    assert table.match("GET", "/api/a/b/c") == Match("Rest", {"rest": "a/b/c"})
    assert table.match("GET", "/api") == Match("Rest", {})


def test_another_method_of_a_more_specific_route_does_not_hide_a_general_one() -> None:
    table = RouteTable([_route("a/b", "POST", name="Post"), _route("a/{x}", "GET", name="Get")])
    assert table.match("GET", "/api/a/b") == Match("Get", {"x": "b"})
    assert table.match("DELETE", "/api/a/b") is None


def test_paths_ignore_case_and_a_closing_slash_but_parameters_keep_case() -> None:
    table = RouteTable([_route("Things/{name}", "GET")])
    assert table.match("get", "/API/things/Ab/") == Match("F", {"name": "Ab"})
    assert table.match("GET", "/api/things") is None
    assert table.match("GET", "/api/things//") is None


def test_an_optional_parameter_may_be_absent() -> None:
    table = RouteTable([_route("things/{name?}")])
    assert table.match("GET", "/api/things") == Match("F", {})
    assert table.match("PUT", "/api/things/a") == Match("F", {"name": "a"})
    assert table.match("GET", "/api/things/a/b") is None


@pytest.mark.parametrize("first", ["a/{x}", "A/{x}"])
def test_the_same_shape_with_a_common_method_is_a_conflict(first: str) -> None:
    with pytest.raises(RouteError, match="One and Two have the same route for GET"):
        RouteTable([_route(first, "GET", "PUT", name="One"), _route("a/{y}", "GET", name="Two")])
    RouteTable([_route(first, "PUT", name="One"), _route("a/{y}", "GET", name="Two")])


@pytest.mark.parametrize(
    "template", ["/a", "~/a", "a//b", "{x?}/a", "{*x}/a", "{x}/{X}", "{x:guid}", "a-{x}", "{x"]
)
def test_templates_that_cannot_be_served_are_refused(template: str) -> None:
    with pytest.raises(RouteError):
        _route(template)


def test_the_hosts_own_paths_cannot_be_taken() -> None:
    with pytest.raises(RouteError, match="conflicts"):
        _route("admin/things", prefix="")
    assert _route("admin/things").segments[0].text == "api"


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [
        ("caf%C3%A9", "café"),
        ("a%2fb%2Fc%20d", "a%2fb%2Fc d"),
        ("%FF", "%FF"),
        ("100%", "100%"),
        ("%F0%9F%98%80", "😀"),
        ("a+b", "a+b"),
    ],
)
def test_segments_are_decoded_as_kestrel_does(raw: str, decoded: str) -> None:
    assert decode_segment(raw) == decoded
