"""From a scenario's tables to the laws and constants that a schedule works with."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from asysim.coordination import Coordination, ParameterServer
from asysim.errors import Fault, InputError, unfit
from asysim.laws import TimeLaw, for_batch
from asysim.laws.simple import NO_TIME
from asysim.random.streams import Purpose, WordSource, uniforms
from asysim.schedule.reference.failures import Fates
from asysim.schedule.reference.hardware import Cluster
from asysim.schedule.reference.power import PowerClock, of_worker
from asysim.schedule.reference.star import Wiring
from asysim.schedule.timing import NO_SIZE, ClusterTiming, Duration, MemoryTiming, WorkerTiming
from asysim.trace.gradient import NANOSECOND

if TYPE_CHECKING:
    from asysim.scenario import Scenario
    from asysim.scenario.cluster import Network

_COPIES = 10_000  # of one message, or lives in one step, before it is called a mistake


def rule_of(scenario: Scenario) -> Callable[[ParameterServer], Coordination]:
    """Return what makes the coordination rule that a scenario asks for, given its server."""
    return partial(scenario.played.rule, workers=scenario.workers.count)


def worker_speeds(scenario: Scenario) -> list[float]:
    """Return each worker's speed factor: what the file says, times a draw of `speed_law`; (p,).

    Raises
    ------
    InputError
        If the law gives a worker no speed.
    """
    workers, speeds = scenario.workers, scenario.workers.speeds
    if workers.speed_law is None:
        return speeds
    source = WordSource(scenario.seed)
    words = [source.words(Purpose.SPEED, worker, 0, 1) for worker in range(workers.count)]
    factors = workers.speed_law.quantile(uniforms(np.concatenate(words)))
    if not (np.isfinite(factors) & (factors > 0)).all():
        raise InputError(
            Fault("workers.speed_law", f"a factor of {factors.min():g}", "should give factors > 0")
        )
    return [speed * factor for speed, factor in zip(speeds, factors.tolist(), strict=True)]


def _computing(scenario: Scenario) -> list[Duration]:
    """Return each worker's computation; workers of a group share one object; (p,)."""
    workers, batch_size = scenario.workers, scenario.algorithm.batch_size
    shared = Duration(for_batch(workers.compute, batch_size), Purpose.COMPUTE)
    own = {
        id(group): Duration(for_batch(group.compute, batch_size), Purpose.COMPUTE)
        for group in workers.groups
        if group.compute is not None
    }
    return [own.get(id(group), shared) for group in workers.group_of]


