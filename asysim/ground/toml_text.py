"""Values as TOML writes them, shortened for messages."""

from __future__ import annotations

import math
from itertools import islice
from typing import Any

from asysim.errors import clipped

MISSING = object()
"""Stands for a value that a document does not have."""


def shown(value: Any) -> str:
    """Write a value as TOML does, shortened if it is long."""
    if value is MISSING:
        return "nothing"
    text = toml(value)
    if len(text) <= 60:
        return text
    if isinstance(value, dict):
        names = [clipped(str(key), 30) for key in islice(value, 12)]
        more = f" and {len(value) - 12} more" if len(value) > 12 else ""
        return f"a table with {', '.join(names)}{more}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return text[:57] + "…"


def toml(value: Any) -> str:
    """Write a value as TOML does, on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, int) and value.bit_length() > 1000:  # Python refuses to write some
        return f"a whole number of about {int(value.bit_length() * math.log10(2)):,} digits"
    return str(value)
