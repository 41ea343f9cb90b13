"""Whether rows of a trace could have happened at all: what is true of every schedule there is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from asysim.errors import Fault
from asysim.ground.arrays import Ints
from asysim.trace.feasible_workers import Careers, Found, Mask, instant, number
from asysim.trace.gradient import LOST, TIMES, Brackets, Sweeps
from asysim.trace.info import TraceInfo
from asysim.trace.rows import TraceRows

MOST_DRAWS = 2**40
"""More gradients than any worker makes: one each nanosecond would take it 18 minutes."""


class Feasibility:
    """Holds a trace against what is true of all, piece by piece, in memory of p numbers.

    What is true of a trace depends on its kind. Of a real lock-free run a killed worker may take
    the row of one update along, and instants between two that were measured are interpolated; real
    clocks of several cores do not order the rows of different workers.

    Parameters
    ----------
    info
        What the trace says of itself.
    """

    def __init__(self, info: TraceInfo) -> None:
        self._info = info
        self._rows = 0
        self._simulated = info.clock == "simulated"
        self._lock_free = info.algorithm == "asysg-incon"
        self._disposal = TIMES.index("arrived" if self._lock_free else "applied")
        self._latest = 0  # instant of the last row's disposal
        self._last_update: int | None = None
        # A killed worker may have taken the number of one update along.
        self._missing = info.workers if self._lock_free and not info.exact else 0
        self._careers = Careers(info.workers)

    def faults(self, rows: TraceRows) -> list[Fault]:
        """Return what is wrong with the next rows: the first of each kind, with its row."""
        found: dict[str, Fault] = {}
        for column, wrong, what, expected in self._kinds(rows):
            for row in np.flatnonzero(wrong)[:1].tolist():
                key = f"{column} of row {self._rows + row}"
                found.setdefault(key, Fault(key, what(row), expected))
        self._rows += len(rows)
        return list(found.values())

    def _kinds(self, rows: TraceRows) -> Iterator[Found]:
        workers, n = self._info.workers, self._info.dimension
        unknown = (rows.worker < 0) | (rows.worker >= workers)
        draws = (rows.draw < 0) | (rows.draw > MOST_DRAWS)
        yield ("worker", unknown, number(rows.worker), f"a worker is one of 0 … {workers - 1}")
        yield ("draw", draws, number(rows.draw), "a draw is counted from 0")
        yield self._updates(rows)
        yield ("version", (rows.version < 0) | (rows.version > rows.updates_before),
               number(rows.version),
               "a version is between 0 and the updates made before the row's own")  # fmt: skip
        yield from self._instants(rows)
        if not (unknown | draws).any():
            yield from self._careers.kinds(rows, one_clock=self._simulated)
        if rows.sweeps is not None:
            yield from _spans(rows.sweeps, n)
            yield _seen(rows.sweeps, rows, n)
        if rows.brackets is not None:
            yield from _spans(rows.brackets, n)
            yield from _bounds(rows.brackets, rows)

    def _updates(self, rows: TraceRows) -> Found:
        """Tell updates that are out of order, or leave one out."""
        kept = np.flatnonzero(rows.was_applied)
        applied = rows.update[kept]
        if self._last_update is None:
            self._last_update = rows.updates_at_start - 1
        steps = np.diff(applied, prepend=self._last_update)
        if self._lock_free:  # every gradient is an update
            left_out = np.cumsum(np.maximum(steps - 1, 0))
            wrong = (steps < 1) | (left_out > self._missing)
            self._missing -= int(left_out[-1]) if len(left_out) else 0
        else:
            wrong = (steps != 0) & (steps != 1)
        if len(applied):
            self._last_update = int(applied[-1])
        gap = rows.update < LOST
        gap[kept[wrong]] = True
        return ("update", gap, number(rows.update),
                "updates are numbered from 0 without a gap; −1 is a lost gradient")  # fmt: skip

    def _instants(self, rows: TraceRows) -> Iterator[Found]:
        ticks = rows.ticks
        yield ("read", ticks[0] < 0, instant(ticks[0]), "nothing happens before the start, at 0 s")
        for i, (before, name) in enumerate(pairwise(TIMES)):
            yield (name, ticks[i + 1] < ticks[i], instant(ticks[i + 1], before, ticks[i]),
                   f"a gradient's instants are in the order {' ≤ '.join(TIMES)}")  # fmt: skip
        if self._simulated and len(rows):
            disposed, name = ticks[self._disposal], TIMES[self._disposal]
            earlier = np.concatenate([[self._latest], disposed[:-1]])
            self._latest = int(disposed[-1])
            yield (name, disposed < earlier, instant(disposed, "the row before", earlier),
                   "rows are in the order of their disposal")  # fmt: skip


def _spans(written: Sweeps | Brackets, dimension: int) -> Iterator[Found]:
    lo, hi = written.lo, written.hi
    within = f"an update writes a part [lo, hi) of the {dimension} coordinates of x"
    yield "lo", (lo < 0) | (lo > dimension), number(lo), within
    yield "hi", ((hi < lo) & (lo <= dimension)) | (hi > dimension), number(hi), within


def _seen(sweeps: Sweeps, rows: TraceRows, dimension: int) -> Found:
    """Tell slices that no read saw: of no update in flight, out of order, or outside x."""
    row = np.repeat(np.arange(len(rows)), np.diff(sweeps.offsets))
    update, first, last = sweeps.update, sweeps.first, sweeps.last
    wrong = (update < rows.version[row]) | (update >= rows.updates_before[row])
    wrong |= (first < 0) | (first >= last) | (last > dimension)
    wrong[1:] |= (row[1:] == row[:-1]) & (update[1:] <= update[:-1])
    slices = np.flatnonzero(wrong)

    def what(at: int) -> str:
        i = int(slices[np.searchsorted(row[slices], at)])
        return f"[{first[i]}, {last[i]}) of update {update[i]}"

    return ("seen", _of_rows(row, wrong, len(rows)), what,
            f"a read saw parts of x's {dimension} coordinates, of updates in their order from its "
            "version on and before its own")  # fmt: skip


def _bounds(brackets: Brackets, rows: TraceRows) -> Iterator[Found]:
    begun, after, partly = brackets.begun, brackets.after, brackets.partly
    yield ("begun", begun < rows.version, number(begun), "begun is the version or more")
    yield ("after", (after < begun) | (after > rows.updates_before), number(after),
           "after is between begun and the updates made before the row's own")  # fmt: skip
    row = np.repeat(np.arange(len(rows)), np.diff(brackets.offsets))
    wrong = (partly < rows.version[row]) | (partly >= begun[row])
    yield ("partly", _of_rows(row, wrong, len(rows)), lambda at: str(brackets.of(at))[:80],
           "what was in flight when a read began is from its version on, below begun")  # fmt: skip


def _of_rows(row: Ints, wrong: Mask, rows: int) -> Mask:
    """Return which of so many rows have an entry that is wrong."""
    found = np.zeros(rows, dtype=np.bool_)
    found[row[wrong]] = True
    return found
