"""The contract between *when* and *what*: one row for each gradient, in the order of disposal.

Integers are facts and alone decide the mathematics. Times are measurements, kept as whole
nanoseconds so that equal instants are equal, and shown in seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asysim.ground.arrays import Ints
from asysim.trace.counts import TraceCounts
from asysim.trace.gradient import FACTS, LOST, NANOSECOND, TIMES, Brackets, Gradient, Seen, Sweeps
from asysim.trace.info import TraceInfo
from asysim.trace.rows import TraceRows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FACTS", "LOST", "NANOSECOND", "TIMES", "Brackets", "Gradient", "Ints", "Seen", "Sweeps",
           "Trace", "TraceInfo"]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Trace(TraceRows):
    """A stream of Gradients, recorded.

    Attributes
    ----------
    facts
        Columns `FACTS`, int64, shape (4, rows).
    ticks
        Columns `TIMES` in nanoseconds, int64, shape (5, rows).
    info
        What the trace says of itself.
    sweeps
        Present with asysg-incon, if simulated.
    updates_at_start
        Updates applied before the first row: 0 but for a piece of a longer trace.
    brackets
        Present with asysg-incon, if real: what can be known of the reads.
    """

    @classmethod
    def load(cls, path: str | Path) -> Trace:
        """Read a trace from a Parquet file; raises InputError for a file that isn't one."""
        from asysim.trace.reader import TraceReader

        with TraceReader(path) as reader:
            return cls.joined(list(reader), reader.info)

    def save(self, path: str | Path) -> None:
        """Write the trace to a Parquet file, its information in the file's metadata."""
        from asysim.trace.parquet import TraceWriter

        with TraceWriter(path, self.info) as writer:
            writer.write(self)

    def pieces(self) -> Iterator[Trace]:
        """Yield the rows in order, in one piece; of a trace in a file there are many."""
        yield self

    def whole(self) -> Trace:
        """Return all rows, which are here."""
        return self

    @cached_property
    def counts(self) -> TraceCounts:
        """What is counted of it."""
        return TraceCounts.of([self], self.info)

    def __repr__(self) -> str:
        return self.described(self.info, gradients=len(self), updates=self.updates)

    @staticmethod
    def described(info: TraceInfo, *, gradients: int, updates: int) -> str:
        """Return a trace in a few words."""
        return (
            f"Trace({info.algorithm}, {info.workers} workers, {gradients:,} gradients, "
            f"{updates:,} updates, {info.status})"
        )

    # What follows from the rows --------------------------------------------------------------

    @cached_property
    def age(self) -> Ints:
        """Updates between each row's read and its disposal, discarded rows included; (rows,)."""
        return self.updates_before - self.version

    @property
    def staleness(self) -> Ints:
        """τ of each row that was applied, in order; shape (applied rows,)."""
        return self.age[self.was_applied]

    def staleness_counts(self) -> Ints:
        """How many applied rows had τ = 0, 1, …; shape (max τ + 1,)."""
        return np.bincount(self.staleness, minlength=1).astype(np.int64)

    def unseen(self, row: int) -> dict[int, tuple[tuple[int, int], ...]]:
        """Return the paper's J(k) of one row: which coordinates of which updates its read missed.

        Returns
        -------
        dict
            Update index → the slices [first, last) of its write that the read did not see.
            With consistent reads the one slice is all of x.

        Raises
        ------
        ValueError
            For a real lock-free run, whose reads could not be observed: ask `unseen_bounds`.
        """
        if not self.info.exact:
            raise ValueError("what a real lock-free read saw is not known; see unseen_bounds")
        version, before = int(self.version[row]), int(self.updates_before[row])
        if self.sweeps is None:
            return dict.fromkeys(range(version, before), ((0, self.info.dimension),))
        seen = {piece.update: piece for piece in self.sweeps.of(row)}
        spans = self._spans
        missed: dict[int, tuple[tuple[int, int], ...]] = {}
        for j in range(version, before):
            lo, hi = int(spans[j, 0]), int(spans[j, 1])
            piece = seen.get(j, Seen(j, lo, lo))
            parts = ((lo, piece.first), (piece.last, hi))
            left = tuple((a, b) for a, b in parts if a < b)
            if left:
                missed[j] = left
        return missed

    def unseen_bounds(self, row: int) -> tuple[frozenset[int], frozenset[int]]:
        """Return between what bounds the paper's J(k) of one row lies.

        Returns
        -------
        tuple
            The updates of which its read surely saw nothing, and those of which it perhaps did not
            see all: J(k) lies between the first and both together. Equal in simulation.
        """
        if self.brackets is None:
            missed = self.unseen(row)
            return frozenset(missed), frozenset()
        before, after = int(self.updates_before[row]), int(self.brackets.after[row])
        in_flight = self.brackets.of(row)
        begun = int(self.brackets.begun[row])
        return frozenset(range(after, before)), frozenset((*in_flight, *range(begun, after)))

    @cached_property
    def _spans(self) -> Ints:
        assert self.sweeps is not None
        spans = np.zeros((self.updates, 2), dtype=np.int64)
        kept = self.was_applied
        spans[self.update[kept], 0] = self.sweeps.lo[kept]
        spans[self.update[kept], 1] = self.sweeps.hi[kept]
        return spans

    # Views -----------------------------------------------------------------------------------

    @property
    def frame(self) -> pd.DataFrame:
        """The trace as a pandas table: facts, staleness, times in seconds."""
        import pandas as pd

        columns: dict[str, Any] = {name: self.facts[i] for i, name in enumerate(FACTS)}
        columns["staleness"] = self.age
        columns |= {name: self.seconds(name) for name in TIMES}
        if self.sweeps is not None:
            columns |= {"lo": self.sweeps.lo, "hi": self.sweeps.hi}
            columns["partly_seen"] = np.diff(self.sweeps.offsets)
        if self.brackets is not None:
            columns |= {"lo": self.brackets.lo, "hi": self.brackets.hi}
            columns |= {"begun": self.brackets.begun, "after": self.brackets.after}
            columns["in_flight"] = np.diff(self.brackets.offsets)
        return pd.DataFrame(columns)
