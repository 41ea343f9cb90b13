"""The table that says over which lengths, mini-batches and workers a limit study goes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from asysim.ground.ranges import Count, KeptCount, WorkerCount
from asysim.ground.table import Table

LENGTHS = (1024, 4096, 16_384, 65_536, 262_144)
BATCHES = (1, 4, 16)
MOST_WORKERS = 4096


class Limits(Table):
    """A limit study (`asysim limits`): the most workers with linear speedup, as K and M grow.

    For each K the step is the theorem's, and ε² its bound for one worker, 4σ sqrt(ΔL/(MK)).
    """

    updates: tuple[Count, ...] = Field(default=LENGTHS, min_length=2)
    """K: for each the step is the theorem's, so that a longer run aims at a smaller ‖∇f‖"""
    batch_sizes: tuple[Count, ...] = Field(default=BATCHES, min_length=1)
    """M, samples in a gradient"""
    workers: tuple[WorkerCount, ...] | None = Field(default=None, min_length=1)
    """p; absent: 1, 2, 4, … up to 4,096. One is always added; from where efficiency has fallen well
    below `share` more workers are not tried"""
    seeds: KeptCount = 16
    """runs with each K, M and p: with seed, seed + 1, …"""
    share: Annotated[float, Field(gt=0, lt=1)] = 0.8
    """speedup in iterations counts as linear while it is at least this part of p"""

    def counts(self) -> tuple[int, ...]:
        """Return the numbers of workers in order, 1 first."""
        powers = tuple(1 << i for i in range(MOST_WORKERS.bit_length()))
        return tuple(sorted({1, *(self.workers or powers)}))
