"""Runs notebooks and keeps their output: python -m tests.notebooks notebooks/*.ipynb.

A notebook whose sizes stand in a cell tagged "parameters" runs with smaller ones in the tests:
those of the cell's metadata, "reduced", which then take the place of what the cell says.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def execute(path: Path, *, reduced: bool = False) -> nbformat.NotebookNode:
    """Run a notebook in its own folder and return it with its output; an error is raised."""
    notebook = nbformat.read(path, as_version=4)
    if reduced:
        for cell in notebook.cells:
            if "parameters" in cell.metadata.get("tags", []):
                cell.source = with_sizes(cell.source, cell.metadata["reduced"])
    client = NotebookClient(
        notebook,
        timeout=300,
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
    )
    client.execute()
    return notebook


def with_sizes(source: str, sizes: dict[str, object]) -> str:
    """Return a cell with other values of the names that it sets.

    Raises
    ------
    ValueError
        If it does not set one of them.
    """
    names = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name))
    there = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    if missing := sizes.keys() - there:
        raise ValueError(f"the cell of parameters does not set {', '.join(sorted(missing))}")
    return "\n".join([source, *(f"{name} = {value!r}" for name, value in sizes.items())])


if __name__ == "__main__":
    for name in sys.argv[1:]:
        nbformat.write(execute(Path(name)), name)
        print("ran", name)
