"""Traces from disk: read piece by piece, each piece held against what is true of all traces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from asysim.errors import InputError, first_line, reason
from asysim.ground.arrays import Ints
from asysim.ground.reading import NotRegular, check_regular
from asysim.trace.feasible import Feasibility
from asysim.trace.gradient import FACTS, TIMES, Brackets, Sweeps
from asysim.trace.info import TraceInfo
from asysim.trace.parquet import (
    FORMAT,
    KEY,
    ROW_GROUP,
    STATUS_KEY,
    schema_of,
    to_numpy,
    trace_fault,
)
from asysim.trace.rows import TraceRows

_OURS = "should be a trace.parquet that asysim wrote"


def is_trace(file: pq.ParquetFile) -> bool:
    """Whether a Parquet file says of itself that asysim wrote it as a trace."""
    return KEY in (file.metadata.metadata or {})


class TraceReader:
    """Reads a trace piece by piece, in bounded memory; what it yields could have happened.

    Parameters
    ----------
    path
        The file.

    Attributes
    ----------
    info
        What the trace says of itself.

    Raises
    ------
    InputError
        If the file is no trace, or not whole; of rows only once they are come to.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = path
        with self._readable():
            check_regular(path)
            # Without a buffer, which would fill with all of the file that has been read.
            self._file = pq.ParquetFile(
                str(path), page_checksum_verification=True, pre_buffer=False
            )
        try:
            # Not the schema's: what the writer added at the end is the file's alone.
            self.info = info_of(path, self._file.metadata.metadata or {})
            self._columns = [column.name for column in schema_of(self.info)]
            self._check_columns()
        except InputError:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    def __iter__(self) -> Iterator[TraceRows]:
        feasible, updates = Feasibility(self.info), 0
        batches = self._file.iter_batches(ROW_GROUP, columns=self._columns)
        while True:
            with self._readable():
                batch = next(batches, None)
            if batch is None:
                return
            rows = self._rows(batch, updates)
            if faults := feasible.faults(rows):
                raise InputError(faults).located(str(self._path))
            yield rows
            updates = rows.updates

    def _rows(self, batch: pa.RecordBatch, updates: int) -> TraceRows:
        for name in self._columns:
            if _gaps(batch.column(name)):
                raise trace_fault(self._path, f"gaps in column {name}", "should have none")
        return rows_of(batch, self.info, updates)

    def _check_columns(self) -> None:
        with self._readable():
            schema = self._file.schema_arrow
        for column in schema_of(self.info):
            kinds = [found.type for found in schema if found.name == column.name]
            if kinds != [column.type]:
                what = " and ".join(f"a column {column.name} of {kind}" for kind in kinds)
                found = what or f"no column {column.name}"
                raise trace_fault(self._path, found, f"should have one of {column.type}")

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise trace_fault(self._path, "no such file", _OURS) from None
        except IsADirectoryError:
            raise trace_fault(self._path, "a folder", _OURS) from None
        except NotRegular as error:
            raise trace_fault(self._path, str(error), _OURS) from None
        except PermissionError as error:
            raise trace_fault(
                self._path, reason(error), "should be a file that can be read"
            ) from None
        except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
            found = f"not a whole Parquet file ({first_line(error)[:200]})"
            raise trace_fault(self._path, found, _OURS) from None


def info_of(path: str | Path, metadata: dict[bytes, bytes]) -> TraceInfo:
    """Return what a trace says of itself in the metadata of its file.

    Raises
    ------
    InputError
        If that is damaged, or of something else.
    """
    if KEY not in metadata:
        raise trace_fault(path, "a Parquet file of something else", _OURS)
    try:
        about = json.loads(metadata[KEY])
        form = about.pop("format", None) if isinstance(about, dict) else FORMAT
        if form == FORMAT:
            status = metadata.get(STATUS_KEY, b"unknown").decode()
            return TraceInfo.of_document(about, status=status)
    except (ValueError, RecursionError) as error:
        raise trace_fault(path, f"damaged metadata ({first_line(error)})", _OURS) from None
    raise trace_fault(
        path, f"format {str(form)[:40]}", f"should be {FORMAT}, which this asysim reads"
    )


def _gaps(column: pa.Array) -> bool:
    """Whether a column, or what its lists and tables hold, has a place without a value."""
    if column.null_count:
        return True
    if pa.types.is_list(column.type):
        return _gaps(column.flatten())
    if pa.types.is_struct(column.type):
        return any(_gaps(part) for part in column.flatten())
    return False


def rows_of(batch: pa.RecordBatch, info: TraceInfo, updates: int) -> TraceRows:
    """Return the rows of a batch, before which so many updates were made."""
    names = batch.schema.names
    facts = np.stack([_column(batch, name) for name in FACTS])
    ticks = np.stack([_column(batch, f"{name}_ns") for name in TIMES])
    sweeps = _sweeps(batch) if "seen" in names else None
    brackets = _brackets(batch) if "partly" in names else None
    return TraceRows(facts, ticks, info, sweeps, updates, brackets)


def _column(batch: pa.RecordBatch, name: str) -> Ints:
    return to_numpy(batch.column(name))


def _sweeps(batch: pa.RecordBatch) -> Sweeps:
    slices, offsets = _lists(batch, "seen")
    update, first, last = map(to_numpy, slices.flatten())
    return Sweeps(_column(batch, "lo"), _column(batch, "hi"), offsets, update, first, last)


def _brackets(batch: pa.RecordBatch) -> Brackets:
    partly, offsets = _lists(batch, "partly")
    lo, hi, begun, after = (_column(batch, name) for name in ("lo", "hi", "begun", "after"))
    return Brackets(lo, hi, begun, after, offsets, to_numpy(partly))


def _lists(batch: pa.RecordBatch, name: str) -> tuple[Any, Ints]:
    """Return the entries of a column of lists, one after the other, and where each list begins."""
    lists = batch.column(name)
    counts = to_numpy(lists.value_lengths()).astype(np.int64)
    return lists.flatten(), np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
