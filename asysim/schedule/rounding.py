"""What whole nanoseconds make of durations: a clock that counts them sees nothing shorter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from asysim.laws import Constant
from asysim.laws.distribution import leaves
from asysim.random.streams import Purpose
from asysim.scenario import Scenario
from asysim.schedule.building import cluster_timing, memory_timing
from asysim.schedule.timing import Duration
from asysim.trace.gradient import NANOSECOND

SHARED = ("server.service", "server.read", "network.server_bandwidth")
"""Keys of what workers queue for."""
_SERVICE, _READ, _INTERFACE = SHARED
_LINK = "network.bandwidth"

_SHARES = 2**11  # of each law without parts, that many draws at even distances
_LONG = 1e4  # ticks; rounding changes the mean of what takes longer by less than 1 in 20,000


class Rounding(NamedTuple):
    """What the clock makes of one step.

    Attributes
    ----------
    mean
        Mean seconds on the clock.
    vanishing
        Share of draws that take some time, and none on the clock.
    """

    mean: float
    vanishing: float


class Step(NamedTuple):
    """A step of a gradient's way: the key that its law stands under, and its fastest speed."""

    key: str
    duration: Duration
    speed: float

    @property
    def mean(self) -> float:
        """Mean seconds, before they are rounded."""
        step = self.duration
        return (step.mean - step.extra) / self.speed + step.extra

    @property
    def rounding(self) -> Rounding:
        """What the clock makes of it, to 1 in 2,000 draws."""
        step, added, vanishing = self.duration, 0.0, 0.0
        uniform = (np.arange(_SHARES) + 0.5) / _SHARES
        for weight, leaf in leaves(step.law):
            seconds = leaf.quantile(uniform)
            ticks = step.in_ticks(seconds, self.speed)
            exact = seconds * step.factor / self.speed + step.extra
            short = ticks < _LONG  # a heavy tail is not to drown what is added to the others
            added += weight * float(np.sum((ticks * NANOSECOND - exact)[short])) / _SHARES
            vanishing += weight * float(np.mean((exact > 0) & (ticks == 0)))
        return Rounding(self.mean + added, vanishing)

    @property
    def error(self) -> float:
        """By how many seconds the clock changes its mean; 0 if by less than 1 in 20,000."""
        return 0.0 if self.mean >= _LONG * NANOSECOND else abs(self.rounding.mean - self.mean)


def steps_of(scenario: Scenario, dimension: int) -> Iterator[Step]:
    """Yield the steps of gradients that take time, each law once, for the fastest who has it.

    Raises
    ------
    InputError
        If the scenario does not fit x of this length.
    """
    steps: dict[tuple[str, int], Step] = {}
    if scenario.algorithm.name == "asysg-incon":
        memory = memory_timing(scenario, dimension)
        shared = (("memory.read", memory.read), ("memory.write", memory.write))
        workers, ways = memory.workers, False
    else:
        cluster = cluster_timing(scenario, dimension)
        shared = ((_SERVICE, cluster.service), (_READ, cluster.read))
        workers, ways = cluster.workers, True
    for own in workers:
        each = [("workers.compute", own.compute, own.speed)]
        if ways:
            each += [("network.pull", own.pull, 1.0), ("network.push", own.push, 1.0)]
            each += [(_LINK, own.outbound, 1.0), (_LINK, own.inbound, 1.0)]
        for key, duration, speed in each:
            name = key, id(duration)
            if name not in steps or steps[name].speed < speed:
                steps[name] = Step(key, duration, speed)
    for key, duration in shared:
        steps[key, id(duration)] = Step(key, duration, 1.0)
    network = scenario.network
    if network is not None and network.server_bandwidth is not None:
        messages = [cluster.send, cluster.receive]
        if network.random_size is None:
            messages = [
                Duration(Constant(value=0.0), Purpose.PUSH, extra=size / network.server_bandwidth)
                for size in (size / cluster.shards for size in network.message_sizes(dimension))
            ]
        for message in messages:
            steps[_INTERFACE, id(message)] = Step(_INTERFACE, message, 1.0)
    yield from (step for step in steps.values() if step.duration.takes_time)
