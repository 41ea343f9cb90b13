"""Rows of a real run on disk as they come, so that whatever ends the run can't take them back.

Two files of 64-bit numbers are only ever appended to; what is in them survives the death of whoever
wrote it. When the run is over they are poured into the trace and removed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np

from asysim.errors import InputError, reason, unfit
from asysim.ground.arrays import Ints
from asysim.ground.reading import check_regular
from asysim.runs.folder import LEFT
from asysim.trace.feasible import Feasibility
from asysim.trace.gradient import Brackets
from asysim.trace.info import TraceInfo
from asysim.trace.trace import Trace

ROWS, PARTLY = LEFT, "partly.spool"
LEFT_BEHIND = "a folder RUN.partial that a run left which did not come to its end"
_CONSISTENT, _LOCK_FREE = 9, 14  # numbers in a row: facts and times; and of its brackets five
_AT_ONCE = 65_536
_LONGEST_HEADER = 2**26  # bytes


class RowLog:
    """A recorder whose rows survive.

    Parameters
    ----------
    folder
        Where its files are made.
    info
        What the trace says of itself.
    """

    def __init__(self, folder: Path, info: TraceInfo) -> None:
        self._folder, self._info = folder, info
        self.rows = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        self._files = [os.open(folder / name, flags, 0o644) for name in (ROWS, PARTLY)]
        header = json.dumps(asdict(info)).encode() + b"\n"
        _append(self._files[0], header + b" " * (-len(header) % 8))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for file in self._files:
            os.close(file)

    def write(self, rows: Trace) -> None:
        """Append rows."""
        columns = [*rows.facts, *rows.ticks]
        if rows.brackets is not None:
            b = rows.brackets
            columns += [b.lo, b.hi, b.begun, b.after, np.diff(b.offsets)]
            _append(self._files[1], b.partly.astype(np.int64).tobytes())
        _append(self._files[0], np.stack(columns, axis=1).tobytes())
        self.rows += len(rows)

    def remove(self) -> None:
        """Remove the files; they may be written to no more."""
        for name in (ROWS, PARTLY):
            (self._folder / name).unlink(missing_ok=True)


def _append(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def info_of(folder: Path) -> TraceInfo:
    """Return what a logged trace says of itself.

    Raises
    ------
    InputError
        If there is none.
    """
    try:
        check_regular(folder / ROWS)
        with (folder / ROWS).open("rb") as file:
            return TraceInfo.of_document(json.loads(file.readline(_LONGEST_HEADER)))
    except (OSError, ValueError, RecursionError):
        raise unfit("run folder", "no rows", LEFT_BEHIND, str(folder)) from None


def pieces(folder: Path) -> Iterator[Trace]:
    """Yield the logged rows in order: all that are whole.

    Raises
    ------
    InputError
        If there are none, or its rows could not have happened.
    """
    info = info_of(folder)
    feasible, updates = Feasibility(info), 0
    try:
        for rows, brackets in _tables(folder, info):
            trace = _trace(rows, info, updates, brackets)
            if faults := feasible.faults(trace):
                raise InputError(faults).located(str(folder / ROWS))
            yield trace
            updates = max(updates, int(rows[:, 3].max()) + 1)
    except (OSError, ValueError) as error:
        found = f"damaged rows ({reason(error)})"
        raise unfit("run folder", found, LEFT_BEHIND, str(folder)) from None


def _tables(folder: Path, info: TraceInfo) -> Iterator[tuple[Ints, Brackets | None]]:
    """Yield rows as tables, those of a lock-free run with what their reads saw in part."""
    width = _CONSISTENT if info.exact else _LOCK_FREE
    with (folder / ROWS).open("rb") as file, _behind(folder, info) as behind:
        header = len(file.readline())
        file.seek(header + -header % 8)
        while len(data := file.read(8 * width * _AT_ONCE)) >= 8 * width:
            table = np.frombuffer(data[: len(data) - len(data) % (8 * width)], dtype=np.int64)
            rows = table.reshape(-1, width)
            brackets = None
            if behind is not None:
                counts = rows[:, -1]
                if (counts < 0).any() or (counts > info.workers).any():
                    raise ValueError("more updates in flight than workers")
                offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
                found = behind.read(8 * int(offsets[-1]))
                partly = np.frombuffer(found[: len(found) - len(found) % 8], dtype=np.int64)
                whole = int(np.searchsorted(offsets, len(partly), "right")) - 1
                rows, offsets = rows[:whole], offsets[: whole + 1]
                lo, hi, begun, after = (rows[:, i].copy() for i in range(9, 13))
                brackets = Brackets(lo, hi, begun, after, offsets, partly[: offsets[-1]])
            if not len(rows):
                return
            yield rows, brackets


@contextmanager
def _behind(folder: Path, info: TraceInfo) -> Iterator[BinaryIO | None]:
    if info.exact:
        yield None
        return
    check_regular(folder / PARTLY)
    with (folder / PARTLY).open("rb") as file:
        yield file


def _trace(rows: Ints, info: TraceInfo, updates: int, brackets: Brackets | None) -> Trace:
    return Trace(rows[:, :4].T.copy(), rows[:, 4:9].T.copy(), info, None, updates, brackets)
