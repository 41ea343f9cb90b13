"""What whole nanoseconds make of durations: a clock that counts them sees nothing shorter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from asysim.laws.distribution import leaves
from asysim.laws.simple import NO_TIME
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
    speed: float = 1.0

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
    if scenario.algorithm.name == "asysg-incon":
        memory = memory_timing(scenario, dimension)
        every = [Step("workers.compute", own.compute, own.speed) for own in memory.workers]
        every += [Step("memory.read", memory.read), Step("memory.write", memory.write)]
    else:
        every = _of_cluster(scenario, dimension)
    fastest: dict[tuple[str, int], Step] = {}
    for step in every:
        name = step.key, id(step.duration)
        if name not in fastest or fastest[name].speed < step.speed:
            fastest[name] = step
    yield from (step for step in fastest.values() if step.duration.takes_time)


def _of_cluster(scenario: Scenario, dimension: int) -> list[Step]:
    cluster, network = cluster_timing(scenario, dimension), scenario.network
    steps = []
    for own in cluster.kinds:
        steps += [Step("workers.compute", own.compute, own.speed)]
        steps += [Step("network.pull", own.pull), Step("network.push", own.push)]
        steps += [Step(_LINK, own.outbound), Step(_LINK, own.inbound)]
    messages = [cluster.send, cluster.receive]
    if network is not None and network.server_bandwidth and network.random_size is None:
        messages = [
            Duration(NO_TIME, Purpose.PUSH, extra=size / cluster.shards / network.server_bandwidth)
            for size in network.message_sizes(dimension)
        ]
    steps += [Step(_SERVICE, cluster.service), Step(_READ, cluster.read)]
    return [*steps, *(Step(_INTERFACE, message) for message in messages)]
