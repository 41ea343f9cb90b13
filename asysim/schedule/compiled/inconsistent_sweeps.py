"""The arithmetic of sweeps as in `asysim.schedule.sweeps`, exact in 64 bits. Compiled.

A product of coordinates and ticks may need 128 bits. Where it does, quotients are found by
bisection: two products can be compared in 128 bits, and dividing there is no machine instruction.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types

from asysim.jit.compiler import compiled, instruction

WITHIN = 2**62
"""Products below it, and sums of two of them, fit into 64 bits."""

_INT = types.int64


def _at_most(a: int, b: int, c: int, d: int, e: int, f: int) -> bool:
    a, b, c, d, e, f = map(int, (a, b, c, d, e, f))  # Python's have any number of bits
    return a * b <= c * d + e * f


@instruction(_at_most)
def at_most(_typing: Any, _a: Any, _b: Any, _c: Any, _d: Any, _e: Any, _f: Any) -> Any:
    """Return whether a·b ≤ c·d + e·f, for numbers of at most 63 bits, as if without overflow."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        double = ir.IntType(128)
        a, b, c, d, e, f = (builder.sext(argument, double) for argument in arguments)
        limit = builder.add(builder.mul(c, d), builder.mul(e, f))
        return builder.icmp_signed("<=", builder.mul(a, b), limit)

    return types.boolean(_INT, _INT, _INT, _INT, _INT, _INT), generate


@compiled
def quotient(a: int, b: int, divisor: int) -> int:
    """Return ⌊a·b / divisor⌋, for 0 ≤ a ≤ divisor and 0 ≤ b < 2**62."""
    if b < WITHIN // divisor:
        return a * b // divisor
    low, high = 0, b  # the quotient is one of low … high
    while low < high:
        middle = low + (high - low + 1) // 2
        if at_most(middle, divisor, a, b, 0, 0):
            low = middle
        else:
            high = middle - 1
    return low


@compiled
def write_time(length: int, pace: int, dimension: int) -> int:
    """Return the ticks that writing so many coordinates takes, rounded up."""
    if length == dimension:
        return pace
    if pace < WITHIN // dimension:
        return -(-length * pace // dimension)
    time = quotient(length, pace, dimension)
    return time if at_most(length, pace, time, dimension, 0, 0) else time + 1


@compiled
def seen_slice(
    lo: int, hi: int, write_pace: int, lead: int, read_pace: int, dimension: int
) -> tuple[int, int]:
    """Return the coordinates [first, last) where a write was not later than a read.

    `lead` is how long before the read the write began, in ticks. For numbers of any size: the
    loop of the events has a shorter way of its own for those whose products fit into 64 bits.
    """
    slower = write_pace - read_pace
    low, high = lo, hi  # up to low it is one, from high on it is the other
    while low < high:
        middle = low + (high - low) // 2
        if at_most(middle, slower, dimension, lead, lo, write_pace) == (slower >= 0):
            low = middle + 1
        else:
            high = middle
    return (lo, low) if slower >= 0 else (low, hi)
