"""The house: rooms stand on one another, and imports go down only; see docs/design.md."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import asysim

PACKAGE = Path(asysim.__file__).parent
FLOORS = (
    "errors", "ground", "jit", "random", "trace", "laws problems", "coordination updates",
    "scenario", "schedule replay", "theory", "backends", "runs", "sweeps", "studies", "delays",
    "calibration", "advice", "show", "cli",
)  # fmt: skip
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms.split()}
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}


def imports(name: str) -> set[str]:
    """Return the package's modules that a module imports from, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys()
            found |= inside if len(inside) == len(node.names) else inside | {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return (found & MODULES.keys()) - {name}


ARROWS = {name: imports(name) for name in MODULES if name.count(".")}


def test_imports_go_down_only():
    up = [
        f"{name} imports {other}"
        for name, others in ARROWS.items()
        for other in others - {"asysim"}
        if name != "asysim.__main__" and FLOOR[other.split(".")[1]] > FLOOR[name.split(".")[1]]
    ]
    assert not up


def test_no_module_needs_itself():
    # A package's own file runs before its modules do, and belongs to what they may import.
    try:
        TopologicalSorter(ARROWS).prepare()
    except CycleError as circle:
        pytest.fail(" <- ".join(circle.args[1]))
