"""How long each step of each gradient takes: named draws from the scenario's laws, in whole ticks.

One tick is a nanosecond. Whole numbers add up the same in any order, so instants that should
coincide do, in any engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from asysim.coordination.flight import Parts
from asysim.ground.arrays import Floats, Ints
from asysim.laws import Constant, TimeLaw
from asysim.laws.simple import NO_TIME
from asysim.random.streams import Purpose, WordSource, indices, uniforms
from asysim.trace.gradient import NANOSECOND

_FIRST_BLOCK, _LAST_BLOCK = 16, 4096  # draws made at once: few at first, for very many workers
ClusterRound = tuple[int, int, int, int, int]
MemoryRound = tuple[int, int, int, int, int]

LONGEST = 2**60
"""36 years in ticks; longer draws are cut there, so that sums stay within 64 bits."""


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
    factor
        Multiplies each draw, such as the number of coordinates.
    """

    law: TimeLaw
    purpose: Purpose
    extra: float = 0.0
    factor: float = 1.0

    @property
    def mean(self) -> float:
        """Expected seconds at speed 1."""
        return self.law.mean * self.factor + self.extra

    @property
    def takes_time(self) -> bool:
        """Whether it is not 0 always."""
        return not (isinstance(self.law, Constant) and self.law.value == 0 and self.extra == 0)

    def ticks(self, source: WordSource, worker: int, start: int, count: int, speed: float) -> Ints:
        """Return draws start … start + count − 1 of one worker, divided by its speed; (count,)."""
        if isinstance(self.law, Constant):
            seconds = np.full(count, self.law.value)
        else:
            words = source.words(self.purpose, worker, start, count)
            seconds = self.law.quantile(uniforms(words))
        return self.in_ticks(seconds, speed)

    def in_ticks(self, seconds: Floats, speed: float | Floats) -> Ints:
        """Return durations of the law as ticks, divided by a speed, or each by its own."""
        ticks = np.rint((seconds * self.factor / speed + self.extra) / NANOSECOND)
        return np.minimum(ticks, LONGEST).astype(np.int64)


def draw_blocks() -> Iterator[tuple[int, int]]:
    """Yield (start, count) of the pieces in which a worker's draws are made."""
    start, count = 0, _FIRST_BLOCK
    while True:
        yield start, count
        start, count = start + count, min(2 * count, _LAST_BLOCK)


_NO_PULL = Duration(NO_TIME, Purpose.PULL)
_NO_PUSH = Duration(NO_TIME, Purpose.PUSH)
_NO_READ = Duration(NO_TIME, Purpose.READ_SERVICE)
NO_SIZE = Duration(NO_TIME, Purpose.PULL_SIZE)


def ticks_one_by_one(
    step: Duration, source: WordSource, worker: int, speed: float = 1.0
) -> Iterator[int]:
    """Yield a worker's draws of one step in turn, without end."""
    for start, count in draw_blocks():
        yield from step.ticks(source, worker, start, count, speed).tolist()


@dataclass(frozen=True)
class WorkerTiming:
    """What is a worker's own of its gradients' way round.

    Parameters
    ----------
    compute
        The computation.
    speed
        Divides its time.
    pull, push
        The way from the server and back, with asysg-con.
    outbound, inbound
        What a random size adds to them: a law of bytes by seconds for a byte of a part.
    """

    compute: Duration
    speed: float = 1.0
    pull: Duration = _NO_PULL
    push: Duration = _NO_PUSH
    outbound: Duration = NO_SIZE
    inbound: Duration = NO_SIZE

    @property
    def ways(self) -> tuple[float, float]:
        """Mean seconds of the way from the server, and of that back."""
        return self.pull.mean + self.outbound.mean, self.push.mean + self.inbound.mean

    @property
    def messages(self) -> tuple[Duration, ...]:
        """What its messages take, there and back."""
        return self.pull, self.outbound, self.push, self.inbound


