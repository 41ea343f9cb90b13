"""Rows of a trace that wait for their row group, on disk so that nothing can take them back.

A Parquet file is written a row group at a time, and ends with a footer that a killed process can't
write. So beside it lies a small file that says how far it is whole, and has the rows after that, as
far as they have waited for long. It is an Arrow stream, which needs no end.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from asysim.errors import first_line
from asysim.ground.reading import check_regular

_KEY = b"asysim.waiting"
_AT_ONCE = 4096
_SECONDS = 1.0  # that rows wait at most before they are here, too


@dataclass(frozen=True)
class Whole:
    """How far a Parquet file is whole.

    Attributes
    ----------
    rows
        In row groups that are.
    end
        Where the last of them ends, in bytes.
    """

    rows: int
    end: int


class WaitingRows:
    """Keeps the rows that are not in the Parquet file yet.

    Parameters
    ----------
    path
        The file.
    schema
        Of the trace.
    end
        Of the Parquet file now, in bytes.
    """

    def __init__(self, path: Path, schema: pa.Schema, end: int) -> None:
        self._path, self._schema = path, schema
        self._sink: pa.NativeFile | None = None
        self.begin(Whole(0, end))

    def begin(self, whole: Whole) -> None:
        """Take note of how far the Parquet file is whole; no row waits for it any more.

        If that fails, the file and what it says stay as they were.
        """
        about = {_KEY: json.dumps(whole.__dict__).encode()}
        schema = self._schema.with_metadata(self._schema.metadata | about)
        aside = self._path.with_name(f"{self._path.name}.new")
        sink = pa.OSFile(str(aside), "wb")
        sink.write(schema.serialize())
        aside.replace(self._path)
        self.close()
        self._sink, self._end, self._whole = sink, sink.tell(), whole
        self._kept, self._due = 0, time.monotonic() + _SECONDS

    def see(self, waiting: Sequence[pa.Table]) -> None:
        """Keep the rows that wait, if some have for long."""
        if time.monotonic() < self._due:
            return
        self._keep(waiting)
        self._due = time.monotonic() + _SECONDS

    def rescue(self, waiting: Sequence[pa.Table], parquet: Path) -> None:
        """Keep as many of the rows that wait as there is room for, once the disk is full."""
        with suppress(OSError):
            os.truncate(parquet, self._whole.end)  # the rest is of no use to anybody
            self.close()
            os.truncate(self._path, self._end)  # nor is the beginning of what did not fit
            self._sink = pa.OSFile(str(self._path), "ab")
            self._keep(waiting)
        self.close()

    def _keep(self, waiting: Sequence[pa.Table]) -> None:
        assert self._sink is not None
        for table in waiting[self._kept :]:
            for batch in table.to_batches(max_chunksize=_AT_ONCE):
                self._sink.write(batch.serialize())
            self._kept, self._end = self._kept + 1, self._sink.tell()

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        if self._sink is not None:
            self._sink.close()

    def remove(self) -> None:
        """Remove the file: the Parquet file is whole."""
        self.close()
        self._path.unlink()


@dataclass(frozen=True, eq=False)
class Waiting:
    """What a file of waiting rows has.

    Attributes
    ----------
    path
        The file.
    schema
        Of the trace.
    whole
        How far the Parquet file is.
    """

    path: Path
    schema: pa.Schema
    whole: Whole

    @classmethod
    def read(cls, path: Path) -> Waiting:
        """Read the beginning of a file.

        Raises
        ------
        OSError, ValueError
            If it can't be read or is something else.
        """
        check_regular(path)
        try:
            with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
                metadata = dict(stream.schema.metadata or {})
        except pa.ArrowException as error:  # some of which are no ValueError
            raise ValueError(first_line(error)) from None
        try:
            about = json.loads(metadata.pop(_KEY, b"null"))
        except RecursionError:
            raise ValueError("a file of something else") from None
        if not isinstance(about, dict) or about.keys() != Whole.__dataclass_fields__.keys():
            raise ValueError("a file of something else")
        if not all(type(number) is int and 0 <= number < 2**62 for number in about.values()):
            raise ValueError("no numbers of rows and bytes")
        return cls(path, stream.schema.with_metadata(metadata), Whole(**about))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield its rows, as far as they are whole."""
        with pa.OSFile(str(self.path)) as file, pa.ipc.open_stream(file) as stream:
            while True:
                try:
                    batch = stream.read_next_batch()
                    # Arrow believes what a file says of lengths, and would read beside its memory.
                    batch.validate(full=True)
                except (StopIteration, pa.ArrowException, OSError):
                    return  # whoever wrote it got no further
                yield batch
