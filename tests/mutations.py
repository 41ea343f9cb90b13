"""Scenario files with mistakes in them, of every kind that a person or a program can make."""

from __future__ import annotations

import copy
import datetime
import math
import tomllib
from random import Random
from typing import Any

import tomli_w

from asysim.errors import InputError
from asysim.scenario.load import from_document
from tests import vocabulary
from tests.damage import places_in
from tests.support import ROOT, SCENARIOS

FOLDER = ROOT / "scenarios"
"""Where the files would be."""
_TINY = (0, -1, 1, 2, -0.0, 5e-324, 1e-300, 1e-200, 1e-30, 1e-12, 1e-10, 1e-9, 0.999999)
_HUGE = (
    1e3, 10_000, 10**6, 1e9, 10**9, 10**10, 1e13, 1e18, 1e30, 1e200, 1e300, 1.7e308, -1e300,
    2**31, 2**53 + 1, 2**62, 2**63 - 1, 2**63, 2**64, 10**30, 10**400,
)  # fmt: skip
_STRANGE = (
    math.nan, math.inf, -math.inf, True, False, "", "x", "1", "x" * 5000, "é\u200bñ", "\x00", "\n",
    [], [[]], {}, {"a": 1}, [0], [1, "x"], [1] * 1000, {"k" * 2000: 1}, list("abc") * 400,
    datetime.date(2020, 1, 1),
)  # fmt: skip
PLAIN = """
problem = {kind = "quadratic", dimension = 6}
algorithm = {name = "asysg-con", step = 0.01}
workers = {count = 3, compute = 1e-3}
run = {updates = 100}
"""
LOCK_FREE = PLAIN.replace("asysg-con", "asysg-incon") + "memory = {read = 1e-5, write = 1e-5}\n"

Document = dict[str, Any]

_FILES = [path.read_text(encoding="utf-8") for path in SCENARIOS]
_BASES = [tomllib.loads(text) for text in [*_FILES, *[PLAIN] * 8, *[LOCK_FREE] * 4]]
_KEYS = list(vocabulary.places())


def mutated(seed: int, case: int) -> str:
    """Return the text of one mutated scenario file; the same for the same numbers."""
    rng = Random(f"{seed}/{case}")
    document = copy.deepcopy(rng.choice(_BASES))
    for _ in range(rng.choice((0, 1, 1, 2, 4, 8))):
        document = _grafted(document, rng)
    ways = _OF_NUMBERS if rng.random() < 0.6 else _WAYS
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3))):
        rng.choice(ways)(document, rng)
    text = _toml(document)
    return _damaged(text, rng) if rng.random() < 0.03 else text


def _toml(document: Document) -> str:
    try:
        return tomli_w.dumps(document)
    except (TypeError, ValueError, RecursionError):  # an empty name of a key, say
        return f"problem = {document!r}"


def _grafted(document: Document, rng: Random) -> Document:
    """Put what the schema allows where the schema allows it, if the rest goes with it."""
    changed = copy.deepcopy(document)
    way, node = rng.choice(_KEYS)
    vocabulary.put(changed, way, vocabulary.example(node, rng), rng)
    try:
        from_document(changed, folder=FOLDER)
    except InputError:
        return document
    return changed


def _one(document: Document, rng: Random) -> tuple[Any, Any]:
    found = places_in(document)
    return rng.choice(found) if found else (document, "problem")


def _number(document: Document, rng: Random) -> None:
    """Replace a number by one that is far from it."""
    found = [(here, key) for here, key in places_in(document) if _is_number(here[key])]
    if found:
        here, key = rng.choice(found)
        here[key] = rng.choice(_TINY + _HUGE)


def _scaled(document: Document, rng: Random) -> None:
    """Move a number by some orders of magnitude."""
    found = [(here, key) for here, key in places_in(document) if _is_number(here[key])]
    if found:
        here, key = rng.choice(found)
        factor = 10.0 ** (rng.choice((1, 3, 10, 30)) * rng.uniform(-1, 1))
        try:
            here[key] = type(here[key])(here[key] * factor)
        except OverflowError:
            here[key] = rng.choice(_HUGE)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _value(document: Document, rng: Random) -> None:
    here, key = _one(document, rng)
    here[key] = copy.deepcopy(rng.choice(_TINY + _HUGE + _STRANGE))


