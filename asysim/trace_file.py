"""Traces on disk: Parquet, one column for each fact and time, all else in the file's metadata."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from asysim.arrow import to_arrow, to_numpy
from asysim.errors import Fault, InputError, first_line, reason
from asysim.trace import FACTS, TIMES, Brackets, Ints, Sweeps, Trace, TraceInfo

_KEY, _STATUS_KEY, _FORMAT = b"asysim.trace", b"asysim.status", 1
_OURS = "should be a trace.parquet that asysim wrote"
_ROW_GROUP = 65_536  # fixed, so that a file's bytes don't depend on the blocks it came in
_SLICE = pa.struct([(name, pa.int64()) for name in ("update", "first", "last")])


def _schema(info: TraceInfo) -> pa.Schema:
    fields = [(name, pa.int64()) for name in FACTS]
    fields += [(f"{name}_ns", pa.int64()) for name in TIMES]
    if info.algorithm == "asysg-incon":
        fields += [("lo", pa.int64()), ("hi", pa.int64())]
        real = [("begun", pa.int64()), ("after", pa.int64()), ("partly", pa.list_(pa.int64()))]
        fields += [("seen", pa.list_(_SLICE))] if info.exact else real
    about = {"format": _FORMAT} | asdict(info)
    del about["status"]  # not known before the end
    return pa.schema(fields, metadata={_KEY: json.dumps(about, sort_keys=True).encode()})


class TraceWriter:
    """Writes a trace piece by piece; what was written is a whole file once the writer is closed.

    Parameters
    ----------
    path
        The file to make.
    info
        What the trace says of itself; `status` may be set anew before closing.
    """

    def __init__(self, path: str | Path, info: TraceInfo) -> None:
        self.status = info.status
        self._info = info
        self._schema = _schema(info)
        try:
            self._writer = pq.ParquetWriter(
                str(path), self._schema, compression="zstd", write_page_checksum=True
            )
        except OSError as error:
            raise _fault(path, reason(error), "should be a file that can be written to") from None
        self._pending: list[pa.Table] = []
        self._rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def write(self, rows: Trace) -> None:
        """Append rows."""
        self._pending.append(_table(rows, self._schema))
        self._rows += len(rows)
        if self._rows >= _ROW_GROUP:
            self._flush(self._rows - self._rows % _ROW_GROUP)

    def close(self) -> None:
        """Write what is left and the file's end. Closing twice does nothing."""
        if self._writer.is_open:
            self._flush(self._rows)
            self._writer.add_key_value_metadata({_STATUS_KEY: self.status.encode()})
            self._writer.close()

    def _flush(self, rows: int) -> None:
        table = pa.concat_tables(self._pending) if self._pending else self._schema.empty_table()
        self._writer.write_table(table.slice(0, rows).combine_chunks(), row_group_size=_ROW_GROUP)
        self._pending = [table.slice(rows)]
        self._rows -= rows


def _table(rows: Trace, schema: pa.Schema) -> pa.Table:
    columns: list[Any] = [to_arrow(column) for column in (*rows.facts, *rows.ticks)]
    if rows.sweeps is not None:
        s = rows.sweeps
        slices = pa.StructArray.from_arrays(
            [to_arrow(s.update), to_arrow(s.first), to_arrow(s.last)], fields=list(_SLICE)
        )
        seen = pa.ListArray.from_arrays(to_arrow(s.offsets.astype(np.int32)), slices)
        columns += [to_arrow(s.lo), to_arrow(s.hi), seen]
    if rows.brackets is not None:
        b = rows.brackets
        partly = pa.ListArray.from_arrays(to_arrow(b.offsets.astype(np.int32)), to_arrow(b.partly))
        columns += [to_arrow(column) for column in (b.lo, b.hi, b.begun, b.after)] + [partly]
    return pa.table(columns, schema=schema)


def read_trace(path: str | Path) -> Trace:
    """Read a whole trace.

    Raises
    ------
    InputError
        If the file is missing, truncated, not Parquet, or Parquet of something else.
    """
    if Path(path).is_dir():
        raise _fault(path, "a folder", _OURS)
    try:
        with pq.ParquetFile(str(path), page_checksum_verification=True) as file:
            # Not the table's: what the writer added at the end is the file's alone.
            metadata = file.metadata.metadata or {}
            table = file.read()
    except FileNotFoundError:
        raise _fault(path, "no such file", _OURS) from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _fault(path, f"not a whole Parquet file ({first_line(error)})", _OURS) from None
    info = _info(path, metadata)
    for column in _schema(info):
        found = table.schema.names.count(column.name) and table.schema.field(column.name).type
        if found != column.type:
            what = f"a column {column.name} of {found}" if found else f"no column {column.name}"
            raise _fault(path, what, f"should have one of {column.type}")
        if table.column(column.name).null_count:
            raise _fault(path, f"gaps in column {column.name}", "should have none")
    facts = np.stack([_column(table, name) for name in FACTS])
    ticks = np.stack([_column(table, f"{name}_ns") for name in TIMES])
    sweeps = _sweeps(table) if "seen" in table.schema.names else None
    brackets = _brackets(table) if "partly" in table.schema.names else None
    return Trace(facts, ticks, info, sweeps, brackets=brackets)


def _info(path: str | Path, metadata: dict[bytes, bytes]) -> TraceInfo:
    if _KEY not in metadata:
        raise _fault(path, "a Parquet file of something else", _OURS)
    try:
        about = dict(json.loads(metadata[_KEY]))
        form = about.pop("format", None)
        if form == _FORMAT:
            status = metadata.get(_STATUS_KEY, b"unknown").decode()
            return TraceInfo(**about, status=status)
    except (ValueError, TypeError) as error:
        raise _fault(path, f"damaged metadata ({first_line(error)})", _OURS) from None
    raise _fault(path, f"format {form}", f"should be {_FORMAT}, which this asysim reads")


def _column(table: pa.Table, name: str) -> Ints:
    return to_numpy(table.column(name))


def _sweeps(table: pa.Table) -> Sweeps:
    slices, offsets = _lists(table, "seen")
    update, first, last = (to_numpy(slices.field(name)) for name in ("update", "first", "last"))
    return Sweeps(_column(table, "lo"), _column(table, "hi"), offsets, update, first, last)


def _brackets(table: pa.Table) -> Brackets:
    partly, offsets = _lists(table, "partly")
    lo, hi, begun, after = (_column(table, name) for name in ("lo", "hi", "begun", "after"))
    return Brackets(lo, hi, begun, after, offsets, to_numpy(partly))


def _lists(table: pa.Table, name: str) -> tuple[Any, Ints]:
    """Return the entries of a column of lists, one after the other, and where each list begins."""
    lists = table.column(name).combine_chunks()
    if isinstance(lists, pa.ChunkedArray):
        lists = pa.concat_arrays(lists.chunks)
    counts = to_numpy(lists.value_lengths()).astype(np.int64)
    return lists.flatten(), np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])


def _fault(path: str | Path, found: str, expected: str) -> InputError:
    return InputError(Fault(key="trace", found=found, expected=expected, source=str(path)))
