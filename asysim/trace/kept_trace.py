"""A trace in a file: what it says of itself now, its rows when somebody asks, a piece at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from asysim.trace.counts import TraceCounts
from asysim.trace.info import TraceInfo
from asysim.trace.parquet import trace_fault
from asysim.trace.reader import TraceReader
from asysim.trace.trace import Trace


@dataclass(frozen=True, eq=False)
class KeptTrace:
    """A trace on disk, of which no more than a piece is in memory.

    Attributes
    ----------
    path
        The file.
    info
        What the trace says of itself.
    rows
        How many gradients it has.
    """

    path: Path
    info: TraceInfo
    rows: int

    @classmethod
    def open(cls, path: str | Path) -> KeptTrace:
        """Look at a trace's file.

        Raises
        ------
        InputError
            If it is no trace; whether its rows are whole and possible shows when they are read.
        """
        with TraceReader(path) as reader:
            return cls(Path(path), reader.info, len(reader))

    def __len__(self) -> int:
        return self.rows

    def pieces(self) -> Iterator[Trace]:
        """Yield the rows in order, piece by piece; raises InputError for what can't be read."""
        with TraceReader(self.path) as reader:
            if (reader.info, len(reader)) != (self.info, self.rows):
                found = "another trace than was there before"
                expected = "should be left as it is while it is looked at"
                raise trace_fault(self.path, found, expected)
            yield from map(Trace.of, reader)

    def whole(self) -> Trace:
        """Return all rows."""
        return Trace.joined(list(self.pieces()), self.info)

    @cached_property
    def counts(self) -> TraceCounts:
        """What is counted of it."""
        return TraceCounts.of(self.pieces(), self.info)


Recorded: TypeAlias = Trace | KeptTrace
"""What happened when, in memory or in a file; the same can be asked of both."""
