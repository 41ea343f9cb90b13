"""How long each step of each gradient takes: named draws from the scenario's laws, in whole ticks.

One tick is a nanosecond. Whole numbers add up the same in any order, so instants that should
coincide do, in any engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from asysim.laws import Constant, TimeLaw
from asysim.randomness import Purpose, WordSource, indices, uniforms
from asysim.trace import NANOSECOND, Ints

_FIRST_BLOCK, _LAST_BLOCK = 16, 4096  # draws made at once: few at first, for very many workers
ClusterRound = tuple[int, int, int, int, int]
MemoryRound = tuple[int, int, int, int, int]

_LONGEST = 2**60  # 36 years; longer draws are cut there, so that sums stay within 64 bits


@dataclass(frozen=True)
class Duration:
    """One step of every gradient: a law, the purpose that names its draws, a fixed part.

    Parameters
    ----------
    law
        Where the random part comes from.
    purpose
        Names the stream of random words.
    extra
        Seconds added to each draw, such as size / bandwidth.
    """

    law: TimeLaw
    purpose: Purpose
    extra: float = 0.0

    def ticks(self, source: WordSource, worker: int, start: int, count: int, speed: float) -> Ints:
        """Return draws start … start + count − 1 of one worker, divided by its speed; (count,)."""
        if isinstance(self.law, Constant):
            seconds = np.full(count, self.law.value)
        else:
            words = source.words(self.purpose, worker, start, count)
            seconds = self.law.quantile(uniforms(words))
        ticks = np.rint((seconds / speed + self.extra) / NANOSECOND)
        return np.minimum(ticks, _LONGEST).astype(np.int64)


def draw_blocks() -> Iterator[tuple[int, int]]:
    """Yield (start, count) of the pieces in which a worker's draws are made."""
    start, count = 0, _FIRST_BLOCK
    while True:
        yield start, count
        start, count = start + count, min(2 * count, _LAST_BLOCK)


@dataclass(frozen=True)
class ClusterTiming:
    """The four steps of a gradient's way round the star network of AsySG-con."""

    seed: int
    speeds: list[float]
    pull: Duration
    compute: Duration
    push: Duration
    service: Duration

    @cached_property
    def _source(self) -> WordSource:
        return WordSource(self.seed)

    def rounds(self, worker: int) -> Iterator[ClusterRound]:
        """Yield draw by draw its number, ticks from the read to ready, done, arrived; service."""
        for start, count in draw_blocks():
            ready = self.pull.ticks(self._source, worker, start, count, 1.0)
            done = ready + self.compute.ticks(
                self._source, worker, start, count, self.speeds[worker]
            )
            arrived = done + self.push.ticks(self._source, worker, start, count, 1.0)
            service = self.service.ticks(self._source, worker, start, count, 1.0)
            steps = (step.tolist() for step in (ready, done, arrived, service))
            yield from zip(range(start, start + count), *steps, strict=True)


@dataclass(frozen=True)
class MemoryTiming:
    """The three steps of a gradient of AsySG-incon, and which block of x it will write.

    Parameters
    ----------
    blocks
        Into how many blocks x is cut; 1: every update writes all of x.
    """

    seed: int
    speeds: list[float]
    read: Duration
    compute: Duration
    write: Duration
    blocks: int = 1

    @cached_property
    def _source(self) -> WordSource:
        return WordSource(self.seed)

    def rounds(self, worker: int) -> Iterator[MemoryRound]:
        """Yield draw by draw its number, ticks to read x, compute, write all of x; and a block."""
        for start, count in draw_blocks():
            read = self.read.ticks(self._source, worker, start, count, 1.0)
            compute = self.compute.ticks(self._source, worker, start, count, self.speeds[worker])
            write = self.write.ticks(self._source, worker, start, count, 1.0)
            if self.blocks == 1:
                block = np.zeros(count, dtype=np.int64)
            else:
                words = self._source.words(Purpose.BLOCK, worker, start, count)
                block = indices(words, self.blocks)
            steps = (step.tolist() for step in (read, compute, write, block))
            yield from zip(range(start, start + count), *steps, strict=True)
