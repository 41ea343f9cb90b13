"""The contract between *when* and *what*: one row for each gradient, in the order of disposal.

Integers are facts and alone decide the mathematics. Times are measurements, kept as whole
nanoseconds so that equal instants are equal, and shown in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from asysim.gradient import (
    FACTS,
    LOST,
    NANOSECOND,
    TIMES,
    Brackets,
    Floats,
    Gradient,
    Ints,
    Seen,
    Sweeps,
)

if TYPE_CHECKING:
    import pandas as pd

from asysim.trace_info import TraceInfo

__all__ = ["FACTS", "LOST", "NANOSECOND", "TIMES", "Brackets", "Gradient", "Ints", "Seen", "Sweeps",
           "Trace", "TraceInfo"]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Trace:
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

    facts: Ints
    ticks: Ints
    info: TraceInfo
    sweeps: Sweeps | None = None
    updates_at_start: int = 0
    brackets: Brackets | None = None

    @classmethod
    def from_gradients(cls, rows: Iterable[Gradient], info: TraceInfo) -> Trace:
        """Build a trace from single rows, such as ones written by hand.

        Lock-free reads of which not all is known may have seen a part of anything since `version`.
        """
        table = list(rows)
        facts = np.array([row[:4] for row in table], dtype=np.int64).reshape(-1, 4).T
        seconds = np.array([row[4:9] for row in table], dtype=np.float64).reshape(-1, 5).T
        sweeps = None
        if info.algorithm == "asysg-incon" and info.exact:
            slices = [piece for row in table for piece in row.seen]
            counts = np.array([0] + [len(row.seen) for row in table], dtype=np.int64)
            sweeps = Sweeps(
                np.array([row.lo for row in table], dtype=np.int64),
                np.array([row.hi for row in table], dtype=np.int64),
                np.cumsum(counts),
                *np.array(slices, dtype=np.int64).reshape(-1, 3).T,
            )
        ticks = np.rint(seconds / NANOSECOND).astype(np.int64)
        trace = cls(facts, ticks, info, sweeps)
        if info.exact or info.algorithm == "asysg-con":
            return trace
        lo, hi = (np.array([row[i] for row in table], dtype=np.int64) for i in (9, 10))
        nothing = np.zeros(len(table) + 1, dtype=np.int64)
        brackets = Brackets(lo, hi, trace.version, trace.updates_before, nothing, nothing[:0])
        return replace(trace, brackets=brackets)

    @classmethod
    def joined(cls, parts: Sequence[Trace], info: TraceInfo) -> Trace:
        """Return several traces of one run as one."""
        if not parts:
            return cls.from_gradients((), info)
        sweeps = [part.sweeps for part in parts if part.sweeps is not None]
        brackets = [part.brackets for part in parts if part.brackets is not None]
        return cls(
            np.concatenate([part.facts for part in parts], axis=1),
            np.concatenate([part.ticks for part in parts], axis=1),
            info,
            Sweeps.joined(sweeps) if sweeps else None,
            parts[0].updates_at_start,
            Brackets.joined(brackets) if brackets else None,
        )

    @classmethod
    def load(cls, path: str | Path) -> Trace:
        """Read a trace from a Parquet file; raises InputError for a file that isn't one."""
        from asysim.trace_file import read_trace

        return read_trace(path)

    def save(self, path: str | Path) -> None:
        """Write the trace to a Parquet file, its information in the file's metadata."""
        from asysim.trace_file import TraceWriter

        with TraceWriter(path, self.info) as writer:
            writer.write(self)

    def __len__(self) -> int:
        return len(self.facts[0])

    def __getitem__(self, rows: slice) -> Trace:
        start, stop, stride = rows.indices(len(self))
        if stride != 1:
            raise ValueError("a trace is cut into contiguous pieces: its order is a fact")
        stop = max(start, stop)
        before = int(self.updates_before[start]) if start < len(self) else self.updates
        return Trace(
            self.facts[:, start:stop],
            self.ticks[:, start:stop],
            self.info,
            None if self.sweeps is None else self.sweeps.rows(start, stop),
            before,
            None if self.brackets is None else self.brackets.rows(start, stop),
        )

    def __iter__(self) -> Iterator[Gradient]:
        seconds = (self.ticks * NANOSECOND).T.tolist()
        for row, facts in enumerate(self.facts.T.tolist()):
            swept = self.sweeps or self.brackets
            if swept is None:
                yield Gradient(*facts, *seconds[row])
            else:
                seen = () if self.sweeps is None else self.sweeps.of(row)
                span = int(swept.lo[row]), int(swept.hi[row])
                yield Gradient._make((*facts, *seconds[row], *span, seen))

    def __repr__(self) -> str:
        return (
            f"Trace({self.info.algorithm}, {self.info.workers} workers, {len(self):,} gradients, "
            f"{self.updates:,} updates, {self.info.status})"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Trace):
            return NotImplemented
        pairs = [(self.facts, other.facts), (self.ticks, other.ticks)]
        if (self.sweeps is None) != (other.sweeps is None):
            return False
        if self.sweeps is not None and other.sweeps is not None:
            names = ("lo", "hi", "offsets", "update", "first", "last")
            pairs += [(getattr(self.sweeps, n), getattr(other.sweeps, n)) for n in names]
        if (self.brackets is None) != (other.brackets is None):
            return False
        if self.brackets is not None and other.brackets is not None:
            names = ("lo", "hi", "begun", "after", "offsets", "partly")
            pairs += [(getattr(self.brackets, n), getattr(other.brackets, n)) for n in names]
        return all(np.array_equal(a, b) for a, b in pairs)

    __hash__ = None  # type: ignore[assignment]

    def _fact(self, column: int) -> Ints:
        facts: Ints = self.facts[column]
        return facts

    # Facts -----------------------------------------------------------------------------------

    @property
    def worker(self) -> Ints:
        """Whose gradient each row is; shape (rows,)."""
        return self._fact(0)

    @property
    def draw(self) -> Ints:
        """The how-many-th gradient of its worker each row is; shape (rows,)."""
        return self._fact(1)

    @property
    def version(self) -> Ints:
        """Updates contained in x when each row's worker read it; shape (rows,)."""
        return self._fact(2)

    @property
    def update(self) -> Ints:
        """The update each row went into, −1 if discarded or lost; shape (rows,)."""
        return self._fact(3)

    # Times -----------------------------------------------------------------------------------

    def seconds(self, name: str) -> Floats:
        """Return one of the columns `TIMES` in seconds; shape (rows,)."""
        seconds: Floats = self.ticks[TIMES.index(name)] * NANOSECOND
        return seconds

    @property
    def duration(self) -> float:
        """Seconds from the start to the last disposal."""
        return float(self.ticks[4].max(initial=0) * NANOSECOND)

    # What follows from them ------------------------------------------------------------------

    @property
    def was_applied(self) -> NDArray[np.bool_]:
        """Which rows went into an update; shape (rows,)."""
        applied: NDArray[np.bool_] = self.update != LOST
        return applied

    @cached_property
    def updates(self) -> int:
        """K, the number of updates up to the last row."""
        return int(self.update.max(initial=self.updates_at_start - 1)) + 1

    @cached_property
    def updates_before(self) -> Ints:
        """Updates applied before each row was disposed of; shape (rows,)."""
        latest = np.maximum(np.maximum.accumulate(self.update), self.updates_at_start - 1)
        return np.where(self.was_applied, self.update, latest + 1)

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

    def _repr_html_(self) -> str:
        from asysim.show.html import trace_html

        return trace_html(self)
