"""Reads measured durations from files as they come: lists, tables of text or Parquet, traces."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from asysim.errors import Fault, InputError, reason, unfit
from asysim.ground.ranges import MOST_SECONDS
from asysim.ground.reading import content, unpacked
from asysim.laws.base import Array

if TYPE_CHECKING:
    import pyarrow.parquet as pq

Column: TypeAlias = str | int
"""What a column is called, or which it is, counted from 1."""


def rows_of(
    text: str, column: Column | None, path: Path, *, tabs: bool = False
) -> Iterator[tuple[str, str]]:
    """Yield the cells of a column, each behind the line and column that it stands in.

    Parameters
    ----------
    text
        The table. Lines that begin with # are comments, but for a first one that has the names.
    column
        Name or number; None: the only one.
    path
        The file, for errors.
    tabs
        Whether nothing but tabs cuts lines.

    Raises
    ------
    InputError
        If there is no such column, or a line is no part of a table.
    """
    lines = text.splitlines()
    first, mark = _beginning(lines, column, tabs=tabs)
    rows = csv.reader(lines[first:], delimiter=mark)
    try:
        names, cells = _names(next(rows, []), lines[:first], mark)
        at = pick(names, column, path)
        if cells:
            yield _cell(cells, at, names, first + rows.line_num, mark)
        for row in rows:
            if row and not row[0].startswith("#"):
                yield _cell(row, at, names, first + rows.line_num, mark)
    except csv.Error as error:
        place = f"line {first + rows.line_num}"
        raise unfit(place, f"no row of a table ({error})", "cells and marks", str(path)) from None


def pick(names: Sequence[str], column: Column | None, path: Path) -> int:
    """Return the place of a column among the names of a table.

    Raises
    ------
    InputError
        If it is not there, or none is named and there are several.
    """
    if column is None and len(names) == 1:
        return 0
    text = str(column)
    if column in names:
        return names.index(text)
    if text.isdecimal() and len(text) < 10 and 1 <= int(text) <= len(names):
        return int(text) - 1
    found = "nothing" if column is None else f'"{column}"'
    listing = (
        " or ".join(f'"{name[:40]}"' for name in names[:20]) or "named in the file's first line"
    )
    raise unfit("column", found, listing, str(path))


def is_number(text: str) -> bool:
    """Whether a text is a number as Python writes one."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _beginning(lines: Sequence[str], column: Column | None, *, tabs: bool) -> tuple[int, str]:
    """Return which line the table begins in, and what cuts its lines."""
    first = 0
    while first < len(lines) and (lines[first].startswith("#") or not lines[first].strip()):
        if column is not None and column == lines[first].strip():
            break  # what looks like a comment is the name asked for
        first += 1
    line = lines[first] if first < len(lines) else ""
    if tabs:
        return first, "\t"
    if ";" in line and ("," not in line or _decimal_commas(line)):
        return first, ";"
    return first, "\t" if "\t" in line and "," not in line else ","


def _decimal_commas(line: str) -> bool:
    return all(is_number(cell.replace(",", ".").strip() or "0") for cell in line.split(";"))


def _names(
    cells: Sequence[str], before: Sequence[str], mark: str
) -> tuple[list[str], Sequence[str]]:
    """Return the names of the columns, and the first row if that is not the line of them."""
    found = [cell.strip() for cell in cells]
    if not all(is_number(_number(cell, mark) or "0") for cell in found) or not any(found):
        return found, ()
    comment = before[-1].lstrip("#") if before and before[-1].startswith("#") else ""
    named = [name.strip() for name in next(csv.reader([comment], delimiter=mark), [])]
    if len(named) == len(found) and not any(map(is_number, named)):
        return named, cells  # as numpy.savetxt writes them
    return [str(number) for number in range(1, len(found) + 1)], cells


def _cell(
    row: Sequence[str], at: int, names: Sequence[str], line: int, mark: str
) -> tuple[str, str]:
    text = row[at].strip() if at < len(row) else ""
    return f"line {line}, column {names[at]}", _number(text, mark)


def _number(text: str, mark: str) -> str:
    """Return a number with a point, where semicolons leave commas for decimals."""
    return text.replace(",", ".") if mark == ";" and text.count(",") == 1 else text


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
        lines = rows_of(text, column, path, tabs=suffix == ".tsv") if table else _list(text)
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
