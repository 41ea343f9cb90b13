"""Where the rows of a run go as replay uses them up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Protocol

from asysim.trace.stream import Block, Stream
from asysim.trace.trace import Trace


class Recorder(Protocol):
    """Where the rows of a run go as they are used up: a list, or a file."""

    def write(self, rows: Trace) -> None:
        """Append rows."""
        ...


class RowList:
    """A recorder in memory."""

    def __init__(self) -> None:
        self.rows: list[Trace] = []

    def write(self, rows: Trace) -> None:
        self.rows.append(rows)


class Forgetful:
    """A recorder that keeps nothing."""

    def write(self, rows: Trace) -> None:
        pass


_SECONDS = 1.0  # that a row which was used is not recorded, at most


class Tap:
    """Records the blocks of a stream once they are used up, the last one as far as it was used.

    A block that takes long to be used up is recorded a part at a time: see `keep`.
    """

    def __init__(self, stream: Stream, recorder: Recorder) -> None:
        self._stream = stream
        self._recorder = recorder
        self._open: Trace | None = None
        self._due = 0.0

    def blocks(self) -> Iterator[Block]:
        for block in self._stream:
            self.stop()
            self._open = block.rows
            yield block
        self.stop()

    def keep(self, update: int) -> None:
        """Record what came before this update, if nothing has been recorded for a while."""
        if self._open is None or time.monotonic() < self._due:
            return
        rest = self._open[self._before(update) :]
        self.stop_before(update)
        self._open = rest

    def stop_before(self, update: int) -> None:
        """Record what came before this update of the block that is being used."""
        if self._open is not None:
            self._open = self._open[: self._before(update)]
        self.stop()

    def stop(self) -> None:
        """Record all of the block that is being used."""
        self._due = time.monotonic() + _SECONDS
        if self._open is not None and len(self._open):
            self._recorder.write(self._open)
        self._open = None

    def _before(self, update: int) -> int:
        """Return how many rows of the open block come before an update."""
        assert self._open is not None
        return self._open.count_before(update)
