"""The server as a repairman: any law of service, where the time between two services forgets.

p customers, each away for an exponential time and then served, one at a time, first come, first
served: M/G/1//p, the queue with a finite source, or machine repair. Takács found its steady state
(Introduction to the Theory of Queues, 1962, chapter 5, as recalled; the tests hold each law of
service to the Markov chain at departures, the exponential one to mean value analysis as well).

What it asks for is E exp(−sT), the Laplace transform of a time law: in logarithms, since queues of
thousands ask for it where it is far below the least float; and so that 1 − E exp(−sT), which is
−expm1 of it, keeps its digits where sT is small.
"""

from __future__ import annotations

import math

import numpy as np

from asysim.ground.arrays import Floats
from asysim.laws import (
    Constant,
    Empirical,
    Erlang,
    Exponential,
    Gamma,
    LogNormal,
    Pareto,
    Scaled,
    TimeLaw,
    Uniform,
    Weibull,
)
from asysim.laws.distribution import leaves
from asysim.theory.arguments import count, positive

_LEAST, _MOST = -92.0, 36.0  # logits of the numbers that are integrated over: 1e-40 … 1 − 2e-16
_FEWEST_POINTS, _MOST_POINTS = 2**10, 2**14
_SETTLED = 1e-9  # change of the logarithm on doubling the points
_AT_ONCE = 2**22  # numbers in memory at once


def log_transform(law: TimeLaw, rates: Floats) -> Floats | None:
    """Return log E exp(−sT) for each s, same shape; None if it is not known to 1e-9.

    Closed forms but for log-normal, Weibull and Pareto laws, whose quantiles are integrated. Of a
    law of one's own nothing is known: its quantile may jump anywhere.

    Parameters
    ----------
    law
        Of T, in seconds.
    rates
        s > 0, per second; shape (n,).
    """
    parts = leaves(law)
    each = [_of_leaf(leaf, rates) for _, leaf in parts]
    known = [values for values in each if values is not None]
    if len(known) < len(parts):
        return None
    if len(parts) == 1:
        return known[0]
    return _log_mean(np.stack(known), np.array([weight for weight, _ in parts])[:, None])


def _log_mean(logs: Floats, weights: Floats) -> Floats:
    """Return log Σ_i w_i exp(l_i) over the first axis, also where it is close to 0; all l_i ≤ 0."""
    largest = logs.max(axis=0)
    far = np.log((weights * np.exp(logs - largest)).sum(axis=0)) + largest
    missing = (weights * -np.expm1(logs)).sum(axis=0)
    near: Floats = np.where(missing < 0.5, np.log1p(-np.minimum(missing, 0.5)), far)
    return near


def _of_leaf(law: TimeLaw, rates: Floats) -> Floats | None:
    match law:
        case Scaled():
            return log_transform(law.law, law.factor * rates)
        case Constant():
            return -law.value * rates
        case Exponential():
            return -law.shift * rates - np.log1p((law.mean - law.shift) * rates)
        case Gamma() | Erlang():
            shape = law.cv**-2 if isinstance(law, Gamma) else law.stages
            return -shape * np.log1p(law.mean / shape * rates)
        case Uniform():
            width = (law.high - law.low) * rates
            part = np.where(width > 0, width, 1.0)
            # log((1 − e^−w) / w), whose digits go where w is small: −w/2 + w²/24 − w⁴/2880 there.
            spread = np.where(
                width < 0.02,
                -width / 2 + width**2 / 24 - width**4 / 2880,
                np.log(-np.expm1(-part) / part),
            )
            return -law.low * rates + spread
        case Empirical():
            times, counts = np.unique(law.times, return_counts=True)
            return _by_pieces(times, counts / counts.sum(), rates)
        case LogNormal() | Weibull() | Pareto():
            return _integrated(law, rates)
    return None


def _integrated(law: TimeLaw, rates: Floats) -> Floats | None:
    """Integrate over the law's uniform number by the trapezoidal rule in its logit."""
    points = _FEWEST_POINTS
    coarse, fine = None, _integral(law, rates, points)
    while coarse is None or np.abs(np.expm1(fine - coarse)).max() > _SETTLED:
        if points == _MOST_POINTS:
            return None
        points *= 2
        coarse, fine = fine, _integral(law, rates, points)
    return fine


def _integral(law: TimeLaw, rates: Floats, points: int) -> Floats:
    logit = np.linspace(_LEAST, _MOST, points)
    uniform = np.exp(-np.logaddexp(0.0, -logit))
    weight = uniform * np.exp(-np.logaddexp(0.0, logit))
    return _by_pieces(law.quantile(uniform), weight / weight.sum(), rates)


def _by_pieces(times: Floats, weights: Floats, rates: Floats) -> Floats:
    """Return log Σ_i w_i exp(−s t_i) for each s, some of them at once."""
    some = max(1, _AT_ONCE // len(times))
    pieces = [
        _log_mean(-times[:, None] * rates[start : start + some], weights[:, None])
        for start in range(0, len(rates), some)
    ]
    return np.concatenate(pieces)


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
