"""Reads measured durations from files as they come: lists, tables of text or Parquet, traces."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from asysim.errors import Fault, InputError, reason, unfit
from asysim.ground.ranges import MOST_SECONDS
from asysim.ground.reading import content, unpacked
from asysim.ground.text_table import Column, TextTable, is_number, pick
from asysim.laws.base import Array

if TYPE_CHECKING:
    import pyarrow.parquet as pq

Unit: TypeAlias = Literal["s", "ms", "us", "ns"]

_PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_WORDS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_GAPS = {"", "nan", "na", "n/a", "null", "none", "-"}
_PARQUET = b"PAR1"
_READABLE = (
    "should be a file of numbers of seconds, a table (.csv, .tsv, .parquet) or a trace.parquet"
)


def read_times(path: Path, column: Column | None = None, unit: Unit | None = None) -> Array:
    """Read durations in seconds, shape (count,), in the file's order; gaps are left out.

    Parameters
    ----------
    path
        A Parquet file that asysim wrote: a trace, of which it takes `done − ready` of all applied
        gradients. Another Parquet file, or a ``.csv`` or ``.tsv``, or anything with a `column`: a
        table; the columns of text are told apart by commas, semicolons or tabs, and a first line
        in which anything is no number names them. Else one number a line. What follows a # in a
        list, or begins a line of a table with it, is a comment. All but a trace may be compressed
        with gzip or bzip2.
    column
        Name of the column of a table, or its number from 1; None: its only one.
    unit
        Of the numbers; None: seconds.

    Raises
    ------
    InputError
        One fault: the file, the line, what was found there, what would be right.
    """
    data = _content(path)
    if data.startswith(_PARQUET) or path.suffix == ".parquet":
        times = _of_parquet(path, data, column, unit)
    else:
        suffix = Path(path.stem if path.suffix in (".gz", ".bz2") else path.name).suffix.lower()
        table = suffix in (".csv", ".tsv") or column is not None
        text = _text(path, data)
        lines = _cells(text, column, path, tabs=suffix == ".tsv") if table else _list(text)
        each = (_seconds(text, place, path, unit) for place, text in lines)
        times = np.array([one for one in each if one is not None])
    if not len(times):
        raise unfit("content", "no durations", "one duration or more", str(path))
    return times


def _of_parquet(path: Path, data: bytes, column: Column | None, unit: Unit | None) -> Array:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from asysim.trace.reader import is_trace

    is_table = False
    try:
        with pq.ParquetFile(pa.BufferReader(data)) as file:
            is_table = not is_trace(file)
            if is_table:
                return _of_table(path, file, column, unit)
    except (OSError, ValueError, MemoryError, pa.ArrowException) as error:
        if is_table:
            raise _unread(path, f"a damaged table ({reason(error)})") from None
        # Otherwise what reads traces says what is wrong with it.
    for key, told in (("column", column), ("unit", unit)):
        if told is not None:
            wanted = "left out with a trace: it has one kind of time"
            raise unfit(key, f'"{told}"', wanted, str(path))
    return _of_trace(path)


def _of_table(path: Path, file: pq.ParquetFile, column: Column | None, unit: Unit | None) -> Array:
    """Read a column of a Parquet file of somebody else's."""
    import pyarrow as pa

    names = file.schema_arrow.names
    at = pick(names, column, path)
    kind = file.schema_arrow.field(at).type
    place = f"column {names[at]}"
    spans = pa.types.is_duration(kind)
    if not (spans or pa.types.is_integer(kind) or pa.types.is_floating(kind)) or (spans and unit):
        wanted = "a column of numbers, or without a unit of durations"
        raise unfit(place, f"{'durations with a unit' if spans else kind}", wanted, str(path))
    if names.count(names[at]) > 1:
        raise unfit(place, "more than one", "one column of that name", str(path))
    values = file.read(columns=[names[at]]).column(0).drop_null()
    if spans:
        values, unit = values.cast(pa.duration("ns")).cast(pa.int64()), "ns"
    numbers = np.array(values.cast(pa.float64()).to_numpy(), dtype=np.float64)
    numbers = numbers[~np.isnan(numbers)]
    times: Array = numbers / _PER_SECOND[unit or "s"]
    for row in np.flatnonzero(~((times >= 0) & (times <= MOST_SECONDS)))[:1]:
        raise unfit(place, f"{numbers[row]:g}", _a_time(unit), str(path))
    return times


def _of_trace(path: Path) -> Array:
    from asysim.trace.gradient import TIMES
    from asysim.trace.trace import Trace

    trace = Trace.load(path)
    ready, done = (trace.ticks[TIMES.index(name)] for name in ("ready", "done"))
    times: Array = (done - ready)[trace.was_applied] / _PER_SECOND["ns"]
    return times


def _cells(
    text: str, column: Column | None, path: Path, *, tabs: bool
) -> Iterator[tuple[str, str]]:
    """Yield the cells of a column, each behind the line and column that it stands in."""
    lines = TextTable(iter(text.splitlines()), path, column, tabs=tabs)
    at = pick(lines.names, column, path)
    for line, row in lines:
        yield f"line {line}, column {lines.names[at]}", row[at] if at < len(row) else ""


def _list(text: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        found = line.partition("#")[0].strip()
        if found:
            yield f"line {number}", found


def _seconds(text: str, place: str, path: Path, unit: Unit | None) -> float | None:
    """Return the time that stands somewhere; None for a gap."""
    if text.lower() in _GAPS:
        return None
    seconds = float(text) / _PER_SECOND[unit or "s"] if is_number(text) else -1.0
    if not 0 <= seconds <= MOST_SECONDS:
        raise unfit(place, f'"{text[:40]}"', _a_time(unit), str(path))
    return seconds


def _a_time(unit: Unit | None) -> str:
    most = MOST_SECONDS * _PER_SECOND[unit or "s"]
    return f"a number of {_WORDS[unit or 's']} ≥ 0, ≤ {most:g}"


def _content(path: Path) -> bytes:
    try:
        return unpacked(content(path))
    except (OSError, EOFError, zlib.error) as error:
        found = reason(error) if isinstance(error, OSError) else f"damaged compression ({error})"
        raise _unread(path, found) from None


def _text(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")  # with or without a byte order mark
    except UnicodeDecodeError:
        raise _unread(path, "bytes that are not UTF-8 text") from None


def _unread(path: Path, found: str) -> InputError:
    return InputError(Fault("content", found, _READABLE, str(path)))
