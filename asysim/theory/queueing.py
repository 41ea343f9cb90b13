"""The parameter server as a closed queue: p workers, each away for a time, then served in turn.

With exponential service of mean s, exact mean value analysis (Reiser & Lavenberg 1980) gives the
throughput for any law of the time Z that a worker is away between two services: pull, computation
and push matter by their mean alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from asysim.theory.arguments import count, finite, positive
from asysim.theory.network import closed_network


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
    count("customers", customers)
    finite("mean time away", away)
    finite("mean service", service)
    positive("mean cycle", away + service)
    free = customers / (away + service)
    return min(free, 1 / service) if service > 0 else free
