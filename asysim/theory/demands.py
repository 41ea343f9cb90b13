"""A parameter server's cluster as queueing theory sees it: time away, and demands at stations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from asysim.laws import Constant, TimeLaw
from asysim.laws.distribution import is_exponential
from asysim.scenario import Scenario
from asysim.scenario.cluster import Network
from asysim.schedule import cluster_timing
from asysim.schedule.rounding import SHARED, Step, steps_of
from asysim.schedule.timing import ClusterTiming, Duration, WorkerTiming
from asysim.theory.network import closed_network

TOLERANCE = 1e-3
"""By what part of itself a clock may change a cycle that laws are told of."""


@dataclass(frozen=True)
class Demands:
    """What one gradient's way round asks for, in mean seconds.

    Attributes
    ----------
    away
        Z_i, the time without queueing of each worker's gradients; (p,).
    stations
        D_j at the server's queue and its interface's.
    product_form
        Whether exact mean value analysis applies: each queue has exponential service, or shares,
        and something is random.
    constant
        Whether nothing is random and each queue is passed once.
    alike
        Whether all workers are.
    additive
        Whether Z_i is a sum of means: not if parts of a message wait for one another, or copies of
        it may overtake each other.
    overtaking
        Whether copies may: then whichever comes first counts, and Z_i is more than the mean.
    paused
        Whether the servers stop now and then, for whatever comes, also if it takes no service.
    repairman
        The law of service, where there is one queue, first come, first served, and all workers are
        away for an exponential time of the same mean; else None.
    unsent
        How many reads that were granted an update finds in an interface's queue, on average, where
        x is read when it is sent; 0 where it is read when granted; None if no law is known.
    on_clock
        Whether a clock of whole nanoseconds leaves cycles as long as they are, to 1 in 1,000.
    """

    away: tuple[float, ...]
    stations: tuple[float, ...]
    product_form: bool
    constant: bool
    alike: bool
    additive: bool
    overtaking: bool
    paused: bool
    repairman: TimeLaw | None
    unsent: float | None
    on_clock: bool

    @classmethod
    def of(cls, scenario: Scenario, dimension: int) -> Demands:
        """Find what a scenario of AsySG-con asks for; means may be infinite."""
        timing = cluster_timing(scenario, dimension)
        network, server, faults = scenario.network, scenario.server, scenario.faults
        resent = 0.0
        if faults is not None and faults.loss > 0 and faults.timeout is not None:
            # Each way, a message is lost a geometric number of times.
            resent = 2 * faults.timeout * faults.loss / (1 - faults.loss)
        away = tuple(_away(own) + resent for own in timing.workers)
        interface: tuple[float, ...] = ()
        exact = constant = timing.shards == 1
        if network is not None and network.server_bandwidth is not None:
            ways = [
                size / timing.shards / network.server_bandwidth
                for size in network.message_sizes(dimension)
            ]
            interface = (sum(ways),) if network.duplex == "half" else tuple(ways)
            exact &= network.sharing == "fair" or _forgets_sizes(network, timing)
            constant &= network.duplex == "full" and network.sharing == "fifo"
        service, read = timing.service, timing.read
        at_server = service.mean + read.mean
        if at_server > 0:
            exact &= is_exponential(service.law) and not read.takes_time
        exact &= not (resent and interface)  # what is sent again queues again
        travel = [step for own in timing.workers for step in (own.pull, own.push)]
        travels_evenly = all(map(_is_constant, travel))
        split = timing.shards > 1 and (not travels_evenly or resent > 0)
        overtakes = faults is not None and faults.timeout is not None and not travels_evenly
        pauses = server is not None and bool(server.pauses)
        steps = [s for own in timing.workers for s in (own.pull, own.compute, own.push)]
        certain = all(map(_is_constant, [*steps, service, read])) and resent == 0
        certain &= not timing.random_sizes
        constant &= certain
        # With nothing random, workers that share an interface stay in step for ever.
        exact &= not (certain and interface)
        alike = len(set(timing.workers)) == 1
        stations = tuple(demand for demand in (*interface, at_server) if demand > 0)
        one_queue = (
            alike and timing.shards == 1 and len(stations) == 1 and not interface
            and not (read.takes_time or pauses or resent or overtakes)
            and forgets(timing.workers[0])
        )  # fmt: skip
        unsent: float | None = 0.0
        if network is not None and network.version == "sent":
            queues = bool(interface) and network.sharing == "fifo"
            if queues or read.takes_time or pauses:
                known = exact and alike and not pauses
                unsent = _unsent(len(away), away[0], stations, network) if known else None
        return cls(
            away=away,
            stations=stations,
            product_form=exact and not pauses,
            constant=constant and not pauses,
            alike=alike,
            additive=not split and not overtakes,
            overtaking=overtakes,
            paused=pauses,
            repairman=service.law if one_queue else None,
            unsent=unsent,
            on_clock=_on_clock(steps_of(scenario, dimension), away, stations),
        )

    @property
    def all_finite(self) -> bool:
        """Whether every mean is finite and a cycle takes time."""
        return all(map(math.isfinite, (*self.away, *self.stations))) and (
            min(self.away) + sum(self.stations) > 0
        )


def _away(own: WorkerTiming) -> float:
    return sum(step.mean for step in own.messages) + own.compute.mean / own.speed


def _forgets_sizes(network: Network, timing: ClusterTiming) -> bool:
    """Whether a queue of messages in order of arrival has product form.

    All that pass one interface have to take it exponential times of one mean; and what takes a
    message long there may not take it long elsewhere too.
    """
    size = network.random_size
    links = (step for own in timing.workers for step in (own.outbound, own.inbound))
    alike = network.pull_compression == network.push_compression
    return (
        size is not None and is_exponential(size)
        and (network.duplex == "full" or alike) and not any(link.takes_time for link in links)
    )  # fmt: skip


def _unsent(p: int, away: float, stations: Sequence[float], network: Network) -> float | None:
    """Return how many reads wait in an exponential interface's queue when an update is made.

    An update finds the network as it is without its own worker (Lavenberg & Reiser 1980, as
    recalled). If both directions queue together, half of those that wait are reads.
    """
    if p == 1:
        return 0.0
    if not all(map(math.isfinite, (away, *stations))):
        return None
    others = closed_network(p - 1, away, stations)
    waiting = others.in_queue[0] - others.utilisation[0]
    return waiting / 2 if network.duplex == "half" else waiting


def forgets(own: WorkerTiming) -> bool:
    """Whether a worker is away for an exponential time, and nothing besides."""
    steps = [step for step in (*own.messages, own.compute) if step.takes_time]
    return len(steps) == 1 and steps[0].extra == 0 and is_exponential(steps[0].law)


def _on_clock(steps: Iterable[Step], away: Sequence[float], stations: Sequence[float]) -> bool:
    """Whether rounding changes a cycle little: of the fastest worker, or of the longest queue."""
    p = len(away)
    error = sum(step.error * (p if step.key in SHARED else 1) for step in steps)
    cycle = max(min(away) + sum(stations), p * max(stations, default=0.0))
    return math.isinf(cycle) or error <= TOLERANCE * cycle


def _is_constant(step: Duration) -> bool:
    return isinstance(step.law, Constant)
