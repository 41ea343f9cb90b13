"""Traces on disk: Parquet, one column for each fact and time, all else in the file's metadata."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from asysim.errors import Fault, InputError, reason
from asysim.trace.gradient import FACTS, TIMES
from asysim.trace.info import TraceInfo
from asysim.trace.rows import TraceRows
from asysim.trace.waiting_rows import WaitingRows, Whole

KEY, STATUS_KEY, FORMAT = b"asysim.trace", b"asysim.status", 1
ROW_GROUP = 65_536  # fixed, so that a file's bytes don't depend on the blocks it came in
_SLICE = pa.struct([(name, pa.int64()) for name in ("update", "first", "last")])


def schema_of(info: TraceInfo) -> pa.Schema:
    """Return the columns of a trace's file, and what it says of itself before its end."""
    fields = [(name, pa.int64()) for name in FACTS]
    fields += [(f"{name}_ns", pa.int64()) for name in TIMES]
    if info.algorithm == "asysg-incon":
        fields += [("lo", pa.int64()), ("hi", pa.int64())]
        real = [("begun", pa.int64()), ("after", pa.int64()), ("partly", pa.list_(pa.int64()))]
        fields += [("seen", pa.list_(_SLICE))] if info.exact else real
    about = {"format": FORMAT} | asdict(info)
    del about["status"]  # not known before the end
    return pa.schema(fields, metadata={KEY: json.dumps(about, sort_keys=True).encode()})


class Unwritten(InputError):  # noqa: N818  (as `Clash`, it says what is the matter)
    """A trace could not be written on: there is no room, or no place for it."""


class TraceWriter:
    """Writes a trace piece by piece; what was written is a whole file once the writer is closed.

    Parameters
    ----------
    path
        The file to make.
    info
        What the trace says of itself; `status` may be set anew before closing.
    waiting
        A file for what must survive the death of this process: see
        `asysim.trace.waiting_rows`. It is there until the writer is closed.
    """

    def __init__(
        self, path: str | Path, info: TraceInfo, *, waiting: str | Path | None = None
    ) -> None:
        self.status = info.status
        self._path = path
        self._schema = schema_of(info)
        self._pending: list[pa.Table] = []
        self._rows = self._whole = 0
        self._waiting: WaitingRows | None = None
        self._writer: pq.ParquetWriter | None = None
        with self._told():
            self._sink = pa.OSFile(str(path), "wb")
            self._writer = pq.ParquetWriter(
                self._sink, self._schema, compression="zstd", write_page_checksum=True
            )
            if waiting is not None:
                self._waiting = WaitingRows(Path(waiting), self._schema, self._sink.tell())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        # What went wrong before is what matters.
        with nullcontext() if error is None else suppress(InputError):
            self.close()

    def write(self, rows: TraceRows) -> None:
        """Append rows.

        Raises
        ------
        Unwritten
            If they can't be; those before are kept, and these as far as there is room, if there is
            a file for that.
        """
        if self._writer is None:
            raise trace_fault(self._path, "a file that was closed", "should be open")
        self._pending.append(_table(rows, self._schema))
        self._rows += len(rows)
        with self._told():
            if self._rows >= ROW_GROUP:
                self._flush(self._rows - self._rows % ROW_GROUP)
            if self._waiting is not None:
                self._waiting.see(self._pending)

    def close(self) -> None:
        """Write what is left and the file's end. Closing twice, or after an error, does nothing."""
        if self._writer is None:
            return
        with self._told():
            self._flush(self._rows)
            self._writer.add_key_value_metadata({STATUS_KEY: self.status.encode()})
            self._writer.close()
            self._writer = None
            self._sink.close()
            if self._waiting is not None:
                self._waiting.remove()

    def _flush(self, rows: int) -> None:
        assert self._writer is not None
        table = pa.concat_tables(self._pending) if self._pending else self._schema.empty_table()
        self._writer.write_table(table.slice(0, rows).combine_chunks(), row_group_size=ROW_GROUP)
        self._whole += rows
        if self._waiting is not None:  # until this is noted, the rows wait on
            self._waiting.begin(Whole(self._whole, self._sink.tell()))
        self._pending = [table.slice(rows)]
        self._rows -= rows

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say clearly why something could not be written, and write no more."""
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            self._give_up()
            expected = "should be a file that can be written to"
            raise Unwritten(Fault("trace", reason(error), expected, str(self._path))) from None

    def _give_up(self) -> None:
        if self._writer is not None:
            self._writer.is_open = False  # or it would try once more when it is thrown away
            self._writer = None
            with suppress(OSError):
                self._sink.close()
        if self._waiting is not None:
            self._waiting.rescue(self._pending, Path(self._path))


def _table(rows: TraceRows, schema: pa.Schema) -> pa.Table:
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


def trace_fault(path: str | Path, found: str, expected: str) -> InputError:
    """Return the error that a trace's file is not what it should be."""
    return InputError(Fault(key="trace", found=found, expected=expected, source=str(path)))


# Arrow's own ways between NumPy and Arrow import pandas, which takes 0.2 s.
def to_arrow(values: NDArray[Any]) -> pa.Array:
    """Return the same numbers as an Arrow array, without a copy if they lie one after the other."""
    values = np.ascontiguousarray(values)
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def to_numpy(column: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    """Return the same numbers as a NumPy array that can be written to; there must be no gaps."""
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    empty = np.empty(0, column.type.to_pandas_dtype())
    return np.concatenate([empty, *(np.from_dlpack(chunk) for chunk in chunks)])
