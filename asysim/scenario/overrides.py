"""Changes to a scenario: KEY=VALUE, the key dotted, the value in TOML syntax; KEY= takes it out."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from typing import Any

from asysim.errors import Fault
from asysim.ground.toml_text import MISSING, shown
from asysim.scenario.places import value_at

COMMAND_LINE = "command line"
_KEY = re.compile(r"[\w-]+(\.[\w-]+){,40}")
_BARE_WORD = re.compile(r"[A-Za-z_./~][\w./~+:-]*")
OUT = object()
"""What KEY= stands for."""


def override(
    document: dict[str, Any], overrides: Iterable[str]
) -> tuple[dict[str, Any], list[str], list[Fault]]:
    """Return a changed copy of a document, the keys that were set, and what could not be done."""
    keys: list[str] = []
    faults: list[Fault] = []
    for text in overrides:
        parsed = _parsed(text)
        if parsed is None:
            faults.append(bad_syntax(text))
            continue
        key, value = parsed
        document, fault = put(document, key, value)
        if fault is None:
            keys.append(key)
        else:
            faults.append(fault)
    return document, keys, faults


def put(document: dict[str, Any], key: str, value: Any) -> tuple[dict[str, Any], Fault | None]:
    """Return a copy of a document in which a dotted key has a value, or is gone if that is `OUT`.

    Or the document as it is, and why that can't be done.
    """
    obstacle = _obstacle(document, key)
    if obstacle is not None:
        return document, _no_table(document, key, obstacle)
    return _with(document, key.split("."), value), None


def lies_in(key: str, table: str) -> bool:
    """Whether a dotted key is that table, or in it."""
    return key == table or key.startswith(table + ".")


def _parsed(text: str) -> tuple[str, Any] | None:
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not is_dotted(key) or not text.isprintable():
        return None
    try:
        return key, value_of(value)
    except ValueError:
        return None


def is_dotted(key: str) -> bool:
    """Whether a text has the form of a key."""
    return _KEY.fullmatch(key) is not None


def value_of(text: str) -> Any:
    """Return what stands behind KEY=: a value in TOML syntax, a bare word, or nothing, `OUT`.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    text = text.strip()
    if not text:
        return OUT
    try:
        document = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        if _BARE_WORD.fullmatch(text):
            return text
        raise ValueError(text) from None
    if len(document) != 1:
        raise ValueError(text)
    return document["value"]


def _obstacle(document: dict[str, Any], key: str) -> str | None:
    """Return the first dotted key on the way to `key` that is there and has no such place."""
    parts = key.split(".")
    for length in range(1, len(parts)):
        above = ".".join(parts[:length])
        there = value_at(document, above)
        if there is MISSING:
            return None
        if not isinstance(there, dict) and not _has_place(there, parts[length]):
            return above
    return None


def _has_place(there: Any, part: str) -> bool:
    return isinstance(there, list) and part.isdecimal() and int(part) < len(there)


def _with(document: Any, keys: list[str], value: Any) -> Any:
    """Return a copy of nested tables in which one key is set or gone; missing tables are made."""
    first, *rest = keys
    if isinstance(document, list):
        place = int(first)
        inner = _with(document[place], rest, value) if rest else value
        return [*document[:place], *(() if inner is OUT else (inner,)), *document[place + 1 :]]
    if value is OUT and not rest:
        return {key: inner for key, inner in document.items() if key != first}
    return document | {first: _with(document.get(first, {}), rest, value) if rest else value}


def bad_syntax(text: str) -> Fault:
    """Return the fault that a text is no KEY=VALUE."""
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    key = text.partition("=")[0].strip()
    return Fault(
        key=key if _KEY.fullmatch(key) else "override",
        found=text,
        expected="should be KEY=VALUE with a value in TOML syntax, such as workers.count=8 "
        """or 'name="my-run"'""",
        source=COMMAND_LINE,
    )


def _no_table(document: dict[str, Any], key: str, obstacle: str) -> Fault:
    inner = key.removeprefix(obstacle + ".")
    return Fault(
        key=key,
        found=f"{obstacle} = {shown(value_at(document, obstacle))}",
        expected=f"should be a table there to have a key {inner}; "
        f"give {obstacle} whole: '{obstacle}={{{inner} = …}}'",
        source=COMMAND_LINE,
    )