def shard_size(scenario: Scenario, dimension: int) -> int:
    """Return how many coordinates of x each server holds.

    Raises
    ------
    InputError
        If the servers can't hold equal parts.
    """
    shards = 1 if scenario.server is None else scenario.server.shards
    if dimension % shards:
        small = [s for s in range(1, math.isqrt(dimension) + 1) if dimension % s == 0]
        both = [*small, *(dimension // s for s in small)]
        best = min(both, key=lambda s: (abs(s - shards), s))
        raise unfit(
            "server.shards",
            str(shards),
            f"a number that divides {dimension}, the length of x, such as {best}",
        )
    return dimension // shards


def cluster_timing(scenario: Scenario, dimension: int) -> ClusterTiming:
    """Return the laws of a parameter server's network, as the scenario gives them."""
    network, server = scenario.network, scenario.server
    shards = dimension // shard_size(scenario, dimension)
    pull: TimeLaw = NO_TIME
    push: TimeLaw = NO_TIME
    sizes, bandwidth, shared = (0.0, 0.0), None, None
    if network is not None:
        pull, push = network.pull, network.push
        bandwidth, shared = network.bandwidth, network.server_bandwidth
        sizes = _certain_sizes(network, dimension)
    made: dict[tuple[int, float], WorkerTiming] = {}
    workers = []
    groups, speeds = scenario.workers.group_of, worker_speeds(scenario)
    for group, speed, compute in zip(groups, speeds, _computing(scenario), strict=True):
        key = id(group), speed
        if key not in made:
            in_all = bandwidth
            to, back = pull, push
            if group is not None:
                in_all = group.bandwidth or bandwidth
                to, back = group.pull or pull, group.push or push
            transfers = [0.0 if in_all is None else size / shards / in_all for size in sizes]
            outbound, inbound = _random_transfers(network, in_all, shards)
            made[key] = WorkerTiming(
                compute=compute,
                speed=speed,
                pull=Duration(to, Purpose.PULL, transfers[0]),
                push=Duration(back, Purpose.PUSH, transfers[1]),
                outbound=outbound,
                inbound=inbound,
            )
        workers.append(made[key])
    send, receive = _random_transfers(network, shared, shards)
    return ClusterTiming(
        seed=scenario.seed,
        workers=workers,
        service=Duration(NO_TIME if server is None else server.service, Purpose.SERVICE),
        read=Duration(NO_TIME if server is None else server.read, Purpose.READ_SERVICE),
        shards=shards,
        loss=0.0 if scenario.faults is None else scenario.faults.loss,
        send=send,
        receive=receive,
    )


def _certain_sizes(network: Network, dimension: int) -> tuple[float, float]:
    """Return the bytes of a pull and of a push; 0 if they are random, and so named draws."""
    return network.message_sizes(dimension) if network.random_size is None else (0.0, 0.0)


def _random_transfers(
    network: Network | None, bandwidth: float | None, shards: int
) -> tuple[Duration, Duration]:
    """Return what random sizes make of the time that a part of a pull, and of a push, takes."""
    if network is None or bandwidth is None or network.random_size is None:
        return NO_SIZE, NO_SIZE
    size, whole = network.random_size, shards * bandwidth  # bytes per second of all parts together
    return (
        Duration(size, Purpose.PULL_SIZE, factor=1 / (network.pull_compression * whole)),
        Duration(size, Purpose.PUSH_SIZE, factor=1 / (network.push_compression * whole)),
    )


def cluster(scenario: Scenario, dimension: int) -> Cluster:
    """Return the whole cluster that a scenario of AsySG-con describes."""
    timing = cluster_timing(scenario, dimension)
    wiring = _wiring(scenario, dimension, timing.shards)
    fates = _fates(scenario)
    if wiring.timeout is not None:
        _check_timeout(timing, wiring.timeout)
    _check_lives(timing, fates)
    return Cluster(timing, wiring, fates, power_clocks(scenario))


def _check_timeout(timing: ClusterTiming, timeout: int) -> None:
    """Refuse a timeout after which each message would be sent many thousand times over."""
    longest = _longest(way for own in timing.kinds for way in own.ways)
    least = longest / _COPIES
    if least > timeout * NANOSECOND:
        raise unfit(
            "faults.timeout",
            f"{timeout * NANOSECOND:g}, in which a message that takes {longest:g} s is sent again "
            f"more than {_COPIES:,} times",
            f"≥ {least:.2g}: longer than a message takes, as a rule",
        )


def _check_lives(timing: ClusterTiming, fates: Fates) -> None:
    """Refuse workers that crash many thousand times while one thing is done."""
    if fates.uptime is None or fates.downtime is None:
        return
    life = fates.uptime.mean + fates.downtime.mean
    own = [(kind.compute.mean / kind.speed, *kind.ways) for kind in timing.kinds]
    longest = _longest([timing.service.mean, timing.read.mean, *chain.from_iterable(own)])
    if longest > _COPIES * life:
        raise unfit(
            "faults.uptime",
            f"workers that start anew each {life:.3g} s, more than {_COPIES:,} times in one step "
            f"of a gradient, of {longest:.3g} s",
            "longer, or left out: so nothing would ever be done",
        )


def _longest(means: Iterable[float]) -> float:
    """Return the largest that is finite: not every law has a mean."""
    return max(filter(math.isfinite, means), default=0.0)


def power_clocks(scenario: Scenario) -> list[PowerClock | None]:
    """Return each worker's power over time; None where it is always 1; (p,)."""
    source = WordSource(scenario.seed)
    powers = [
        (group and group.power) or scenario.workers.power for group in scenario.workers.group_of
    ]
    return [
        None if power is None else PowerClock(of_worker(power, source, worker))
        for worker, power in enumerate(powers)
    ]


def _wiring(scenario: Scenario, dimension: int, shards: int) -> Wiring:
    network, server, faults = scenario.network, scenario.server, scenario.faults
    wiring = Wiring()
    if network is not None and network.server_bandwidth is not None:
        to, back = (
            round(size / shards / network.server_bandwidth / NANOSECOND)
            for size in _certain_sizes(network, dimension)
        )
        wiring = Wiring(to, back, network.sharing, network.duplex == "half")
    if faults is not None and faults.timeout is not None:
        timeout = max(1, round(faults.timeout / NANOSECOND))
        wiring = replace(wiring, timeout=timeout, retries=faults.retries)
    sent = network is not None and network.version == "sent"
    pauses = () if server is None else tuple(server.pauses)
    return replace(wiring, pauses=pauses, reads_when_sent=sent)


def _fates(scenario: Scenario) -> Fates:
    groups, faults = scenario.workers.group_of, scenario.faults
    fates = Fates(
        joins=[0 if group is None else round(group.joins / NANOSECOND) for group in groups],
        leaves=[
            None if group is None or group.leaves is None else round(group.leaves / NANOSECOND)
            for group in groups
        ],
    )
    if faults is None:
        return fates
    return replace(
        fates,
        uptime=None if faults.uptime is None else Duration(faults.uptime, Purpose.UPTIME),
        downtime=None if faults.downtime is None else Duration(faults.downtime, Purpose.DOWNTIME),
        crashes=tuple(faults.crashes),
    )


def memory_timing(scenario: Scenario, dimension: int) -> MemoryTiming:
    """Return the laws of a shared memory, as the scenario gives them."""
    memory, algorithm = scenario.memory, scenario.algorithm
    blocks = {"dense": 1, "coordinate": dimension, "block": algorithm.blocks}[algorithm.write]
    if blocks is not None and blocks > dimension:
        raise unfit("algorithm.blocks", str(blocks), f"at most {dimension}, the length of x")
    workers = [
        WorkerTiming(compute, speed)
        for compute, speed in zip(_computing(scenario), worker_speeds(scenario), strict=True)
    ]
    factor = 1.0 if memory is None or not memory.per_coordinate else float(dimension)
    return MemoryTiming(
        seed=scenario.seed,
        workers=workers,
        read=Duration(
            NO_TIME if memory is None else memory.read, Purpose.READ_SWEEP, factor=factor
        ),
        write=Duration(
            NO_TIME if memory is None else memory.write, Purpose.WRITE_SWEEP, factor=factor
        ),
        blocks=blocks or 1,
    )
