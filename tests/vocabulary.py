"""Small documents drawn from the JSON schema of a scenario: whatever a key is, they reach it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from random import Random
from typing import Any

from asysim.scenario import json_schema

SCHEMA = json_schema()
_NUMBERS = (1e-3, 1e-4, 0.5, 1, 2.0, 1.5, 0, 20.0, 1e6)
_WHOLE = (1, 2, 3, 0, 4, 8)
_TEXTS = ("auto", "scenario", "measured.csv", "gone/nowhere.txt", "gone:Rule")

Node = dict[str, Any]
Way = tuple[tuple[str | int, Node], ...]
"""Names of keys, and 0 for an entry of a list, each with the table or list that it is in."""


def resolved(node: Node) -> dict[str, Any]:
    """Return a node of the schema, or what it refers to."""
    if "$ref" in node:
        found: Node = SCHEMA["$defs"][node["$ref"].rpartition("/")[2]]
        return found
    return node


def choices(node: Node) -> list[Node]:
    """Return what a value may be: the members of a union but null, unions within unions flat."""
    node = resolved(node)
    members = node.get("anyOf") or (node.get("oneOf") if "properties" not in node else None)
    if not members:
        return [] if node.get("type") == "null" else [node]
    return [choice for member in members for choice in choices(member)]


def example(node: Node, rng: Random, *, fill: float = 0.2, depth: int = 0) -> Any:
    """Draw a value that a node of the schema allows, as far as the schema says.

    Parameters
    ----------
    fill
        How often a key that may be left out is there.
    """
    node = rng.choice(choices(node))
    if depth > 2:
        fill = 0.0
    if "const" in node:
        return node["const"]
    if "enum" in node:
        return rng.choice(node["enum"])
    kind = node.get("type")
    if kind == "object":
        needed = set(node.get("required", ()))
        ways = [way["required"] for way in node.get("oneOf", ())]
        needed |= set(rng.choice(ways)) if ways else set()
        either = {key for way in ways for key in way} - needed
        return {
            key: example(value, rng, fill=fill, depth=depth + 1)
            for key, value in node["properties"].items()
            if key in needed or (key not in either and rng.random() < fill)
        }
    if kind == "array":
        least = node.get("minItems", 0)
        length = rng.randint(least, max(least, min(3, node.get("maxItems", 3))))
        return [example(node["items"], rng, fill=fill, depth=depth + 1) for _ in range(length)]
    if kind == "boolean":
        return rng.random() < 0.5
    if kind == "integer":
        return rng.choice([value for value in _WHOLE if _allowed(value, node)] or [1])
    if kind == "number":
        return rng.choice([value for value in _NUMBERS if _allowed(value, node)] or [0.5])
    return rng.choice(_TEXTS)


def _allowed(value: float, node: Node) -> bool:
    return (
        node.get("minimum", value) <= value <= node.get("maximum", value)
        and node.get("exclusiveMinimum", value - 1) < value < node.get("exclusiveMaximum", 1e9)
    )  # fmt: skip


def places(node: Node = SCHEMA, depth: int = 5) -> Iterator[tuple[Way, Node]]:
    """Yield the way to every key that the schema knows, with the node that belongs there."""
    if depth == 0:
        return
    for choice in choices(node):
        steps = dict(choice.get("properties", {}))
        if choice.get("type") == "array":
            steps = {0: choice["items"]}
        for part, inner in steps.items():
            yield ((part, choice),), inner
            for way, innermost in places(inner, depth - 1):
                yield ((part, choice), *way), innermost


def put(document: dict[str, Any], way: Way, value: Any, rng: Random) -> None:
    """Set a key; what is not there on the way, or of another kind, is made, with what it needs."""
    here: Any = document
    for (part, _), (_, table) in pairwise(way):
        there = here[part] if isinstance(here, list) or part in here else None
        if not _is_one(there, table):
            there = example(table, rng, fill=0.0, depth=1)
        if isinstance(there, list) and not there:
            there.append({})
        here[part] = here = there
    here[way[-1][0]] = value


def _is_one(value: Any, node: Node) -> bool:
    """Whether a value is of the kind that a node is about."""
    if node.get("type") == "array":
        return isinstance(value, list)
    marks = {key: own["const"] for key, own in node["properties"].items() if "const" in own}
    return isinstance(value, dict) and all(value.get(k) == mark for k, mark in marks.items())