@dataclass(frozen=True)
class ClusterTiming:
    """The steps of a gradient's way round the star network of AsySG-con.

    Parameters
    ----------
    seed
        Names all draws.
    workers
        What differs from worker to worker; (p,).
    service
        How long a server takes for a gradient, or its part of one.
    read
        How long a server takes to send off x, or its part.
    shards
        How many servers there are; each part of a message has its own draws.
    loss
        Probability that a message, or a part of one, is lost.
    send, receive
        How long a pull's or a push's part of a random size takes an interface that has nothing
        else to do. One word decides the size of a message: its parts are equal, and what is sent
        again is as large as it was.
    """

    seed: int
    workers: Sequence[WorkerTiming]
    service: Duration
    read: Duration = _NO_READ
    shards: int = 1
    loss: float = 0.0
    send: Duration = NO_SIZE
    receive: Duration = NO_SIZE

    @cached_property
    def source(self) -> WordSource:
        """Where the draws come from."""
        return WordSource(self.seed)

    @cached_property
    def kinds(self) -> list[WorkerTiming]:
        """The different ones among `workers`, of which there may be millions."""
        return list({id(own): own for own in self.workers}.values())

    @cached_property
    def random_sizes(self) -> bool:
        """Whether messages are of random sizes, and that matters."""
        links = (step for own in self.kinds for step in (own.outbound, own.inbound))
        return any(step.takes_time for step in (self.send, self.receive, *links))

    def rounds(self, worker: int) -> Iterator[ClusterRound]:
        """Yield draw by draw its number, ticks from the read to ready, done, arrived; service."""
        own, source = self.workers[worker], self.source
        for start, count in draw_blocks():
            ready = own.pull.ticks(source, worker, start, count, 1.0)
            if own.outbound.takes_time:
                ready += own.outbound.ticks(source, worker, start, count, 1.0)
            done = ready + own.compute.ticks(source, worker, start, count, own.speed)
            arrived = done + own.push.ticks(source, worker, start, count, 1.0)
            if own.inbound.takes_time:
                arrived += own.inbound.ticks(source, worker, start, count, 1.0)
            service = self.service.ticks(source, worker, start, count, 1.0)
            steps = (step.tolist() for step in (ready, done, arrived, service))
            yield from zip(range(start, start + count), *steps, strict=True)

    def parts(self, worker: int) -> Iterator[Parts]:
        """Yield draw by draw all that its way round takes, part by part.

        Word i · shards + s of a stream is for part s of draw i, whether it comes to be used or not.
        """
        own, source, shards = self.workers[worker], self.source, self.shards
        for start, count in draw_blocks():
            steps = [
                step.ticks(source, worker, start * shards, count * shards, 1.0)
                for step in (self.read, own.pull, own.push, self.service)
            ]
            for purpose in (Purpose.LOST_PULL, Purpose.LOST_PUSH):
                if self.loss > 0:
                    words = source.words(purpose, worker, start * shards, count * shards)
                    steps.append((uniforms(words) < self.loss).astype(np.int64))
                else:
                    steps.append(np.zeros(count * shards, dtype=np.int64))
            split = [step.reshape(count, shards) for step in steps]
            whole: list[Ints] = []
            if self.random_sizes:
                whole = [
                    step.ticks(source, worker, start, count, 1.0)
                    for step in (own.outbound, own.inbound, self.send, self.receive)
                ]
                split[1] += whole[0][:, None]
                split[2] += whole[1][:, None]
            compute = own.compute.ticks(source, worker, start, count, own.speed)
            yield from map(
                Parts,
                range(start, start + count),
                compute.tolist(),
                *(step.tolist() for step in (*split, *whole)),
            )


@dataclass(frozen=True)
class MemoryTiming:
    """The three steps of a gradient of AsySG-incon, and which block of x it will write.

    Parameters
    ----------
    blocks
        Into how many blocks x is cut; 1: every update writes all of x.
    """

    seed: int
    workers: Sequence[WorkerTiming]
    read: Duration
    write: Duration
    blocks: int = 1

    @cached_property
    def _source(self) -> WordSource:
        return WordSource(self.seed)

    def rounds(self, worker: int) -> Iterator[MemoryRound]:
        """Yield draw by draw its number, ticks to read x, compute, write all of x; and a block."""
        own = self.workers[worker]
        for start, count in draw_blocks():
            read = self.read.ticks(self._source, worker, start, count, 1.0)
            compute = own.compute.ticks(self._source, worker, start, count, own.speed)
            write = self.write.ticks(self._source, worker, start, count, 1.0)
            if self.blocks == 1:
                block = np.zeros(count, dtype=np.int64)
            else:
                words = self._source.words(Purpose.BLOCK, worker, start, count)
                block = indices(words, self.blocks)
            steps = (step.tolist() for step in (read, compute, write, block))
            yield from zip(range(start, start + count), *steps, strict=True)
