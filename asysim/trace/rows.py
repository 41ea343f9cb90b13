"""The rows of a trace as columns: built, joined, cut, compared, and read one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from asysim.ground.arrays import Floats, Ints
from asysim.trace.gradient import LOST, NANOSECOND, TIMES, Brackets, Gradient, Sweeps
from asysim.trace.info import TraceInfo


@dataclass(frozen=True, eq=False)
class TraceRows:
    """Rows in the order of disposal, each fact and time a column.

    Its attributes are described where a person meets them: `asysim.trace.Trace`.
    """

    facts: Ints
    ticks: Ints
    info: TraceInfo
    sweeps: Sweeps | None = None
    updates_at_start: int = 0
    brackets: Brackets | None = None

    @classmethod
    def from_gradients(cls, rows: Iterable[Gradient], info: TraceInfo) -> Self:
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
    def joined(cls, parts: Sequence[TraceRows], info: TraceInfo) -> Self:
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
    def of(cls, rows: TraceRows) -> Self:
        """Return the same rows, whose columns are shared, as one of this class."""
        return cls(
            rows.facts, rows.ticks, rows.info, rows.sweeps, rows.updates_at_start, rows.brackets
        )

    def __len__(self) -> int:
        return len(self.facts[0])

    def __getitem__(self, rows: slice) -> Self:
        start, stop, stride = rows.indices(len(self))
        if stride != 1:
            raise ValueError("a trace is cut into contiguous pieces: its order is a fact")
        stop = max(start, stop)
        before = int(self.updates_before[start]) if start < len(self) else self.updates
        return type(self)(
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

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TraceRows):
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

    # Updates made so far ---------------------------------------------------------------------

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

    def count_before(self, updates: int) -> int:
        """Return how many of the first rows it takes until that many updates are made, no more."""
        return int(np.searchsorted(self.updates_before, updates))
