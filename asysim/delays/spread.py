"""How often each τ was: overall, by worker or group, and over time; counted in one pass.

Over time means batches of equally many gradients: whenever there are `BATCHES` of them, each two
become one. So there are always 64 to 128, their length follows from the number of gradients alone,
and what comes of it is the same whatever pieces a trace is read in.
"""

from __future__ import annotations

import numpy as np

from asysim.delays.piece import Piece
from asysim.delays.scale import STALENESS, cell_of, wide_enough
from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled
from asysim.trace.gradient import LOST

BATCHES = 128
STRETCH = 1 << 18
"""How many of the last τ are kept one by one, for their autocorrelation."""

MOST_CELLS = 1 << 22  # of a table by worker: 32 MB
DISPOSED, APPLIED, SUM, MOST = range(4)  # what is counted of each worker
_CELLS = 64  # of a histogram that nothing large is in yet
_TAKEN, _LENGTH, _BATCH, _WITHIN = range(4)
_EXACT, _FINE = STALENESS
_B_SUM, _B_LEAST, _B_MOST = range(3)


class Spread:
    """Counts of τ.

    Parameters
    ----------
    workers
        p.
    group_of
        The group of each worker, from 0; (p,).

    Attributes
    ----------
    of_worker
        Gradients disposed of, applied, Σ τ and the largest τ; (p, 4).
    lanes
        How often each cell of τ was, for each worker, or each group if that is too much, or all
        together; (lanes, cells).
    lane_of
        Which line of `lanes` each worker's gradients are in; (p,).
    batches
        The same for each batch; (128, cells).
    of_batch
        Σ τ, the least τ and the largest; (128, 3).
    """

    def __init__(self, workers: int, group_of: Ints) -> None:
        self._group_of = group_of
        self.of_worker = np.zeros((workers, 4), np.int64)
        self.lane_of = np.arange(workers, dtype=np.int64)
        if workers * _CELLS > MOST_CELLS:
            self.lane_of = group_of
        self.lanes = np.zeros((len(np.unique(self.lane_of)), _CELLS), np.int64)
        self.batches = np.zeros((BATCHES, _CELLS), np.int64)
        self.of_batch = np.zeros((BATCHES, 3), np.int64)
        self._recent = np.zeros(STRETCH, np.int64)
        self._state = np.array([0, 1, 0, 0], np.int64)
        self._make_room(0)

    def add(self, piece: Piece) -> None:
        """Count a piece more."""
        age = piece.age
        self._make_room(int(age.max(initial=0)))
        _count(
            piece.worker, age, piece.update, self.lane_of, self.lanes, self.batches,
            self.of_batch, self.of_worker, self._recent, self._state,
        )  # fmt: skip

    @property
    def applied(self) -> int:
        """Gradients applied."""
        return int(self._state[_TAKEN])

    @property
    def batch_length(self) -> int:
        """Gradients in each batch but the last one."""
        return int(self._state[_LENGTH])

    @property
    def whole_batches(self) -> int:
        """Batches that are full."""
        return self.applied // self.batch_length

    @property
    def stretch(self) -> Ints:
        """The last τ, at most `STRETCH`, in order."""
        taken = self.applied
        if taken < STRETCH:
            return self._recent[:taken].copy()
        return np.roll(self._recent, -(taken % STRETCH))

    def _make_room(self, most: int) -> None:
        """Have cells for a τ; where workers' would be too many, count groups, or all together."""
        self.batches = wide_enough(self.batches, most, STALENESS)
        while len(self.lanes) > 1 and len(self.lanes) * self.batches.shape[1] > MOST_CELLS:
            groups = len(np.unique(self._group_of))
            merged = self._group_of if len(self.lanes) > groups else np.zeros_like(self._group_of)
            lanes = np.zeros((len(np.unique(merged)), self.lanes.shape[1]), np.int64)
            place = np.zeros(len(self.lanes), np.int64)
            place[self.lane_of] = merged
            np.add.at(lanes, place, self.lanes)
            self.lanes, self.lane_of = lanes, np.ascontiguousarray(merged)
        self.lanes = wide_enough(self.lanes, most, STALENESS)


@compiled
def _count(
    worker: Ints,
    age: Ints,
    update: Ints,
    lane_of: Ints,
    lanes: Ints,
    batches: Ints,
    of_batch: Ints,
    of_worker: Ints,
    recent: Ints,
    state: Ints,
) -> None:
    taken, length = state[_TAKEN], state[_LENGTH]
    batch, within = state[_BATCH], state[_WITHIN]
    for i in range(worker.shape[0]):
        own = worker[i]
        of_worker[own, DISPOSED] += 1
        if update[i] == LOST:
            continue
        tau = age[i]
        cell = cell_of(tau, _EXACT, _FINE)
        of_worker[own, APPLIED] += 1
        of_worker[own, SUM] += tau
        of_worker[own, MOST] = max(of_worker[own, MOST], tau)
        lanes[lane_of[own], cell] += 1
        if within == length:
            batch, within = batch + 1, 0
            if batch == BATCHES:
                _merge(batches, of_batch)
                batch, length = BATCHES // 2, 2 * length
        if within == 0:
            of_batch[batch, _B_LEAST] = tau
        batches[batch, cell] += 1
        of_batch[batch, _B_SUM] += tau
        of_batch[batch, _B_LEAST] = min(of_batch[batch, _B_LEAST], tau)
        of_batch[batch, _B_MOST] = max(of_batch[batch, _B_MOST], tau)
        recent[taken & (STRETCH - 1)] = tau
        taken, within = taken + 1, within + 1
    state[_TAKEN], state[_LENGTH] = taken, length
    state[_BATCH], state[_WITHIN] = batch, within


@compiled
def _merge(batches: Ints, of_batch: Ints) -> None:
    """Make one batch of each two."""
    for b in range(BATCHES // 2):
        for cell in range(batches.shape[1]):
            batches[b, cell] = batches[2 * b, cell] + batches[2 * b + 1, cell]
        of_batch[b, _B_SUM] = of_batch[2 * b, _B_SUM] + of_batch[2 * b + 1, _B_SUM]
        of_batch[b, _B_LEAST] = min(of_batch[2 * b, _B_LEAST], of_batch[2 * b + 1, _B_LEAST])
        of_batch[b, _B_MOST] = max(of_batch[2 * b, _B_MOST], of_batch[2 * b + 1, _B_MOST])
    for b in range(BATCHES // 2, BATCHES):
        for cell in range(batches.shape[1]):
            batches[b, cell] = 0
        for what in range(of_batch.shape[1]):
            of_batch[b, what] = 0
