"""How often each τ was in consecutive blocks of a series: what fits and tests need to know of it.

A histogram does not tell whether draws were independent, and those of a trace are not: a slow
worker's τ counts the updates that make its neighbours' τ small. Blocks that are long beside that
memory are nearly independent of each other, so the spread between them is the true error of every
share and every mean (batch means), whatever the memory within a block is like.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from asysim.ground.arrays import Floats, Ints

BLOCKS = 128
"""Blocks that a series is cut into where nothing else is said."""

MANY = 4096
"""Different τ from which on neighbouring large ones are counted together: nothing is lost."""

ABOVE = int(np.iinfo(np.int64).max)
"""The upper end of what has none."""


@dataclass(frozen=True, eq=False)
class BlockCounts:
    """Counts of τ in blocks of equally many updates.

    A cell is a range of τ that are counted together: one τ, but for very large ones.

    Attributes
    ----------
    counts
        How many τ of each block are in each cell; (blocks, cells), int64.
    lowest, highest
        The least and the largest τ of each cell, rising; (cells,). Cells that nothing is in may be
        left out.
    sums
        Σ τ of each block; (blocks,).
    length
        How many τ a block is of.
    """

    counts: Ints
    lowest: Ints
    highest: Ints
    sums: Ints
    length: int

    @classmethod
    def of(cls, tau: Ints, *, blocks: int = BLOCKS) -> BlockCounts:
        """Count a series that is in memory; what is left over at its end belongs to no block.

        Parameters
        ----------
        tau
            τ in the order of the updates; (n,), none negative.
        blocks
            How many; fewer if there are not so many τ.
        """
        tau = np.asarray(tau, dtype=np.int64)
        blocks = min(blocks, len(tau))
        length = len(tau) // blocks if blocks else 0
        kept = tau[: blocks * length]
        cells, place = np.unique(kept, return_inverse=True)
        block = np.repeat(np.arange(blocks), length)
        counts = np.bincount(block * len(cells) + place.ravel(), minlength=blocks * len(cells))
        return cls(
            counts.reshape(blocks, len(cells)).astype(np.int64),
            cells, cells, kept.reshape(blocks, length).sum(axis=1), length,
        )  # fmt: skip

    @classmethod
    def in_cells(cls, counts: Ints, edges: Ints, sums: Ints, length: int) -> BlockCounts:
        """Take what was counted, without the cells that nothing is in.

        Parameters
        ----------
        counts
            Of full blocks only; (blocks, cells).
        edges
            The least τ of each cell, and of the one that would come next; (cells + 1,).
        sums, length
            As the attributes.
        """
        used = np.flatnonzero(counts.any(axis=0))
        return cls(counts[:, used], edges[used], edges[used + 1] - 1, sums, length)

    def __len__(self) -> int:
        """Return how many blocks there are."""
        return len(self.counts)

    @cached_property
    def total(self) -> Ints:
        """How many τ are in each cell; (cells,)."""
        total: Ints = self.counts.sum(axis=0)
        return total

    @property
    def observations(self) -> int:
        """How many τ there are."""
        return len(self) * self.length

    @cached_property
    def middle(self) -> Floats:
        """The mean of each cell's ends; (cells,)."""
        return (self.lowest.astype(np.float64) + self.highest) / 2

    @property
    def shares(self) -> Floats:
        """Each cell's share of each block; (blocks, cells)."""
        return self.counts / self.length

    @property
    def means(self) -> Floats:
        """The mean τ of each block; (blocks,)."""
        return self.sums / self.length

    @property
    def mean(self) -> float:
        """The mean τ."""
        return int(self.sums.sum()) / self.observations

    @property
    def variance(self) -> float:
        """The variance of τ."""
        weight = self.total / self.observations
        middle = float(weight @ self.middle)
        return float(weight @ (self.middle - middle) ** 2)

    def halved(self) -> BlockCounts:
        """Return half as many blocks, each of two; a last one without a partner is left out."""
        half = len(self) // 2
        counts = self.counts[: 2 * half].reshape(half, 2, -1).sum(axis=1)
        sums = self.sums[: 2 * half].reshape(half, 2).sum(axis=1)
        return BlockCounts(counts, self.lowest, self.highest, sums, 2 * self.length)

    def coarser(self) -> BlockCounts:
        """Return the same with τ from 1024 on counted together, 64 cells for each doubling.

        Laws that are fitted then have the probabilities of whole cells to explain, 1 in 64 wide.
        """
        beyond = np.maximum(np.frexp(self.lowest.astype(np.float64))[1] - 1, 9)
        shift = np.where(beyond > 9, beyond - 6, 0)
        start, first = np.unique(self.lowest >> shift << shift, return_index=True)
        counts = np.add.reduceat(self.counts, first, axis=1)
        return BlockCounts(counts, start, start + (1 << shift[first]) - 1, self.sums, self.length)
