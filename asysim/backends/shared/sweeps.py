"""Reading x, and writing to it, while others do. Compiled.

Writers go word by word, atomically, or as a plain statement would.

A line of canaries is counted up along with one line of x in so many, in the same way at the same
time. As every update adds 1 to each, what is missing in the end was lost, and what was lost of x is
the same part of it, as far as one line of memory is like another. They are floats: a whole number
would be counted up by one instruction, in which nobody can be interrupted.
"""

from __future__ import annotations

import numpy as np

from asysim.backends.assignment import Assignment
from asysim.backends.shared.hardware import (
    give_way,
    load,
    relaxed_add,
    relaxed_load,
    relaxed_store,
    store,
    will_write,
)
from asysim.backends.shared.memory import LINE, Memory, limits
from asysim.backends.shared.ticket_lock import stopped
from asysim.ground.arrays import Ints, Vector
from asysim.jit.compiler import compiled
from asysim.problems.compiled import CompiledProblem, is_sparse
from asysim.random.streams import Purpose, WordSource, indices
from asysim.replay.space import descend
from asysim.schedule.sweeps import span

RELAXED, ATOMIC, RACING = range(3)
"""How an element is written."""

_AHEAD = 32 * LINE  # how far ahead of its use a line is asked for
_AT_ONCE = 16  # lines written before what they now are is read
_LARGEST = float(np.finfo(np.float64).max)


WRITES = {"relaxed": RELAXED, "atomic": ATOMIC, "racing": RACING}


def blocks_of(assignment: Assignment) -> int:
    """Return into how many blocks x is cut, of which an update writes one."""
    algorithm = assignment.scenario.algorithm
    if algorithm.write == "coordinate":
        return assignment.dimension
    return algorithm.blocks or 1


def writes_few(assignment: Assignment) -> bool:
    """Whether an update writes few coordinates, because gradients have no more."""
    if assignment.scenario.algorithm.write != "dense" or assignment.info.arithmetic != "compiled":
        return False
    assert isinstance(assignment.problem, CompiledProblem)
    return is_sparse(assignment.problem.model)


def way_of_writing(assignment: Assignment) -> str:
    """Return how elements of x are written: what the scenario says, or what fits the problem."""
    asked = assignment.settings.write
    if asked != "auto":
        return asked
    return (
        "atomic"
        if blocks_of(assignment) == assignment.dimension or writes_few(assignment)
        else "relaxed"
    )


def one_sweep(assignment: Assignment) -> bool:
    """Whether a worker reads x anew in the sweep that writes it."""
    settings, waits = assignment.settings, limits(assignment).waits
    return settings.one_sweep and not waits and not settings.emulate and blocks_of(assignment) == 1


class Spans:
    """Which coordinates given draws of a worker write."""

    def __init__(self, assignment: Assignment) -> None:
        self._source, self._n = WordSource(assignment.seed), assignment.dimension
        self._blocks = blocks_of(assignment)

    def __call__(self, worker: int, draws: Ints) -> Ints:
        if self._blocks == 1 or not len(draws):
            return np.tile(np.array([0, self._n]), (len(draws), 1))
        first, last = int(draws.min()), int(draws.max())
        words = self._source.words(Purpose.BLOCK, worker, first, last - first + 1)
        block = indices(words[draws - first], self._blocks)
        spans = [span(b, self._blocks, self._n) for b in block.tolist()]
        return np.array(spans, dtype=np.int64)


@compiled
def apart(shared: Vector, n: int, part: int) -> Vector:
    """Return an array of n numbers that begins so many quarters of a page behind where x does.

    Of two addresses that differ by whole pages, and little else, a processor believes for a while
    that they are the same, and waits for one before it uses the other.
    """
    space = np.empty(n + 512)
    ahead = shared.ctypes.data + 1024 * part - space.ctypes.data
    first = (ahead % 4096) // 8
    return space[first : first + n]


@compiled
def copy(x: Vector, out: Vector) -> None:
    """Copy the first numbers of x while others write it: none is torn."""
    for i in range(out.shape[0]):
        out[i] = relaxed_load(x, i)


@compiled
def take_snapshot(m: Memory, x: Vector, update: int, place: int) -> int:
    """Copy x if x_k is wanted, k being `update`; return the place in `wanted` to look at next."""
    while place < m.wanted.shape[0] and m.wanted[place] < update:
        place += 1
    if place < m.wanted.shape[0] and m.wanted[place] == update:
        slot = place % m.marks.shape[0]
        turns = 0
        while load(m.marks, slot) != 0:
            if stopped(m):
                return place
            turns += 1
            give_way(turns)
        copy(x, m.snapshots[slot])
        store(m.marks, slot, place + 1)
    return place


