"""Cells that whole numbers are counted in: each has its own up to a size, then so many an octave.

So a histogram has a bounded length whatever it is of, and an error that is known: none below
2^exact_bits, and above it less than the part 2^−octave_bits of the number.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled


class Scale(NamedTuple):
    """Which numbers have a cell of their own, and how fine the others' are.

    Attributes
    ----------
    exact_bits
        Numbers below 2^exact_bits have a cell each.
    octave_bits
        From there on, each doubling has 2^octave_bits cells; no more than `exact_bits`.
    """

    exact_bits: int
    octave_bits: int

    @property
    def cells(self) -> int:
        """How many there are, of all numbers below 2^63."""
        return (1 << self.exact_bits) + ((63 - self.exact_bits) << self.octave_bits)

    def lowest(self, cells: Ints) -> Ints:
        """Return the least number of each cell, same shape."""
        exact, fine = 1 << self.exact_bits, 1 << self.octave_bits
        beyond = np.maximum(cells - exact, 0)
        shift = self.exact_bits - self.octave_bits + beyond // fine
        return np.where(cells < exact, cells, (fine + beyond % fine) << shift)


STALENESS = Scale(14, 9)
"""Of τ: counted exactly below 16,384, then to 1 in 512."""

TICKS = Scale(6, 6)
"""Of durations in nanoseconds: to 1 in 64."""


@compiled
def cell_of(value: int, exact_bits: int, octave_bits: int) -> int:
    """Return the cell of a number ≥ 0."""
    if value < (1 << exact_bits):
        return value
    _, bits = math.frexp(float(value))
    octave = bits - 1
    if (value >> octave) == 0:  # as a float it was rounded up to a power of two
        octave -= 1
    within = (value >> (octave - octave_bits)) - (1 << octave_bits)
    return (1 << exact_bits) + ((octave - exact_bits) << octave_bits) + within


def wide_enough(counts: Ints, value: int, scale: Scale) -> Ints:
    """Return the same counts, with room in their last axis for the cell of a number."""
    needed = int(cell_of(int(value), *scale)) + 1
    if needed <= counts.shape[-1]:
        return counts
    wider = np.zeros((*counts.shape[:-1], 1 << (needed - 1).bit_length()), np.int64)
    wider[..., : counts.shape[-1]] = counts
    return wider
