"""Gives a Parquet file the footer that whoever wrote it was killed before writing.

A footer only says where everything is: where each column of each row group begins, and how long it
is. All of that stands in the headers of the pages as well, so nothing but the footer is lost. The
format: <https://parquet.apache.org/docs/file-format/>.
"""

from __future__ import annotations

import io
import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from asysim.trace.thrift import BINARY, I16, I32, I64, LIST, STRUCT, Field, Reader, Struct, written

_MAGIC = b"PAR1"
_DICTIONARY = 2  # kind of page; one begins each column of a row group
_INT64, _ZSTD = 2, 6
# Fields of Parquet's records, by their numbers there.
_ROWS, _GROUPS = 3, 4
_SIZES = (1, 2, 3)  # kind of page, bytes, bytes as stored
_HEADS = (5, 7)  # of a data page, a dictionary


@dataclass
class _Column:
    """What the pages of one column of one row group say together."""

    begin: int
    data: int = 0
    end: int = 0
    values: int = 0
    size: int = 0
    encodings: set[int] = field(default_factory=set)


def restore_footer(path: Path, schema: pa.Schema, end: int) -> int:
    """Cut a file off after its last whole row group, write a footer, and return its rows.

    To do so again, if it was broken off, does no harm.

    Parameters
    ----------
    path
        A file of 64-bit integers, or lists or structs of them, compressed by zstd, each column with
        a dictionary: as `TraceWriter` makes it.
    schema
        What it was written with.
    end
        Where its last whole row group ends.

    Raises
    ------
    OSError, ValueError
        If the file can't be read or written to, or is something else.
    """
    names = _names(schema)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        columns = list(_columns(data, end))
    groups = [columns[i : i + len(names)] for i in range(0, len(columns), len(names))]
    if len(columns) % len(names):
        raise ValueError(f"{len(columns)} columns in row groups of {len(names)}")
    footer = _empty_footer(schema)
    rows = sum(group[0].values for group in groups)
    records = [_record(number, group, names) for number, group in enumerate(groups)]
    footer[_ROWS] = Field(I64, rows)
    footer[_GROUPS] = Field(LIST, (STRUCT, records))
    text = written(footer)
    with path.open("r+b") as whole:
        whole.truncate(end)
        whole.seek(end)
        whole.write(text + len(text).to_bytes(4, "little") + _MAGIC)
    return rows


def _columns(data: Any, end: int) -> Iterator[_Column]:
    """Yield the columns of a file's row groups in their order."""
    column: _Column | None = None
    reader = Reader(data, len(_MAGIC))
    while reader.at < end:
        begin = reader.at
        kind, size, stored, values, encoding = _page(reader)
        if not 0 <= stored <= end - reader.at:
            raise ValueError(f"a page across byte {end}")
        if kind == _DICTIONARY:
            if column is not None:
                yield column
            column = _Column(begin)
        elif column is None:
            raise ValueError(f"a page without its dictionary at byte {begin}")
        else:
            column.data = column.data or begin
            column.values += values
        column.encodings.add(encoding)
        column.size += size + reader.at - begin
        column.end = reader.at = reader.at + stored
    if column is not None:
        yield column


def _page(reader: Reader) -> tuple[int, int, int, int, int]:
    """Read the header of a page: its kind, bytes, bytes as stored, values, and encoding."""
    begin = reader.at
    try:
        head = reader.struct()
        about = next(head[number].value for number in _HEADS if number in head)
        fields = [*(head[number] for number in _SIZES), about[1], about[2]]
        if any(field.kind != I32 for field in fields):
            raise TypeError
    except (LookupError, StopIteration, TypeError, AttributeError, RecursionError):
        raise ValueError(f"no page at byte {begin}") from None
    kind, size, stored, values, encoding = (field.value for field in fields)
    return kind, size, stored, values, encoding


def _names(schema: pa.Schema) -> list[list[bytes]]:
    """Return the path of each column that is stored, as Parquet names it."""
    with pq.ParquetFile(io.BytesIO(_empty(schema))) as file:
        stored = file.schema
        paths = [stored.column(i).path for i in range(len(stored.names))]
    return [[part.encode() for part in path.split(".")] for path in paths]


def _empty(schema: pa.Schema) -> bytes:
    sink = io.BytesIO()
    pq.ParquetWriter(sink, schema, compression="zstd").close()
    return sink.getvalue()


def _empty_footer(schema: pa.Schema) -> Struct:
    data = _empty(schema)
    size = int.from_bytes(data[-8:-4], "little")
    return Reader(data[-8 - size : -8]).struct()


def _record(number: int, columns: list[_Column], names: list[list[bytes]]) -> Struct:
    """Return what a footer says of a row group."""
    parts = [_part(column, name) for column, name in zip(columns, names, strict=True)]
    return {
        1: Field(LIST, (STRUCT, parts)),
        2: Field(I64, sum(column.size for column in columns)),
        3: Field(I64, columns[0].values),
        5: Field(I64, columns[0].begin),
        6: Field(I64, columns[-1].end - columns[0].begin),
        7: Field(I16, number),
    }


def _part(column: _Column, name: list[bytes]) -> Struct:
    """Return what a footer says of one column of a row group."""
    about: Struct = {
        1: Field(I32, _INT64),
        2: Field(LIST, (I32, sorted(column.encodings))),
        3: Field(LIST, (BINARY, name)),
        4: Field(I32, _ZSTD),
        5: Field(I64, column.values),
        6: Field(I64, column.size),
        7: Field(I64, column.end - column.begin),
        9: Field(I64, column.data),
        11: Field(I64, column.begin),
    }
    return {2: Field(I64, 0), 3: Field(STRUCT, about)}
