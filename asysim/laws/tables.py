"""A column of a table of text: with names or without, cut by commas, semicolons or tabs."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from asysim.errors import unfit

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
