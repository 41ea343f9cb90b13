"""Axes of a sweep: KEY=VALUES, a key of the scenario and the values that it is to have in turn.

KEY=1,2,4                values in TOML syntax; an empty one is the key left out
KEY=FROM:TO:COUNT        so many at even distances, both ends among them
KEY=FROM:TO:COUNT:log    at even ratios
KEY=uniform(A,B)         drawn at random; also loguniform, integers and logintegers
KEY+KEY=[1,0.1],[2,0.2]  keys that change together: in each list a value for each of them
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from asysim.errors import Fault, InputError
from asysim.ground.toml_text import shown, toml
from asysim.scenario.overrides import bad_syntax, is_dotted, value_of

TOGETHER = "+"
"""Stands between keys that change together."""

MOST_VALUES = 10**6
"""On one axis."""

_OPENING, _CLOSING, _QUOTES = "[{(", ")}]", "\"'"


def _loguniform(low: float, high: float, unit: float) -> float:
    return math.exp(math.log(low) + unit * (math.log(high) - math.log(low)))


LAWS: dict[str, Callable[[float, float, float], float]] = {
    "uniform": lambda low, high, unit: low + unit * (high - low),
    "loguniform": _loguniform,
    "integers": lambda low, high, unit: low + math.floor(unit * (high - low + 1)),
    "logintegers": lambda low, high, unit: min(high, math.floor(_loguniform(low, high + 1, unit))),
}
"""What makes a value of the two numbers of a random axis, and of one in (0, 1)."""


@dataclass(frozen=True)
class Axis:
    """A key, or several that change together, and their values.

    Attributes
    ----------
    keys
        Dotted names.
    values
        One after the other; each has an entry for each key, `asysim.scenario.overrides.OUT` where
        a key is left out. Empty if they are drawn.
    draw
        What makes a value of a number in (0, 1), for a random axis; None otherwise.
    word
        As it was written.
    """

    keys: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]
    draw: Callable[[float], Any] | None = field(default=None, compare=False)
    word: str = ""

    @property
    def name(self) -> str:
        """The key; keys that change together with a plus between."""
        return TOGETHER.join(self.keys)

    @property
    def override(self) -> str | None:
        """The axis as KEY=VALUE, if it has one key with one value, and so is nothing else."""
        single = self.draw is None and len(self.values) == 1 and len(self.keys) == 1
        return self.word if single else None


def axis(word: str, source: str = "") -> Axis:
    """Read an axis.

    Parameters
    ----------
    word
        KEY=VALUES.
    source
        What a fault names as its place.

    Raises
    ------
    InputError
        If it is none.
    """
    name, equals, text = word.partition("=")
    keys = tuple(key.strip() for key in name.split(TOGETHER))
    if not equals or not all(map(is_dotted, keys)) or not word.isprintable():
        fault = bad_syntax(word)
        raise InputError(Fault(fault.key, fault.found, fault.expected, source))
    key = TOGETHER.join(keys)
    try:
        if len(set(keys)) < len(keys):
            raise ValueError("should name each key once")
        if len(keys) > 1:
            return Axis(keys, tuple(_together(text, len(keys))), word=word)
        draw = _drawn(text)
        if draw is not None:
            return Axis(keys, (), draw, word)
        values = _range(text)
        if values is None:
            values = [_value(piece) for piece in pieces(text)]
        if len(values) > MOST_VALUES:
            raise ValueError(f"should have at most {MOST_VALUES:,} values")
        return Axis(keys, tuple((value,) for value in values), word=word)
    except ValueError as error:
        raise InputError(Fault(key, text.strip(), str(error), source)) from None


def words_of(axes: Mapping[str, Any] | Iterable[str]) -> list[str]:
    """Return axes as words: those of a table of values by key, or the very words.

    A value of such a table is a list of values, None among them where the key is left out, or text:
    a range or a law.
    """
    if not isinstance(axes, Mapping):
        return list(axes)
    return [f"{key}={_written(values)}" for key, values in axes.items()]


def _written(values: Any) -> str:
    if isinstance(values, str):
        return values
    plain = values.tolist() if hasattr(values, "tolist") else list(values)
    return ",".join("" if value is None else toml(_plain(value)) for value in plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(inner) for inner in value]
    return value.item() if hasattr(value, "item") else value


def pieces(text: str) -> Iterator[str]:
    """Cut a text at its commas, but for those within brackets and quotes."""
    depth, quote, begin = 0, "", 0
    for place, letter in enumerate(text):
        if quote:
            if letter == quote and text[place - 1] != "\\":
                quote = ""
        elif letter in _QUOTES:
            quote = letter
        elif letter in _OPENING:
            depth += 1
        elif letter in _CLOSING:
            depth -= 1
        elif letter == "," and depth == 0:
            yield text[begin:place]
            begin = place + 1
    yield text[begin:]


def _value(text: str) -> Any:
    try:
        return value_of(text)
    except ValueError:
        raise ValueError(
            f"{shown(text.strip())} should be a value in TOML syntax, or a bare word; an axis is "
            "KEY=v1,v2,…, KEY=from:to:count, with :log for even ratios, or KEY=uniform(a,b)"
        ) from None


def _together(text: str, count: int) -> Iterator[tuple[Any, ...]]:
    for piece in pieces(text):
        value = _value(piece)
        if not isinstance(value, list) or len(value) != count:
            raise ValueError(
                f"should be lists of {count} values, one for each key, not {piece.strip()}"
            )
        yield tuple(value)


def _drawn(text: str) -> Callable[[float], Any] | None:
    """Return what draws the values of a random axis; None if a text is none."""
    name, bracket, rest = text.strip().partition("(")
    law = LAWS.get(name)
    if law is None or not bracket:
        return None
    whole = name.endswith("integers")
    try:
        low, high = (_number(piece) for piece in rest.removesuffix(")").split(","))
    except ValueError:
        low = high = 0
    fits = all(isinstance(end, int) for end in (low, high)) or not whole
    if not (rest.endswith(")") and fits and low < high and (low > 0 or not name.startswith("log"))):
        kind = "whole numbers" if whole else "numbers"
        least = " above 0" if name.startswith("log") else ""
        raise ValueError(f"should be {name}(a,b) with two {kind} a < b{least}")
    return lambda unit: law(low, high, unit)


def _number(text: str) -> int | float:
    found = value_of(text)
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise ValueError(text)
    return found


def _range(text: str) -> list[Any] | None:
    """Return the values of FROM:TO:COUNT; None if a text is not of that form."""
    first, *more = text.strip().split(":")
    if not more or (not first[:1].strip("+-").isdigit() and first[:1] not in "+-."):
        return None
    log = more[-1].strip() == "log"
    try:
        low, high, count = (_number(piece) for piece in (first, *(more[:-1] if log else more)))
    except ValueError:
        raise ValueError("should be from:to:count, or from:to:count:log, of numbers") from None
    if not isinstance(count, int) or not 2 <= count <= MOST_VALUES:
        raise ValueError(f"should have a count from 2 to {MOST_VALUES:,}")
    if log and not (low > 0 and high > 0):
        raise ValueError("should be of numbers above 0 for even ratios")
    parts = [i / (count - 1) for i in range(count)]
    if log:
        inner = [low ** (1 - part) * high**part for part in parts[1:-1]]
    else:
        inner = [low + part * (high - low) for part in parts[1:-1]]
    values = [low, *inner, high]
    if isinstance(low, int) and isinstance(high, int):
        values = [round(value) for value in values]
        if len(set(values)) < count:
            raise ValueError(
                f"has only {len(set(values))} whole numbers that differ; {low}.0:{high}.0:{count} "
                "has fractions"
            )
    return values
