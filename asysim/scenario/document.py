"""Reads TOML text as a nested dictionary; tells what of one goes too deep, or is no float."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from asysim.errors import Fault, InputError
from asysim.ground.toml_text import shown

_DEEPEST = 40  # tables and lists within one another; a scenario has seven, and each law four more
_LARGEST = 10**300  # whole numbers beyond it are no floats


def read_toml(text: str, source: str) -> dict[str, Any]:
    """Read TOML text; `source` names it in an error.

    Raises
    ------
    InputError
        With the line that is not TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(_syntax_fault(text, str(error), source)) from None
    except RecursionError:
        raise InputError(_too_deep("scenario", source)) from None
    except ValueError as error:  # a number, or a date, that Python can't read
        found = "a number or a date that is out of range"
        raise InputError(Fault("scenario", found, f"is not TOML: {error}", source)) from None


def impossible(document: dict[str, Any], source: str) -> list[Fault]:
    """Return what keeps a document from being read any further: depth, and digits without end."""
    found: list[Fault] = []
    level: list[tuple[str, Any]] = [("", document)]
    for _ in range(_DEEPEST):
        inner: list[tuple[str, Any]] = []
        for key, value in level:
            if isinstance(value, int) and abs(value) > _LARGEST:
                expected = "should be a number of at most 300 digits"
                found.append(Fault(key, shown(value), expected, source))
            elif isinstance(value, dict | list):
                entries = value.items() if isinstance(value, dict) else enumerate(value)
                inner += [(f"{key}.{name}".lstrip("."), entry) for name, entry in entries]
        level = inner
    return [*found, *(_too_deep(key, source) for key, _ in level[:1])]


def _too_deep(key: str, source: str) -> Fault:
    found = "tables or lists in one another without end"
    return Fault(key, found, f"should be at most {_DEEPEST} deep", source)


def _syntax_fault(text: str, message: str, source: str) -> Fault:
    place = re.search(r" \(at line (\d+), column (\d+)\)", message)
    lines = text.splitlines()
    number = int(place[1]) if place else len(lines)
    line = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    where = f" at column {place[2]}" if place else " at the end"
    reason = re.sub(r" \(at .*\)$", "", message)
    return Fault(
        key=f"line {number}",
        found=line or "an empty line",
        expected=f"is not TOML: {reason[:1].lower()}{reason[1:]}{where}",
        source=source,
    )
