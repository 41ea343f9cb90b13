"""Which exact laws apply to a scenario, and what they say."""

from __future__ import annotations

import math

import numpy as np

from asysim.laws import Constant
from asysim.laws.distribution import cdf, is_exponential
from asysim.scenario import Scenario
from asysim.schedule import cluster_timing, memory_timing
from asysim.schedule.rounding import steps_of
from asysim.schedule.timing import ClusterTiming
from asysim.theory.demands import TOLERANCE, Demands
from asysim.theory.network import closed_network, deterministic_throughput
from asysim.theory.repair import repair_throughput
from asysim.theory.rounds import order_statistic_mean, rennala_time
from asysim.theory.staleness import mean_staleness
from asysim.trace.gradient import NANOSECOND

THROUGHPUT, STALENESS, DISCARDED = "updates/s", "mean staleness", "discarded"


def expectations(scenario: Scenario, dimension: int) -> dict[str, float]:
    """Return what theory says, exactly and in the long run.

    What no law is known for is left out.

    Parameters
    ----------
    scenario
        The cluster and the algorithm.
    dimension
        n, the length of x.

    Returns
    -------
    dict
        Some of `THROUGHPUT` in updates per second, `STALENESS` in updates for each gradient
        applied, and `DISCARDED`, the share of gradients that is not. Nothing of a schedule from a
        file, which is not drawn from any law.
    """
    if scenario.schedule is not None:
        return {}
    found = {
        THROUGHPUT: _throughput(scenario, dimension),
        STALENESS: _staleness(scenario, dimension),
        DISCARDED: _discarded(scenario, dimension),
    }
    return {name: value for name, value in found.items() if value is not None}


def most_updates(scenario: Scenario, dimension: int) -> float | None:
    """Return updates per second that no schedule of this scenario can exceed in the long run.

    The operational laws' min(Σ 1 / (Z_i + D), 1 / D_max) (Muntz & Wong 1974, as recalled), over
    the gradients in an update. None if no mean is known, or workers are stopped in mid-gradient:
    with random times, that can make them faster than their mean. So can copies of a message that
    overtake each other.
    """
    size = gradients_per_update(scenario)
    if scenario.schedule is not None or scenario.algorithm.name != "asysg-con" or size is None:
        return None
    demands = Demands.of(scenario, dimension)
    if not demands.on_clock:
        return None
    slowest = max(demands.stations, default=0.0)
    limits = [] if slowest == 0 or math.isinf(slowest) else [1 / slowest]
    total = sum(demands.stations)
    if not (_stops_workers(scenario) or demands.overtaking) and demands.all_finite:
        limits.append(math.fsum(1 / (away + total) for away in demands.away))
    return min(limits) / size if limits else None


def _throughput(scenario: Scenario, dimension: int) -> float | None:
    """Return updates per second, if a law says."""
    if is_uneven(scenario) or scenario.played.reacts_to_staleness:
        return None
    if scenario.algorithm.name == "asysg-incon":
        return _lock_free_throughput(scenario, dimension)
    rule, demands = scenario.played, Demands.of(scenario, dimension)
    if not (demands.all_finite and demands.additive and demands.on_clock) or demands.paused:
        return None
    if rule.applies_all and rule.asks_at_once:
        gradients = _gradient_throughput(demands)
        size = gradients_per_update(scenario)
        return None if gradients is None or size is None else gradients / size
    if demands.stations or not demands.alike or loses_messages(scenario):
        return None
    timing = cluster_timing(scenario, dimension)
    first, collected = rule.first_of(len(timing.workers)), rule.collected()
    if first is not None:
        return _barrier_throughput(timing, first)
    if collected is not None:
        own = timing.workers[0]
        if is_exponential(own.compute.law) and not any(step.takes_time for step in own.messages):
            mean = own.compute.mean / own.speed
            return 1 / rennala_time(len(timing.workers), collected, mean)
    return None


def _gradient_throughput(demands: Demands) -> float | None:
    """Return gradients per second if nobody ever waits but in a queue."""
    if not demands.stations:
        return math.fsum(1 / away for away in demands.away)
    if len(set(demands.away)) > 1:
        return None
    p, away = len(demands.away), demands.away[0]
    if demands.product_form:
        return closed_network(p, away, demands.stations).throughput
    if demands.repairman is not None:
        return repair_throughput(p, away, demands.repairman)
    if demands.constant:
        total, slowest = sum(demands.stations), max(demands.stations)
        return deterministic_throughput(p, away + total - slowest, slowest)
    return None


