"""Seconds of a gradient of each worker of a scenario, as formulas for fixed times want them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from asysim.laws import Constant
from asysim.laws.distribution import is_exponential
from asysim.scenario import Scenario
from asysim.schedule import cluster_timing, memory_timing
from asysim.theory.rounds import barrier_of_different, order_statistic_mean


@dataclass(frozen=True)
class ComputeTimes:
    """What computing takes; messages, queues, outages and slow spells are not in it.

    Attributes
    ----------
    means
        E[S_i], τ_i where times are fixed; shape (p,).
    round_time
        Mean seconds until the slowest of all is done.
    words
        What stands for what where times are random.
    """

    means: tuple[float, ...]
    round_time: float
    words: str

    @property
    def all_known(self) -> bool:
        """Whether all means are finite and above 0, so that formulas say something."""
        return all(0 < mean < math.inf for mean in self.means)

    @classmethod
    def of(cls, scenario: Scenario, dimension: int) -> ComputeTimes:
        """Find a scenario's."""
        in_memory = scenario.algorithm.name == "asysg-incon"
        timing = memory_timing if in_memory else cluster_timing
        workers = timing(scenario, dimension).workers
        means = tuple(own.compute.mean / own.speed for own in workers)
        laws = [own.compute.law for own in workers]
        if all(isinstance(law, Constant) for law in laws):
            return cls(means, max(means), "Times are fixed: τ_i is that of worker i.")
        if len(set(workers)) == 1:
            law, speed = laws[0], workers[0].speed
            slowest = order_statistic_mean(law, len(workers), len(workers)) / speed
            said = "its round lasts as long as the slowest of all does, on average"
        elif all(map(is_exponential, laws)) and 0 < min(means) <= max(means) < math.inf:
            slowest = barrier_of_different(means)
            said = "its round lasts as long as the slowest of all does, on average"
        else:
            slowest = max(means)
            said = "its round is taken to last as long as the slowest mean, and lasts longer"
        return cls(means, slowest, (
            "Times are random. Asynchronous: exact in their means, whose rates add up. "
            f"Synchronous: {said}. Rennala, Ringmaster and the lower bound are of fixed times: "
            "means stand in for them."
        ))  # fmt: skip
