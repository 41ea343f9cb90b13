"""The row: one mini-batch gradient by one worker, and what its lock-free sweeps saw and wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from asysim.ground.arrays import Ints

NANOSECOND = 1e-9
LOST = -1
FACTS = ("worker", "draw", "version", "update")
TIMES = ("read", "ready", "done", "arrived", "applied")


class Seen(NamedTuple):
    """The part [first, last) of one update's write that a read did see, though not all before."""

    update: int
    first: int
    last: int


class Gradient(NamedTuple):
    """One mini-batch gradient by one worker: a row of the trace, times in seconds.

    Attributes
    ----------
    worker, draw
        Whose gradient, and its how-many-th; with the seed they name the mini-batch.
    version
        Updates contained in x when it was read: all those with a smaller index, entirely.
    update
        Index of the update it went into; −1: discarded or lost.
    read, ready, done, arrived, applied
        The read of x began; x was in hand; the gradient was done; it was at the server (its
        write began); it was applied or discarded (its write ended). One that was stopped, or lost,
        has the instant of that for every stage that it did not reach.
    lo, hi
        The coordinates [lo, hi) that its update wrote; (0, 0) with consistent reads: all of them.
    seen
        What the read saw of updates `version` and later; all else of them is the paper's J(k).
    """

    worker: int
    draw: int
    version: int
    update: int
    read: float = 0.0
    ready: float = 0.0
    done: float = 0.0
    arrived: float = 0.0
    applied: float = 0.0
    lo: int = 0
    hi: int = 0
    seen: tuple[Seen, ...] = ()


@dataclass(frozen=True, eq=False)
class Sweeps:
    """What lock-free reads saw and writes wrote, for each row of an AsySG-incon trace.

    Attributes
    ----------
    lo, hi
        Row i's update wrote the coordinates [lo[i], hi[i]); shape (rows,).
    offsets
        Row i's read saw the slices offsets[i] … offsets[i + 1] − 1; shape (rows + 1,).
    update, first, last
        A slice: coordinates [first, last) of that update's write were seen; shape (slices,).
    """

    lo: Ints
    hi: Ints
    offsets: Ints
    update: Ints
    first: Ints
    last: Ints

    def of(self, row: int) -> tuple[Seen, ...]:
        """Return the slices that one row's read saw."""
        a, b = int(self.offsets[row]), int(self.offsets[row + 1])
        parts = (self.update[a:b].tolist(), self.first[a:b].tolist(), self.last[a:b].tolist())
        return tuple(map(Seen, *parts))

    def rows(self, start: int, stop: int) -> Sweeps:
        """Return the sweeps of rows start … stop − 1."""
        a, b = int(self.offsets[start]), int(self.offsets[stop])
        return Sweeps(
            self.lo[start:stop],
            self.hi[start:stop],
            self.offsets[start : stop + 1] - a,
            self.update[a:b],
            self.first[a:b],
            self.last[a:b],
        )

    @classmethod
    def whole(cls, rows: int, dimension: int) -> Sweeps:
        """Return those of rows with consistent reads, each of which writes all of x."""
        nothing = np.zeros(0, np.int64)
        return cls(
            np.zeros(rows, np.int64),
            np.full(rows, dimension, np.int64),
            np.zeros(rows + 1, np.int64),
            nothing,
            nothing,
            nothing,
        )

    @classmethod
    def joined(cls, parts: Sequence[Sweeps]) -> Sweeps:
        """Return the sweeps of several traces, one after the other."""
        counts = [np.diff(part.offsets) for part in parts]
        return cls(
            np.concatenate([part.lo for part in parts]),
            np.concatenate([part.hi for part in parts]),
            np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate(counts))]),
            np.concatenate([part.update for part in parts]),
            np.concatenate([part.first for part in parts]),
            np.concatenate([part.last for part in parts]),
        )


@dataclass(frozen=True, eq=False)
class Brackets:
    """Between what bounds the lock-free reads of a real run lie, for each row of its trace.

    What such a read saw can't be observed. But of the updates 0 … k − 1 before its own, it can't
    have seen `after`, `after` + 1, …, which had not begun; of those that were in flight when it
    began, and those begun while it lasted, it saw perhaps a part; and all the others entirely.

    Attributes
    ----------
    lo, hi
        Row i's update wrote the coordinates [lo[i], hi[i]); shape (rows,).
    begun, after
        Updates that had begun when row i's read began, and when it was over; shape (rows,).
    offsets
        Row i's read began while the updates partly[offsets[i]] … were in flight; shape (rows + 1,).
    partly
        Indices of updates; shape (offsets[-1],).
    """

    lo: Ints
    hi: Ints
    begun: Ints
    after: Ints
    offsets: Ints
    partly: Ints

    def of(self, row: int) -> tuple[int, ...]:
        """Return the updates that were in flight when one row's read began."""
        a, b = int(self.offsets[row]), int(self.offsets[row + 1])
        return tuple(self.partly[a:b].tolist())

    def rows(self, start: int, stop: int) -> Brackets:
        """Return the brackets of rows start … stop − 1."""
        a, b = int(self.offsets[start]), int(self.offsets[stop])
        return Brackets(
            self.lo[start:stop],
            self.hi[start:stop],
            self.begun[start:stop],
            self.after[start:stop],
            self.offsets[start : stop + 1] - a,
            self.partly[a:b],
        )

    @classmethod
    def joined(cls, parts: Sequence[Brackets]) -> Brackets:
        """Return the brackets of several traces, one after the other."""
        counts = [np.diff(part.offsets) for part in parts]
        return cls(
            np.concatenate([part.lo for part in parts]),
            np.concatenate([part.hi for part in parts]),
            np.concatenate([part.begun for part in parts]),
            np.concatenate([part.after for part in parts]),
            np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate(counts))]),
            np.concatenate([part.partly for part in parts]),
        )
