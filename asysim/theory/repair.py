"""The server as a repairman: any law of service, where the time between two services forgets.

p customers, each away for an exponential time and then served, one at a time, first come, first
served: M/G/1//p, the queue with a finite source, or machine repair. Takács found its steady state
(Introduction to the Theory of Queues, 1962, chapter 5, as recalled; the tests hold each law of
service to the Markov chain at departures, the exponential one to mean value analysis as well).
"""

from __future__ import annotations

import math

import numpy as np

from asysim.laws import TimeLaw
from asysim.theory.arguments import count, positive
from asysim.theory.laplace import log_transform


def repair_throughput(customers: int, away: float, service: TimeLaw) -> float | None:
    """Return services per second; None if the law's Laplace transform is not known.

    With φ(s) = E exp(−sT) of the service T, and the sum over j = 0 … p − 1,

        X = p / (Z/S + p E[T]),    S = Σ_j (p−1 choose j) Π_{i=1..j} (1 − φ(i/Z)) / φ(i/Z).

    All terms are positive and are added as logarithms, so no p is too large.

    Parameters
    ----------
    customers
        p ≥ 1.
    away
        Z > 0, mean seconds of the exponential time between the end of a customer's service and
        its next arrival.
    service
        Of T, whose mean is finite.

    Raises
    ------
    ValueError
        If an argument is out of range, infinite or not a number.
    """
    from scipy.special import gammaln, logsumexp

    count("customers", customers)
    positive("mean time away", away)
    positive("mean service", service.mean)
    if customers == 1:
        return 1 / (away + service.mean)
    j = np.arange(1, customers)
    found = log_transform(service, j / away)
    if found is None:
        return None
    ratios = np.cumsum(np.log(-np.expm1(found)) - found)
    choices = gammaln(customers) - gammaln(j + 1) - gammaln(customers - j)
    log_sum = float(logsumexp(np.append(choices + ratios, 0.0)))
    return customers / (away * math.exp(-log_sum) + customers * service.mean)
