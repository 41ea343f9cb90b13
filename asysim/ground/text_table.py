"""Tables of text as they come: with commas, semicolons, tabs or blanks, with names or without."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from asysim.errors import unfit

if TYPE_CHECKING:
    from _csv import Reader

Column: TypeAlias = str | int
"""What a column is called, or which it is, counted from 1."""


class TextTable:
    """The lines of a table of text, read one by one.

    Iterating yields (line number from 1, cells) of each line that is no comment and not empty.

    Parameters
    ----------
    lines
        Of the file, in order. Those that begin with # are comments, but for a first one that has
        the names.
    path
        The file, for errors.
    column
        A name that is looked for: what seems a comment may be the line of names that has it.
    tabs
        Whether nothing but tabs cuts lines.

    Attributes
    ----------
    names
        Of the columns; their numbers from 1 if the table has none.
    mark
        What cuts its lines.

    Raises
    ------
    InputError
        If a line is no part of a table.
    """

    def __init__(
        self,
        lines: Iterator[str],
        path: Path,
        column: Column | None = None,
        *,
        tabs: bool = False,
    ) -> None:
        self._path = path
        before, first = _before(lines, column)
        self.mark = "\t" if tabs else _mark(first)
        reader = self._reader(chain([first], lines))
        cells = self._next(reader, len(before)) or []
        self.names, is_data = _names(cells, before[-1] if before else "", self.mark)
        self._read = len(before) + (0 if is_data else reader.line_num)
        self._lines = chain([first], lines) if is_data else lines

    def __iter__(self) -> Iterator[tuple[int, Sequence[str]]]:
        yield from self.parsed(self._lines, self._read)

    def blocks(self, size: int) -> Iterator[tuple[int, list[str]]]:
        """Yield the lines of data as they are, so many at once, and how many lines are before."""
        while block := list(islice(self._lines, size)):
            yield self._read, block
            self._read += len(block)

    def parsed(self, lines: Iterable[str], before: int) -> Iterator[tuple[int, Sequence[str]]]:
        """Yield the number and the cells of some lines, before which there are so many."""
        reader = self._reader(lines)
        while (row := self._next(reader, before)) is not None:
            if row and not row[0].startswith("#"):
                cells = [_number(cell.strip(), self.mark) for cell in row]
                yield before + reader.line_num, cells

    def _reader(self, lines: Iterable[str]) -> Reader:
        return csv.reader(lines, delimiter=self.mark, skipinitialspace=self.mark == " ")

    def _next(self, reader: Reader, before: int) -> list[str] | None:
        try:
            return next(reader, None)
        except csv.Error as error:
            place = f"line {before + reader.line_num}"
            found = f"no row of a table ({error})"
            raise unfit(place, found, "cells and marks", str(self._path)) from None


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
    wanted = (
        " or ".join(f'"{name[:40]}"' for name in names[:20]) or "named in the file's first line"
    )
    if not all(map(str.isdecimal, names)):
        wanted += f", or its number: 1 to {len(names)}"
    raise unfit("column", found, wanted, str(path))


def is_number(text: str) -> bool:
    """Whether a text is a number as Python writes one."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _before(lines: Iterator[str], column: Column | None) -> tuple[list[str], str]:
    """Return the comments and empty lines that a table begins with, and its first line."""
    before: list[str] = []
    for line in lines:
        is_comment = line.startswith("#") or not line.strip()
        if not is_comment or (column is not None and column == line.strip()):
            return before, line  # what looks like a comment may be the name asked for
        before.append(line)
    return before, ""


def _mark(line: str) -> str:
    """Return what cuts the lines of a table, by its first one."""
    words = line.split()
    if len(words) > 1 and all(map(is_number, words)):
        return "\t" if "\t" in line else " "  # as numpy.savetxt writes them
    if ";" in line and ("," not in line or _decimal_commas(line)):
        return ";"
    return "\t" if "\t" in line and "," not in line else ","


def _decimal_commas(line: str) -> bool:
    return all(is_number(cell.replace(",", ".").strip() or "0") for cell in line.split(";"))


def _names(cells: Sequence[str], before: str, mark: str) -> tuple[list[str], bool]:
    """Return the names of the columns, and whether the first row is not the line of them."""
    found = [cell.strip() for cell in cells]
    if not all(is_number(_number(cell, mark) or "0") for cell in found) or not any(found):
        return found, False
    comment = before.lstrip("#") if before.startswith("#") else ""
    named = [name.strip() for name in next(csv.reader([comment], delimiter=mark), [])]
    if len(named) == len(found) and not any(map(is_number, named)):
        return named, True  # as numpy.savetxt writes them
    return [str(number) for number in range(1, len(found) + 1)], True


def _number(text: str, mark: str) -> str:
    """Return a number with a point, where semicolons leave commas for decimals."""
    return text.replace(",", ".") if mark == ";" and text.count(",") == 1 else text
