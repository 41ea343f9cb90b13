"""Servers in one cycle, such as links, shards and a parameter server: exact, and bounds.

p customers go round: away for a mean time Z, then through stations that ask D_i seconds of service
of each. D = Σ D_i. The network has product form if every station is first come, first served
with exponential service, or shares its server equally among those present, with any law. Something
has to be random: customers for whom all is certain can stay in step for ever, and share more.

The parameter server alone is a network of one station, with service of mean s. The law of Z does
not matter: pull, computation and push count by their mean alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from asysim.theory.arguments import count, finite, positive


@dataclass(frozen=True)
class ClosedNetwork:
    """The steady state of a closed network; tuples hold one value for each station.

    Attributes
    ----------
    throughput
        Cycles per second, of all customers together.
    responses
        Mean seconds that one cycle spends at each station, waiting included.
    in_queue
        Mean number of customers at each station, the ones being served included.
    utilisation
        Share of time that each station is busy.
    """

    throughput: float
    responses: tuple[float, ...]
    in_queue: tuple[float, ...]
    utilisation: tuple[float, ...]


@dataclass(frozen=True)
class ClosedQueue:
    """One server with a first-come-first-served queue, and p customers who always come back.

    Attributes
    ----------
    throughput
        Services per second.
    response
        Mean seconds from arrival to the end of service.
    in_queue
        Mean number of customers at the server, the one being served included.
    """

    throughput: float
    response: float
    in_queue: float


class Bounds(NamedTuple):
    """Cycles per second: no less than `lower`, no more than `upper`."""

    lower: float
    upper: float


def closed_network(customers: int, away: float, demands: Sequence[float]) -> ClosedNetwork:
    """Return the exact steady state of a product-form network.

    R_i = D_i(1 + Q_i), X = k / (Z + Σ R_i), Q_i = X R_i, for k = 1 … p: mean value analysis
    (Reiser & Lavenberg 1980).

    Parameters
    ----------
    customers
        p ≥ 1.
    away
        Z ≥ 0, mean seconds of a cycle that are spent without queueing.
    demands
        D_i ≥ 0, mean seconds of service per cycle at each station; Z + D > 0.

    Raises
    ------
    ValueError
        If an argument is out of range, infinite or not a number.
    """
    _check(customers, away, demands)
    service = np.asarray(demands, dtype=np.float64)
    in_queue = responses = np.zeros(len(service))
    throughput = 0.0
    for k in range(1, customers + 1):
        responses = service * (1 + in_queue)
        throughput = k / (away + float(responses.sum()))
        in_queue = throughput * responses
    busy = throughput * service
    return ClosedNetwork(
        throughput, tuple(responses.tolist()), tuple(in_queue.tolist()), tuple(busy.tolist())
    )


def asymptotic_bounds(customers: int, away: float, demands: Sequence[float]) -> Bounds:
    """Return p / (Z + pD) ≤ X ≤ min(p / (Z + D), 1 / D_max), the operational laws' bounds.

    The upper one needs no law at all; the lower one is met if everyone always queues behind all
    others (Muntz & Wong 1974, Denning & Buzen 1978, as recalled). Arguments and errors are those
    of `closed_network`.
    """
    _check(customers, away, demands)
    total = math.fsum(demands)
    upper = min(customers / (away + total), _full_speed(demands))
    return Bounds(customers / (away + customers * total), upper)


def balanced_job_bounds(customers: int, away: float, demands: Sequence[float]) -> Bounds:
    """Return the tighter bounds by a network of equal stations (Zahorjan et al. 1982).

    With D_avg = D / (number of stations) and q the others at the stations,

        p / (Z + D + q₊ D_max) ≤ X ≤ min(1 / D_max, p / (Z + D + q₋ D_avg)),

    q₋ = (p − 1) D / (Z + D) and q₊ = (p − 1) · (p − 1)D / (Z + (p − 1)D). They follow from one step
    of mean value analysis: Σ D_i Q_i lies between D_avg ΣQ_i and D_max ΣQ_i, and ΣQ_i =
    p − 1 − Z X(p − 1) is bounded by the asymptotic bounds of X(p − 1). (Lazowska et al. 1984 have
    p in q₊'s fraction instead of p − 1, as recalled, which is a little wider.) For product-form
    networks; arguments and errors are those of `closed_network`.
    """
    _check(customers, away, demands)
    total, others = math.fsum(demands), customers - 1
    if others == 0 or total == 0:
        exact = customers / (away + total)
        return Bounds(exact, exact)
    least = others * total / (away + total)
    most = others * (others * total) / (away + others * total)
    upper = customers / (away + total + least * total / len(demands))
    return Bounds(
        customers / (away + total + most * max(demands)), min(upper, _full_speed(demands))
    )


def saturation(away: float, demands: Sequence[float]) -> float:
    """Return N* = (Z + D) / D_max, the customers beyond which some must queue; inf if D = 0.

    Where the two upper asymptotic bounds cross. Arguments and errors are those of
    `closed_network`.
    """
    _check(1, away, demands)
    return (away + math.fsum(demands)) * _full_speed(demands)


def mean_value_analysis(customers: int, away: float, service: float) -> ClosedQueue:
    """Return the exact steady state for exponential service: a network of one station.

    Parameters
    ----------
    customers
        p ≥ 1.
    away
        Z ≥ 0, mean seconds between the end of a customer's service and its next arrival.
    service
        s > 0, mean seconds of a service.

    Raises
    ------
    ValueError
        If an argument is out of range, infinite or not a number.
    """
    count("customers", customers)
    finite("mean time away", away)
    positive("mean service", service)
    found = closed_network(customers, away, [service])
    return ClosedQueue(found.throughput, found.responses[0], found.in_queue[0])


def erlang_b(servers: int, load: float) -> float:
    """Return Erlang's loss probability by its stable recursion.

    Parameters
    ----------
    servers
        How many servers, ≥ 0; without any, everything is lost.
    load
        Offered load ≥ 0: arrivals per second times mean seconds of a service.

    Raises
    ------
    ValueError
        If an argument is out of range, infinite or not a number.
    """
    count("servers", servers, least=0)
    finite("load", load)
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = load * blocked / (k + load * blocked)
    return blocked


def throughput_by_erlang(customers: int, away: float, service: float) -> float:
    """Return the throughput of `mean_value_analysis` in closed form: (1 − B(p, Z/s)) / s.

    The arguments and errors are those of `mean_value_analysis`.
    """
    count("customers", customers)
    finite("mean time away", away)
    positive("mean service", service)
    return (1 - erlang_b(customers, away / service)) / service


def deterministic_throughput(customers: int, away: float, service: float) -> float:
    """Return the throughput if every time is constant: min(p / (Z + s), 1 / s).

    It bounds the throughput of any law with these means.

    Parameters
    ----------
    customers
        p ≥ 1.
    away, service
        Z ≥ 0 and s ≥ 0 in seconds, not both 0.

    Raises
    ------
    ValueError
        If an argument is out of range, infinite or not a number.
    """
    finite("mean service", service)
    return asymptotic_bounds(customers, away, [service]).upper


def _full_speed(demands: Sequence[float]) -> float:
    slowest = max(demands, default=0.0)
    return 1 / slowest if slowest > 0 else math.inf


def _check(customers: int, away: float, demands: Sequence[float]) -> None:
    count("customers", customers)
    finite("mean time away", away)
    finite("mean service demand", *demands)
    positive("mean cycle", away + math.fsum(demands))
