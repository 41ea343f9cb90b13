"""Traces on disk: Parquet, one column for each fact and time, all else in the file's metadata."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from asysim.arrow import to_arrow, to_numpy
from asysim.errors import Fault, InputError, first_line, reason
from asysim.feasible import Feasibility
from asysim.reading import NotRegular, check_regular
from asysim.trace import FACTS, TIMES, Brackets, Ints, Sweeps, Trace, TraceInfo
from asysim.waiting_rows import WaitingRows, Whole

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
        A file for what must survive the death of this process: see `asysim.waiting_rows`. It is
        there until the writer is closed.
    """

    def __init__(
        self, path: str | Path, info: TraceInfo, *, waiting: str | Path | None = None
    ) -> None:
        self.status = info.status
        self._path = path
        self._schema = _schema(info)
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            with suppress(InputError):  # what went wrong before is what matters
                self.close()

    def write(self, rows: Trace) -> None:
        """Append rows.

        Raises
        ------
        Unwritten
            If they can't be; those before are kept, and these as far as there is room, if there is
            a file for that.
        """
        if self._writer is None:
            raise _fault(self._path, "a file that was closed", "should be open")
        self._pending.append(_table(rows, self._schema))
        self._rows += len(rows)
        with self._told():
            if self._rows >= _ROW_GROUP:
                self._flush(self._rows - self._rows % _ROW_GROUP)
            if self._waiting is not None:
                self._waiting.see(self._pending)

    def close(self) -> None:
        """Write what is left and the file's end. Closing twice, or after an error, does nothing."""
        if self._writer is None:
            return
        with self._told():
            self._flush(self._rows)
            self._writer.add_key_value_metadata({_STATUS_KEY: self.status.encode()})
            self._writer.close()
            self._writer = None
            self._sink.close()
            if self._waiting is not None:
                self._waiting.remove()

    def _flush(self, rows: int) -> None:
        assert self._writer is not None
        table = pa.concat_tables(self._pending) if self._pending else self._schema.empty_table()
        self._writer.write_table(table.slice(0, rows).combine_chunks(), row_group_size=_ROW_GROUP)
        self._pending = [table.slice(rows)]
        self._rows -= rows
        self._whole += rows
        if self._waiting is not None:
            self._waiting.begin(Whole(self._whole, self._sink.tell()))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say clearly why something could not be written, and write no more."""
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            self._give_up()
            found = reason(error) if isinstance(error, OSError) else first_line(error)
            expected = "should be a file that can be written to"
            raise Unwritten(Fault("trace", found, expected, str(self._path))) from None

    def _give_up(self) -> None:
        if self._writer is not None:
            self._writer.is_open = False  # or it would try once more when it is thrown away
            self._writer = None
            with suppress(OSError):
                self._sink.close()
        if self._waiting is not None:
            self._waiting.rescue(self._pending, Path(self._path))


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
    """Read a whole trace, and hold it against what is true of all.

    Raises
    ------
    InputError
        If the file is missing, truncated, not Parquet, or Parquet of something else; or if its
        rows could not have happened.
    """
    with TraceReader(path) as reader:
        return Trace.joined(list(reader), reader.info)


def is_trace(file: pq.ParquetFile) -> bool:
    """Whether a Parquet file says of itself that asysim wrote it as a trace."""
    return _KEY in (file.metadata.metadata or {})


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
        As `read_trace`; of rows only once they are come to.
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
            self.info = _info(path, self._file.metadata.metadata or {})
            self._columns = [column.name for column in _schema(self.info)]
            self._check_columns()
        except InputError:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    def __iter__(self) -> Iterator[Trace]:
        feasible, updates = Feasibility(self.info), 0
        batches = self._file.iter_batches(_ROW_GROUP, columns=self._columns)
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

    def _rows(self, batch: pa.RecordBatch, updates: int) -> Trace:
        for name in self._columns:
            if _gaps(batch.column(name)):
                raise _fault(self._path, f"gaps in column {name}", "should have none")
        return rows_of(batch, self.info, updates)

    def _check_columns(self) -> None:
        with self._readable():
            schema = self._file.schema_arrow
        for column in _schema(self.info):
            kinds = [found.type for found in schema if found.name == column.name]
            if kinds != [column.type]:
                what = " and ".join(f"a column {column.name} of {kind}" for kind in kinds)
                found = what or f"no column {column.name}"
                raise _fault(self._path, found, f"should have one of {column.type}")

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise _fault(self._path, "no such file", _OURS) from None
        except IsADirectoryError:
            raise _fault(self._path, "a folder", _OURS) from None
        except NotRegular as error:
            raise _fault(self._path, str(error), _OURS) from None
        except PermissionError as error:
            raise _fault(self._path, reason(error), "should be a file that can be read") from None
        except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
            found = f"not a whole Parquet file ({first_line(error)[:200]})"
            raise _fault(self._path, found, _OURS) from None


def _info(path: str | Path, metadata: dict[bytes, bytes]) -> TraceInfo:
    if _KEY not in metadata:
        raise _fault(path, "a Parquet file of something else", _OURS)
    try:
        about = json.loads(metadata[_KEY])
        form = about.pop("format", None) if isinstance(about, dict) else _FORMAT
        if form == _FORMAT:
            status = metadata.get(_STATUS_KEY, b"unknown").decode()
            return TraceInfo.of_document(about, status=status)
    except (ValueError, RecursionError) as error:
        raise _fault(path, f"damaged metadata ({first_line(error)})", _OURS) from None
    raise _fault(path, f"format {str(form)[:40]}", f"should be {_FORMAT}, which this asysim reads")


def _gaps(column: pa.Array) -> bool:
    """Whether a column, or what its lists and tables hold, has a place without a value."""
    if column.null_count:
        return True
    if pa.types.is_list(column.type):
        return _gaps(column.flatten())
    if pa.types.is_struct(column.type):
        return any(_gaps(part) for part in column.flatten())
    return False


def info_of(path: Path, schema: pa.Schema) -> TraceInfo:
    """Return what a trace says of itself whose file was left without its end."""
    return _info(path, schema.metadata or {})


def rows_of(batch: pa.RecordBatch, info: TraceInfo, updates: int) -> Trace:
    """Return the rows of a batch, before which so many updates were made."""
    names = batch.schema.names
    facts = np.stack([_column(batch, name) for name in FACTS])
    ticks = np.stack([_column(batch, f"{name}_ns") for name in TIMES])
    sweeps = _sweeps(batch) if "seen" in names else None
    brackets = _brackets(batch) if "partly" in names else None
    return Trace(facts, ticks, info, sweeps, updates, brackets)


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


def _fault(path: str | Path, found: str, expected: str) -> InputError:
    return InputError(Fault(key="trace", found=found, expected=expected, source=str(path)))
