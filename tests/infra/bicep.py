"""Reads the Bicep modules of infra/ for tests."""

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pycep import BicepParser

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
MODULES = sorted(INFRA.rglob("*.bicep"))

KEYWORDS = ("param", "var", "resource", "module", "output")

_parser = BicepParser()


@functools.cache
def parsed(path: Path) -> dict[str, Any]:
    """The module as pycep reads it: parameters, variables, resources, modules, outputs."""
    tree: Any = _parser.parse(text=path.read_text())
    return dict(tree)


def declared(path: Path) -> dict[str, list[str]]:
    """The names that a module declares, by keyword, read from its lines."""
    found: dict[str, list[str]] = {keyword: [] for keyword in KEYWORDS}
    for line in path.read_text().splitlines():
        match = re.match(rf"({'|'.join(KEYWORDS)}) (\w+)", line)
        if match:
            found[match[1]].append(match[2])
    return found


def required(path: Path) -> set[str]:
    """The parameters without a default."""
    return set(re.findall(r"^param (\w+) \w+$", path.read_text(), re.MULTILINE))


def uses(path: Path) -> Iterator[tuple[str, Path, set[str]]]:
    """Each module that `path` calls: its name there, its file, the parameters it is given."""
    for name, module in parsed(path).get("modules", {}).items():
        config = module["config"]
        given = set((config.get("config") or config)["params"])
        yield name, (path.parent / module["detail"]["path"]).resolve(), given


def without_comments_and_text(path: Path) -> str:
    """The code alone: no comments, no literal text, but what literals interpolate."""
    text = re.sub(r"(?m)(^|\s)//.*$", r"\1", path.read_text())
    text = re.sub(r"\\.", "", text)
    return re.sub(
        r"'([^'\n]*)'", lambda literal: " ".join(re.findall(r"\$\{([^}]*)\}", literal[1])), text
    )
