"""Delays that others measured, from their files: one column of them, or one for each worker."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from asysim.errors import Fault, InputError, reason, unfit
from asysim.ground.arrays import Floats, Ints
from asysim.ground.reading import check_regular, opened
from asysim.ground.text_table import Column, TextTable, pick
from asysim.trace.parquet import to_numpy

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_LINES = 65_536  # that are in memory at once
_SHORT = 10  # lines in which ages may well rise by one from each to the next
_PARQUET = b"PAR1"
_WANTED = "should be a table of delays (.csv, .parquet), a line for each update"
_NUMBER = "a whole number of updates ≥ 0"

_Numbers: TypeAlias = tuple[Floats, Sequence[str]]
"""Some lines of numbers, not yet looked at, and what their places in the file are called."""


class DelayFile:
    """A file with a line for each update, read piece by piece, in bounded memory.

    With one column, line k, from 0, has the delay τ_k = k − (the version that update k's gradient
    was computed at). With several it has the age of each worker's gradient that update k is made
    of, as in PIAG, where the server keeps one of each worker until a newer one comes.

    Iterating yields delays, shape (lines, columns), and raises InputError for the first that can't
    be: no whole number, negative, of an update before the first, or in a column of a worker older
    by more than 1 than the line before, since no worker's gradient is replaced by an older one.

    Parameters
    ----------
    path
        Text with commas, semicolons, tabs or blanks between columns, with a line of names or
        without, which gzip or bzip2 may have compressed; or Parquet.
    column
        Name of a column, or its number from 1, that has the delays; None: all columns.

    Attributes
    ----------
    names
        Of the columns.

    Raises
    ------
    InputError
        If it can't be read, or there is no such column.
    """

    def __init__(self, path: str | Path, column: Column | None = None) -> None:
        self._path, self._column = Path(path), column
        with _Told(self._path), opened(self._path) as file:
            self.is_parquet = file.read(4) == _PARQUET
        if self._path.suffix == ".parquet" and not self.is_parquet:
            wanted = "Parquet, as its name says; text is named .csv"
            raise unfit("content", "no Parquet file", wanted, str(self._path))
        self.names = self._names()

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def __iter__(self) -> Iterator[Ints]:
        lines, before = 0, None
        counting = np.ones(len(self.names), np.bool_)  # columns that are the number of their line
        with _Told(self._path):
            for numbers, places in self._parquet() if self.is_parquet else self._text():
                check_delays(
                    numbers, places.__getitem__, self.names, str(self._path), lines, before
                )
                delays: Ints = numbers.astype(np.int64)
                counting &= (delays == lines + np.arange(len(delays))[:, None]).all(axis=0)
                lines, before = lines + len(delays), delays[-1]
                yield delays
        if lines == 0:
            raise unfit("content", "no delays", "a line for each update", str(self._path))
        several = len(self.names) > 1 or self._column is not None
        if several and lines > _SHORT and counting.any():
            name = self.names[int(counting.argmax())]
            found = "0, 1, 2, … to the last line: an index, or of a worker that never came"
            wanted = "the ages of a worker's gradient; --column names the one that has the delays"
            raise unfit(f"column {name}", found, wanted, str(self._path))

    # Text ------------------------------------------------------------------------------------

    @contextmanager
    def _table(self) -> Iterator[TextTable]:
        suffixes = [suffix.lower() for suffix in self._path.suffixes[-2:]]
        with opened(self._path) as file, TextIOWrapper(file, encoding="utf-8-sig") as lines:
            yield TextTable(lines, self._path, self._column, tabs=".tsv" in suffixes)

    def _text(self) -> Iterator[_Numbers]:
        with self._table() as table:
            width, chosen = len(table.names), None
            if self._column is not None:
                chosen = pick(table.names, self._column, self._path)
            gaps = _Gaps(str(self._path))
            for before, block in table.blocks(_LINES):
                numbers = _at_once(block, table.mark, width)
                gaps.check(block if numbers is None else block[:1], before)
                if numbers is not None:
                    yield numbers if chosen is None else numbers[:, [chosen]], _Lines(before + 1)
                    continue
                rows = list(table.parsed(block, before))
                places = [f"line {line}" for line, _ in rows]
                cells = [self._whole(line, row, width) for line, row in rows]
                if chosen is not None:
                    cells = [[row[chosen]] for row in cells]
                if cells:
                    yield self._numbers(cells, places), places

    def _whole(self, line: int, row: Sequence[str], width: int) -> Sequence[str]:
        if len(row) == width:
            return row
        wanted = f"{width} column{'s' if width > 1 else ''}, as in the first line"
        found = f"{len(row)} column{'s' if len(row) > 1 else ''}"
        raise unfit(f"line {line}", found, wanted, str(self._path))

    def _numbers(self, cells: list[Sequence[str]], places: Sequence[str]) -> Floats:
        try:
            return np.array(cells, dtype=np.float64)
        except ValueError:
            for place, row in zip(places, cells, strict=True):
                for name, text in zip(self.names, row, strict=True):
                    self._number(text, f"{place}, column {name}")
            raise

    def _number(self, text: str, place: str) -> None:
        try:
            float(text)
        except ValueError:
            found = f'"{text[:40]}"' if text else "nothing"
            raise unfit(place, found, _NUMBER, str(self._path)) from None

    # Parquet ---------------------------------------------------------------------------------

    def _names(self) -> list[str]:
        with _Told(self._path):
            if self.is_parquet:
                with self._open_parquet() as kept:
                    found = list(kept.schema_arrow.names)
            else:
                with self._table() as table:
                    found = table.names
            if not found:
                raise unfit("content", "no delays", "a line for each update", str(self._path))
            return found if self._column is None else [found[pick(found, self._column, self._path)]]

    def _open_parquet(self) -> pq.ParquetFile:
        import pyarrow.parquet as pq

        check_regular(self._path)
        return pq.ParquetFile(str(self._path), pre_buffer=False)

    def _parquet(self) -> Iterator[_Numbers]:
        import pyarrow as pa

        with self._open_parquet() as kept:
            schema = kept.schema_arrow
            for name in self.names:
                place = f"column {name}"
                if schema.names.count(name) > 1:
                    raise unfit(place, "more than one", "one of that name", str(self._path))
                kind = schema.field(name).type
                if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
                    raise unfit(place, str(kind), "a column of numbers", str(self._path))
            first = 1
            for batch in kept.iter_batches(_LINES, columns=self.names):
                columns = [
                    to_numpy(batch.column(name).cast(pa.float64()).fill_null(np.nan))
                    for name in self.names
                ]
                yield np.stack(columns, axis=1), _Lines(first, "row")
                first += len(batch)


def check_delays(
    numbers: Floats,
    place: Callable[[int], str],
    names: Sequence[str],
    source: str,
    lines: int = 0,
    before: Ints | None = None,
) -> None:
    """Raise InputError for the first of some lines' delays that can't be.

    Parameters
    ----------
    numbers
        The lines; (lines, columns).
    place
        What tells of a line, from 0, how its place is called.
    names, source
        Of the columns, and of the file.
    lines, before
        How many lines there were before, and the last of them.
    """
    k = lines + np.arange(len(numbers))[:, None]
    older = np.zeros(numbers.shape, np.bool_)
    if numbers.shape[1] > 1:
        older[1:] = numbers[1:] > numbers[:-1] + 1
        older[0] = False if before is None else numbers[0] > before + 1
    wrong = ~(numbers >= 0) | (numbers != np.floor(numbers)) | (numbers > k) | older
    if not wrong.any():
        return
    row, at = divmod(int(wrong.argmax()), numbers.shape[1])
    found, most = numbers[row, at], int(k[row, 0])
    text = f"{found:.10g}"
    if np.isnan(found):
        text, wanted = "no number", f"{_NUMBER}: each line is an update"
    elif not (found >= 0 and found == np.floor(found)):
        wanted = _NUMBER
    elif found > most:
        wanted = f"at most {most}, the updates made before; the first line is update 0"
    else:
        last = numbers[row - 1, at] if row or before is None else before[at]
        text += f" after {last:.10g}"
        wanted = f"at most {last + 1:.0f}: no worker's gradient is replaced by one of an older x"
    raise unfit(f"{place(row)}, column {names[at]}", text, wanted, source)


def _at_once(lines: Sequence[str], mark: str, width: int) -> Floats | None:
    """Read lines that are numbers and nothing else; None if there may be anything else in them."""
    text = "".join(lines)
    blank = " " in text or "\t" in text or "\n\n" in text or text.startswith("\n")
    if mark != "," or blank or any(line.count(",") != width - 1 for line in lines):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of what is no number
            numbers: Floats = np.fromstring(text.replace(",", " "), sep=" ")
    except (ValueError, DeprecationWarning):
        return None
    # A cell has one number at most, as no blank is in it: so many are one in each.
    return numbers.reshape(-1, width) if numbers.size == width * len(lines) else None


class _Gaps:
    """Looks for empty lines that others follow: each line is an update, so one is missing."""

    def __init__(self, source: str) -> None:
        self._source, self._empty = source, 0

    def check(self, lines: Sequence[str], before: int) -> None:
        for number, line in enumerate(lines, before + 1):
            if not line.strip():
                self._empty = self._empty or number
            elif self._empty and not line.startswith("#"):
                wanted = f"{_NUMBER}: each line is an update"
                raise unfit(f"line {self._empty}", "nothing", wanted, self._source)


class _Lines(Sequence[str]):
    """What lines are called, of which the first has a number; made only when one is asked for."""

    def __init__(self, first: int, word: str = "line") -> None:
        self._first, self._word = first, word

    def __getitem__(self, row: Any) -> Any:
        return f"{self._word} {self._first + row}"

    def __len__(self) -> int:
        return 0


class _Told:
    """Says clearly why a file can't be read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, InputError):
            return
        import pyarrow as pa

        if isinstance(error, UnicodeDecodeError):
            found = "bytes that are not UTF-8 text"
        elif isinstance(error, EOFError | zlib.error):
            found = f"damaged compression ({error})"
        elif isinstance(error, OSError | pa.ArrowException):
            found = reason(error)
        else:
            return
        raise InputError(Fault("content", found, _WANTED, str(self._path))) from None
