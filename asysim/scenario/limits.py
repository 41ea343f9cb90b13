"""The table that says over which lengths, mini-batches and workers a limit study goes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from asysim.errors import check_alone
from asysim.ground.ranges import Count, KeptCount, Positive, WorkerCount
from asysim.ground.table import Table

LENGTHS = (16_384, 65_536, 262_144)
BATCHES = (1, 4, 16)
MULTIPLES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


class Limits(Table):
    """A limit study (`asysim limits`): the most workers with linear speedup, as K and M grow.

    For each K the step is the theorem's, and ε² its bound for one worker, 4σ sqrt(ΔL/(MK)).
    """

    updates: tuple[Count, ...] = Field(default=LENGTHS, min_length=2)
    """K: for each the step is the theorem's, so that a longer run aims at a smaller ‖∇f‖"""
    batch_sizes: tuple[Count, ...] = Field(default=BATCHES, min_length=1)
    """M, samples in a gradient"""
    workers: tuple[WorkerCount, ...] | None = Field(default=None, min_length=1)
    """p, for each K and M the same; absent: by `multiples`. One is always added; from where
    efficiency has fallen well below `share` more workers are not tried"""
    multiples: tuple[Positive, ...] | None = Field(default=None, min_length=1)
    """p as multiples of the number that Corollary 2 proves for the K and M, √(Kσ²/(4MLΔ)), rounded;
    absent: 1, 2, 4, … 64. So no cell of the grid wastes runs on a p that is far from its limit"""
    seeds: KeptCount = 16
    """runs with each K, M and p: with seed, seed + 1, …"""
    share: Annotated[float, Field(gt=0, lt=1)] = 0.8
    """speedup in iterations counts as linear while it is at least this part of p"""

    @model_validator(mode="after")
    def _one_grid(self) -> Limits:
        check_alone(self, "multiples", "workers")
        return self

    def counts(self, proven: float) -> tuple[int, ...]:
        """Return the numbers of workers in order, 1 first.

        Parameters
        ----------
        proven
            What Corollary 2 proves; below 1 it is not even one worker, and 1 is taken.
        """
        if self.workers is not None:
            return tuple(sorted({1, *self.workers}))
        by = max(1.0, proven)
        return tuple(sorted({1, *(max(1, round(by * m)) for m in self.multiples or MULTIPLES)}))