@compiled
def relaxed(
    x: Vector, gradient: Vector, step: float, lo: int, hi: int, seen: Vector,
    canaries: Vector, stride: int,
) -> bool:  # fmt: skip
    """Subtract step × gradient from x[lo:hi], each word loaded and stored; return if finite.

    `seen` gets what x then was, if it is not empty: a read in the same sweep. It may be the
    gradient itself, which is not needed any more where x has been written.
    """
    values = seen if seen.shape[0] > 0 else gradient
    first, last = -(-lo // LINE), hi // LINE  # of the lines that are written whole
    if last < first:
        _some(x, gradient, step, lo, hi, seen, canaries, stride)
        return is_finite(values[lo:hi])
    for start in range(first * LINE, min(first * LINE + _AHEAD, last * LINE), LINE):
        will_write(x, start)
    _some(x, gradient, step, lo, first * LINE, seen, canaries, stride)
    finite = is_finite(values[lo : first * LINE])
    early = max(1, _AHEAD // LINE // stride)
    line = first
    while line < last:
        group = line // stride  # of lines, whose first one has canaries
        if line == group * stride:
            will_write(canaries, min((group + early) * LINE, canaries.shape[0] - 1))
            for i in range(group * LINE, (group + 1) * LINE):
                relaxed_store(canaries, i, relaxed_load(canaries, i) + 1.0)
        following = min(line + _AT_ONCE, (group + 1) * stride, last)
        _lines(x, gradient, step, line, following, seen, hi - 1)
        finite &= is_finite(values[line * LINE : following * LINE])
        line = following
    _some(x, gradient, step, last * LINE, hi, seen, canaries, stride)
    return finite & is_finite(values[last * LINE : hi])


@compiled
def is_finite(values: Vector) -> bool:
    """Whether all are; of a gradient: x is not if it is not, or will not be for long."""
    finite = True
    for i in range(values.shape[0]):
        finite &= abs(values[i]) <= _LARGEST
    return finite


@compiled
def _lines(
    x: Vector, gradient: Vector, step: float, first: int, last: int, seen: Vector, end: int
) -> None:
    """Do so to whole lines."""
    for line in range(first, last):
        start = line * LINE
        will_write(x, min(start + _AHEAD, end))
        for i in range(start, start + LINE):
            # Of the gradient too: its brackets would look for a negative place each time.
            relaxed_store(x, i, relaxed_load(x, i) - step * relaxed_load(gradient, i))
    if seen.shape[0] > 0:
        # Not in the loop above: one stream of stores at a time is faster than two. Soon after it:
        # while another worker writes as well, lines do not stay here for long.
        for i in range(first * LINE, last * LINE):
            relaxed_store(seen, i, relaxed_load(x, i))


@compiled
def _some(
    x: Vector, gradient: Vector, step: float, lo: int, hi: int, seen: Vector,
    canaries: Vector, stride: int,
) -> None:  # fmt: skip
    """Do the same to less than a line."""
    for i in range(lo, hi):
        value = relaxed_load(x, i) - step * gradient[i]
        relaxed_store(x, i, value)
        if seen.shape[0] > 0:
            seen[i] = value
        line = i // LINE
        if line % stride == 0:
            place = i + (line // stride - line) * LINE
            relaxed_store(canaries, place, relaxed_load(canaries, place) + 1.0)


@compiled
def atomic(
    x: Vector, gradient: Vector, step: float, lo: int, hi: int, seen: Vector
) -> bool:  # fmt: skip
    """Subtract step × gradient from x[lo:hi], each word in one piece; return if finite."""
    reads = seen.shape[0] > 0
    for i in range(lo, hi):
        change = step * gradient[i]
        value = relaxed_add(x, i, -change) - change
        if reads:
            seen[i] = value
    return is_finite(seen if reads else gradient[lo:hi])


@compiled
def racing(
    x: Vector, gradient: Vector, step: float, lo: int, hi: int, seen: Vector,
    canaries: Vector, stride: int,
) -> bool:  # fmt: skip
    """Subtract step × gradient from x[lo:hi] as if nobody else were there; return if that is."""
    finite, line = True, lo // LINE
    while line * LINE < hi:
        following = (line // stride + 1) * stride  # the next line with canaries
        begin, end = max(lo, line * LINE), min(hi, following * LINE)
        finite &= descend(x[begin:end], gradient[begin:end], step)
        if line % stride == 0:
            shift = (line // stride - line) * LINE
            for i in range(max(lo, line * LINE) + shift, min(hi, (line + 1) * LINE) + shift):
                canaries[i] += 1.0
        line = following
    for i in range(seen.shape[0]):
        seen[i] = x[i]
    return finite


@compiled
def canaries_in(lo: int, hi: int, stride: int) -> int:
    """Return how many canaries a write of x[lo:hi] adds to."""
    count = 0
    for line in range(-(-(lo // LINE) // stride) * stride, -(-hi // LINE), stride):
        count += min(hi, (line + 1) * LINE) - max(lo, line * LINE)
    return count


@compiled
def scatter(
    x: Vector, index: Ints, change: Vector, count: int, step: float, how: int,
    canaries: Vector, stride: int,
) -> int:  # fmt: skip
    """Subtract step × change[j] from x[index[j]] for j < count; return additions to canaries."""
    tried = 0
    if how == ATOMIC:
        for j in range(count):
            relaxed_add(x, index[j], -(step * change[j]))
        return tried
    for j in range(count):
        i = index[j]
        relaxed_store(x, i, relaxed_load(x, i) - step * change[j])
        line = i // LINE
        if line % stride == 0:
            place = i + (line // stride - line) * LINE
            relaxed_store(canaries, place, relaxed_load(canaries, place) + 1.0)
            tried += 1
    return tried