def _known_key(document: Document, rng: Random) -> None:
    """Set any key that there is to a number that few people would think of."""
    way, _ = rng.choice(_KEYS)
    vocabulary.put(document, way, copy.deepcopy(rng.choice(_TINY + _HUGE + _STRANGE)), rng)


def _extreme_law(document: Document, rng: Random) -> None:
    """Put a law with one extreme number somewhere."""
    way, node = rng.choice(_LAWS)
    law = vocabulary.example(node, rng)
    if isinstance(law, dict):
        numbers = [key for key, value in law.items() if _is_number(value)]
        if numbers:
            law[rng.choice(numbers)] = rng.choice(_TINY + _HUGE)
    vocabulary.put(document, way, law, rng)


def _is_law(node: Document) -> bool:
    return len([c for c in vocabulary.choices(node) if "law" in c.get("properties", {})]) > 3


_LAWS = [(way, node) for way, node in _KEYS if _is_law(node)]


def _delete(document: Document, rng: Random) -> None:
    here, key = _one(document, rng)
    if key in here or isinstance(here, list):
        del here[key]


def _unknown(document: Document, rng: Random) -> None:
    tables = [document, *(h[k] for h, k in places_in(document) if isinstance(h[k], dict))]
    rng.choice(tables)[rng.choice(("mispelt", "cuont", "x" * 3000, "", "a.b", "law", "kind"))] = 1


def _move(document: Document, rng: Random) -> None:
    """Take a value to another place."""
    here, key = _one(document, rng)
    there, other = _one(document, rng)
    if key in here or isinstance(here, list):
        there[other] = copy.deepcopy(here[key])


def _doubled(document: Document, rng: Random) -> None:
    lists = [h[k] for h, k in places_in(document) if isinstance(h[k], list)]
    if lists:
        entries = rng.choice(lists)
        entries.extend(copy.deepcopy(entries) * rng.choice((1, 1, 50)))


def _wrapped(document: Document, rng: Random) -> None:
    here, key = _one(document, rng)
    if key in here or isinstance(here, list):
        value = copy.deepcopy(here[key])
        here[key] = rng.choice(([value], [value] * 3, {"value": value}, {"mean": value}))


def _other_kind(document: Document, rng: Random) -> None:
    """Call a table one of another kind."""
    marks = {"kind": _KINDS, "law": _NAMES}
    found = [(h, k) for h, k in places_in(document) if k in marks and isinstance(h, dict)]
    if found:
        here, key = rng.choice(found)
        here[key] = rng.choice(marks[key])


def _constants(key: str) -> list[str]:
    tables = vocabulary.SCHEMA["$defs"].values()
    found = (table["properties"].get(key, {}).get("const") for table in tables)
    return sorted(filter(None, found))


_KINDS, _NAMES = _constants("kind"), _constants("law")
_OF_NUMBERS = (_number, _scaled, _scaled, _extreme_law)
_WAYS = (
    *_OF_NUMBERS, _value, _known_key, _known_key, _known_key, _delete, _unknown, _move, _doubled,
    _wrapped, _other_kind,
)  # fmt: skip


def _damaged(text: str, rng: Random) -> str:
    """Damage the text itself."""
    place = rng.randrange(max(1, len(text)))
    lines = text.splitlines(keepends=True)
    return rng.choice(
        (
            text[:place] + text[place + 1 :],
            text[:place] + "\x00" + text[place:],
            text[:place],
            text + rng.choice(lines or [""]),
            "x = " + "[" * 5000 + "\n" + text,
            "x = " + "{a = " * 5000 + "\n" + text,
            "x = " + "9" * 5000 + "\n" + text,
            "x = 1e99999\n" + text,
            "seed = 99999999-01-01\n" + text,
            "",
        )
    )
