"""Rows of a sweep as Parquet: its columns, bytes of rows in a row, and what such bytes hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from asysim.errors import first_line
from asysim.ground.reading import check_regular
from asysim.ground.toml_text import toml
from asysim.scenario.overrides import OUT
from asysim.sweeps.design import Asked, Design, design_of
from asysim.sweeps.row import Result

FORMAT = 1
"""Of the files of a sweep."""

NUMBERS = ("index", "point", "repeat", "seed")
"""Columns that say which run a row is of; those of the axes come after."""

_FORMAT_KEY, _SWEEP_KEY = b"asysim.format", b"asysim.sweep"
_KINDS = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
_HUGE = 2**63


class Row(NamedTuple):
    """A run, and what came of it."""

    asked: Asked
    result: Result


class Damaged(ValueError):  # noqa: N818  (it is told, and what was in the file is made again)
    """A file that does not hold what its name says."""


@lru_cache(maxsize=2)
def schema(text: str) -> pa.Schema:
    """Return the columns of a sweep's table: numbers of the run, values of the axes, results.

    A column of an axis is of whole numbers, of numbers, of true and false or of text if all values
    of the axis are; of their TOML as text otherwise. It is null where the key is left out.
    """
    design = design_of(text)
    columns = [(name, pa.int64()) for name in NUMBERS]
    columns += [(key, _kind(design, key)) for key in design.keys if key not in NUMBERS]
    for name, kind in get_type_hints(Result).items():
        plain = next((one for one in _KINDS if kind in (one, one | None)), str)
        columns.append((name, _KINDS[plain]))
    about = {_FORMAT_KEY: str(FORMAT).encode(), _SWEEP_KEY: design.digest.encode()}
    return pa.schema(columns, metadata=about)


def packed(rows: Sequence[Row], text: str) -> bytes:
    """Return rows of a design, which `text` is, as the bytes of a Parquet file."""
    design, columns = design_of(text), schema(text)
    lists: dict[str, list[Any]] = {
        "index": [row.asked.number for row in rows],
        "point": [row.asked.point for row in rows],
        "repeat": [row.asked.repeat for row in rows],
        "seed": [row.asked.seed for row in rows],
    }
    for place, key in enumerate(design.keys):
        if key not in NUMBERS:
            kind = columns.field(key).type
            lists[key] = [_in_column(row.asked.values[place][1], kind) for row in rows]
    for place, name in enumerate(Result._fields):
        lists[name] = [row.result[place] for row in rows]
    return to_bytes(pa.table(lists, columns))


def to_bytes(table: pa.Table) -> bytes:
    """Return a table as the bytes of a Parquet file, of one row group."""
    sink = BytesIO()
    pq.write_table(
        table.combine_chunks(), sink, compression="zstd", write_page_checksum=True,
        row_group_size=max(1, len(table)),
    )  # fmt: skip
    return sink.getvalue()


def unpacked(place: Path | bytes, columns: pa.Schema, first: int, end: int) -> pa.Table:
    """Return what is in a file of runs first, …, end − 1, if it is whole.

    Raises
    ------
    Damaged
        If it can't be read, or does not hold rows of these runs.
    """
    try:
        if isinstance(place, Path):
            check_regular(place)
        source = pa.BufferReader(place) if isinstance(place, bytes) else pa.OSFile(str(place))
        with pq.ParquetFile(source, page_checksum_verification=True) as file:
            if not file.schema_arrow.equals(columns, check_metadata=False):
                raise Damaged("other columns")
            about = file.schema_arrow.metadata or {}
            if any(about.get(key) != value for key, value in columns.metadata.items()):
                raise Damaged("of another sweep, or of another version of its format")
            table = file.read()
    except (pa.ArrowException, OSError, MemoryError) as error:
        raise Damaged(first_line(error)) from None
    if table.column("index").to_pylist() != list(range(first, end)):
        raise Damaged("rows of other runs")
    return table.replace_schema_metadata(columns.metadata)


def _kind(design: Design, key: str) -> pa.DataType:
    kinds = {type(value) for value in design.values_of(key) if value is not OUT}
    if kinds <= {int, float} and len(kinds) == 2:
        return pa.float64()
    huge = kinds == {int} and any(
        value is not OUT and not -_HUGE <= value < _HUGE for value in design.values_of(key)
    )
    return _KINDS.get(kinds.pop(), pa.string()) if len(kinds) == 1 and not huge else pa.string()


def _in_column(value: Any, kind: pa.DataType) -> Any:
    if value is OUT:
        return None
    if kind == pa.float64():
        return float(value)
    return value if kind != pa.string() or isinstance(value, str) else toml(value)


def joined(tables: Iterable[pa.Table], columns: pa.Schema) -> pa.Table:
    """Return tables one after the other."""
    found = list(tables)
    return pa.concat_tables(found) if found else columns.empty_table()
