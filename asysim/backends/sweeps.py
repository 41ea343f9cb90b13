"""Writing to x while others do: word by word, atomically, or as a plain statement. Compiled.

A line of canaries is counted up along with one line of x in so many, in the same way at the same
time. As every update adds 1 to each, what is missing in the end was lost, and what was lost of x is
the same part of it, as far as one line of memory is like another.
"""

from __future__ import annotations

from asysim.backends.atomics import relaxed_add, relaxed_load, relaxed_store, will_write
from asysim.backends.memory import LINE
from asysim.problems.base import Vector
from asysim.problems.compiled.jit import compiled
from asysim.trace import Ints

RELAXED, ATOMIC, RACING = range(3)
"""How an element is written."""

_AHEAD = 32 * LINE  # how far ahead of its use a line is asked for


@compiled
def relaxed(
    x: Vector, gradient: Vector, step: float, lo: int, hi: int, seen: Vector,
    canaries: Ints, stride: int,
) -> bool:  # fmt: skip
    """Subtract step × gradient from x[lo:hi], each word loaded and stored; return if finite.

    `seen` gets what x then was, if it is not empty: a read in the same sweep.
    """
    zero, reads = 0.0, seen.shape[0] > 0
    first, last = -(-lo // LINE), hi // LINE  # of the lines that are written whole
    if last < first:
        first = last = hi // LINE
        zero += _some(x, gradient, step, lo, hi, seen, canaries, stride)
    else:
        zero += _some(x, gradient, step, lo, first * LINE, seen, canaries, stride)
        zero += _some(x, gradient, step, last * LINE, hi, seen, canaries, stride)
    for line in range(first, last):
        start = line * LINE
        will_write(x, min(start + _AHEAD, hi - 1))
        if reads:
            for i in range(start, start + LINE):
                value = relaxed_load(x, i) - step * gradient[i]
                relaxed_store(x, i, value)
                seen[i] = value
                zero += value - value  # or not a number, if it is not finite
        else:
            for i in range(start, start + LINE):
                value = relaxed_load(x, i) - step * gradient[i]
                relaxed_store(x, i, value)
                zero += value - value
        if line % stride == 0:
            place = line // stride * LINE
            will_write(canaries, min(place + LINE, canaries.shape[0] - 1))
            for i in range(place, place + LINE):
                relaxed_store(canaries, i, relaxed_load(canaries, i) + 1)
    return zero == 0.0


@compiled
def _some(
    x: Vector, gradient: Vector, step: float, lo: int, hi: int, seen: Vector,
    canaries: Ints, stride: int,
) -> float:  # fmt: skip
    """Do the same to less than a line."""
    zero = 0.0
    for i in range(lo, hi):
        value = relaxed_load(x, i) - step * gradient[i]
        relaxed_store(x, i, value)
        zero += value - value
        if seen.shape[0] > 0:
            seen[i] = value
        line = i // LINE
        if line % stride == 0:
            place = i + (line // stride - line) * LINE
            relaxed_store(canaries, place, relaxed_load(canaries, place) + 1)
    return zero


@compiled
def atomic(
    x: Vector, gradient: Vector, step: float, lo: int, hi: int, seen: Vector
) -> bool:  # fmt: skip
    """Subtract step × gradient from x[lo:hi], each word in one piece; return if finite."""
    zero, reads = 0.0, seen.shape[0] > 0
    for i in range(lo, hi):
        change = step * gradient[i]
        value = relaxed_add(x, i, -change) - change
        if reads:
            seen[i] = value
        zero += value - value
    return zero == 0.0


@compiled
def racing(
    x: Vector, gradient: Vector, step: float, lo: int, hi: int, seen: Vector,
    canaries: Ints, stride: int,
) -> bool:  # fmt: skip
    """Subtract step × gradient from x[lo:hi] as if nobody else were there; return if that is."""
    zero = 0.0
    for i in range(lo, hi):
        x[i] -= step * gradient[i]
    for line in range(lo // LINE, -(-hi // LINE)):
        if line % stride == 0:
            shift = (line // stride - line) * LINE
            for i in range(max(lo, line * LINE) + shift, min(hi, (line + 1) * LINE) + shift):
                canaries[i] += 1
    for i in range(seen.shape[0]):
        seen[i] = x[i]
    for i in range(lo, hi):
        zero += gradient[i] - gradient[i]
    return zero == 0.0


@compiled
def canaries_in(lo: int, hi: int, stride: int) -> int:
    """Return how many canaries a write of x[lo:hi] adds to."""
    count = 0
    for line in range(lo // LINE, -(-hi // LINE)):
        if line % stride == 0:
            count += min(hi, (line + 1) * LINE) - max(lo, line * LINE)
    return count


@compiled
def scatter(
    x: Vector, index: Ints, change: Vector, count: int, step: float, how: int,
    canaries: Ints, stride: int,
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
            relaxed_store(canaries, place, relaxed_load(canaries, place) + 1)
            tried += 1
    return tried
