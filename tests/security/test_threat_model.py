"""The threat model names tests that exist."""

import ast
import re

from tests.security.answers import ROOT

PAGE = ROOT / "docs/security.md"


def all_tests() -> set[str]:
    """The names of all test functions."""
    return {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_test_that_the_threat_model_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text()))
    assert len(named) > 20
    assert named - all_tests() == set()


def test_every_command_that_the_page_names_is_one_of_make() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for command in re.findall(r"`make (\w+)`", PAGE.read_text()):
        assert re.search(rf"^{command}:", makefile, re.MULTILINE), command
