"""Changes to a scenario: KEY=VALUE, the key dotted, the value in TOML syntax; KEY= takes it out."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from typing import Any

from asysim.errors import Fault
from asysim.ground.toml_text import shown
from asysim.scenario.places import value_at

COMMAND_LINE = "command line"
_KEY = re.compile(r"[\w-]+(\.[\w-]+){,40}")
_OUT = object()  # what KEY= stands for
_BARE_WORD = re.compile(r"[A-Za-z_./~][\w./~+:-]*")


def override(
    document: dict[str, Any], overrides: Iterable[str]
) -> tuple[dict[str, Any], list[str], list[Fault]]:
    """Return a changed copy of a document, the keys that were set, and what could not be done."""
    keys: list[str] = []
    faults: list[Fault] = []
    for text in overrides:
        parsed = _parsed(text)
        if parsed is None:
            faults.append(_bad_syntax(text))
            continue
        key, value = parsed
        obstacle = _obstacle(document, key)
        if obstacle is None:
            document = _with(document, key.split("."), value)
            keys.append(key)
        else:
            faults.append(_no_table(document, key, obstacle))
    return document, keys, faults


def lies_in(key: str, table: str) -> bool:
    """Whether a dotted key is that table, or in it."""
    return key == table or key.startswith(table + ".")


def _parsed(text: str) -> tuple[str, Any] | None:
    key, equals, value = text.partition("=")
    key, value = key.strip(), value.strip()
    if not equals or not _KEY.fullmatch(key) or not text.isprintable():
        return None
    if not value:
        return key, _OUT
    try:
        document = tomllib.loads(f"value = {value}")
    except (ValueError, RecursionError):
        return (key, value) if _BARE_WORD.fullmatch(value) else None
    return (key, document["value"]) if len(document) == 1 else None


def _obstacle(document: dict[str, Any], key: str) -> str | None:
    """Return the first dotted key on the way to `key` that is there and has no such place."""
    parts = key.split(".")
    for length in range(1, len(parts)):
        above = ".".join(parts[:length])
        there = value_at(document, above)
        if shown(there) == "nothing":
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
        return [*document[:place], *(() if inner is _OUT else (inner,)), *document[place + 1 :]]
    if value is _OUT and not rest:
        return {key: inner for key, inner in document.items() if key != first}
    return document | {first: _with(document.get(first, {}), rest, value) if rest else value}


def _bad_syntax(text: str) -> Fault:
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