def _barrier_throughput(timing: ClusterTiming, needed: int) -> float | None:
    own, p = timing.workers[0], len(timing.workers)
    if timing.shards > 1 or not all(isinstance(step.law, Constant) for step in own.messages):
        return None
    computing = order_statistic_mean(own.compute.law, p, needed) / own.speed
    round_time = own.pull.mean + computing + own.push.mean
    return 1 / round_time if 0 < round_time < math.inf else None


def _lock_free_throughput(scenario: Scenario, dimension: int) -> float | None:
    if scenario.memory is not None and scenario.memory.contention > 0:
        return None
    memory = memory_timing(scenario, dimension)
    sweeps = memory.read.mean + memory.write.mean / memory.blocks
    cycles = [sweeps + own.compute.mean / own.speed for own in memory.workers]
    if not 0 < min(cycles) < math.inf:
        return None
    # The end of a block's write is rounded once more.
    error = math.fsum(step.error for step in steps_of(scenario, dimension))
    error += NANOSECOND if memory.blocks > 1 and memory.write.mean > 0 else 0.0
    return sum(1 / cycle for cycle in cycles) if error <= TOLERANCE * min(cycles) else None


def _staleness(scenario: Scenario, dimension: int) -> float | None:
    rule, p = scenario.played, scenario.workers.count
    if rule.is_fresh:
        return 0.0
    if (
        scenario.algorithm.name == "asysg-incon"
        or scenario.played.reacts_to_staleness
        or _members_change(scenario)
        or (scenario.faults is not None and scenario.faults.retries is not None)
    ):
        return None
    if rule.applies_all:
        size, demands = gradients_per_update(scenario), Demands.of(scenario, dimension)
        # With infinite means, what is in flight never becomes few beside what was applied; and
        # where a cycle takes no time, its worker goes round for ever while the others wait.
        times, unsent = (*demands.away, *demands.stations), demands.unsent
        moves = min(demands.away) + sum(demands.stations) > 0 and demands.on_clock
        known = all(map(math.isfinite, times)) and (rule.in_turn or moves)
        if not known or size is None or unsent is None or (rule.in_turn and unsent > 0):
            return None
        return mean_staleness(p, size) - unsent / size  # what was not read does not grow older
    return None


def _discarded(scenario: Scenario, dimension: int) -> float | None:
    trials = scenario.played.trials_of(scenario.workers.count)
    if not trials or is_uneven(scenario) or loses_messages(scenario):
        return None
    timing = cluster_timing(scenario, dimension)
    # On the clock: done in time is what is rounded to the limit's tick, or an earlier one.
    ends = [(own.limit + 0.5) * NANOSECOND for own in trials]
    in_time = [
        float(cdf(own.compute.law, np.array([end * own.speed]))[0])
        for own, end in zip(timing.workers, ends, strict=True)
    ]
    made = sum(own.made * share for own, share in zip(trials, in_time, strict=True))
    return 1 - made / sum(own.made for own in trials)


def gradients_per_update(scenario: Scenario) -> int | None:
    """Return the gradients in an update, if there are always as many."""
    rule = scenario.played
    if scenario.schedule is not None:
        return scenario.schedule.gradients_per_update
    if rule.needs_members and _members_change(scenario):
        return None
    return rule.update_size(scenario.workers.count)


def _stops_workers(scenario: Scenario) -> bool:
    return scenario.played.stopping() is not None or is_uneven(scenario)


def _members_change(scenario: Scenario) -> bool:
    faults = scenario.faults
    crashes = faults is not None and (faults.uptime is not None or bool(faults.crashes))
    groups = scenario.workers.groups
    return crashes or any(group.joins > 0 or group.leaves is not None for group in groups)


def is_uneven(scenario: Scenario) -> bool:
    """Whether the cluster is not the same at all times, or gradients are given up."""
    workers = scenario.workers
    powered = workers.power is not None or any(group.power for group in workers.groups)
    gives_up = scenario.faults is not None and scenario.faults.retries is not None
    return powered or gives_up or _members_change(scenario)


def loses_messages(scenario: Scenario) -> bool:
    """Whether a message may be lost, or sent again because it is late."""
    return scenario.faults is not None and scenario.faults.timeout is not None
