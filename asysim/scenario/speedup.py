"""The table that says which numbers of workers a speedup study compares, and with what."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from asysim.errors import Clash
from asysim.ground.ranges import KeptCount, Positive, WorkerCount
from asysim.ground.table import Table


class Reference(Table):
    """Speedups that somebody else found, to be shown beside ours."""

    source: str
    """who found them, and on what"""
    workers: list[WorkerCount]
    """numbers of workers"""
    iteration: list[Positive] | None = None
    """iteration speedup with each of them"""
    time: list[Positive] | None = None
    """time speedup with each of them"""

    @model_validator(mode="after")
    def _are_of_one_length(self) -> Self:
        for name in ("iteration", "time"):
            row = getattr(self, name)
            if row is not None and len(row) != len(self.workers):
                raise Clash(name, f"should have {len(self.workers)} entries, as workers has")
        return self


class Speedup(Table):
    """A speedup study (`asysim speedup`): the scenario with several numbers of workers."""

    workers: list[WorkerCount] | None = Field(default=None, min_length=1)
    """numbers of workers; absent: 1, 2, 4, … up to workers.count. One worker is always added"""
    seeds: KeptCount = 5
    """runs with each number of workers: with seed, seed + 1, …"""
    reference: Reference | None = None
    """speedups to compare with"""

    def counts(self, largest: int) -> list[int]:
        """Return the numbers of workers in order, 1 first; `largest` is the scenario's."""
        asked = self.workers
        if asked is None:
            asked = [1 << i for i in range(largest.bit_length())] + [largest]
        return sorted({1, *asked})
