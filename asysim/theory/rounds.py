"""How long a synchronous round lasts: barriers, and the first c of p, of any times."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from asysim.ground.arrays import Floats
from asysim.laws import Constant, Empirical, Pareto, Scaled, TimeLaw
from asysim.laws.distribution import leaves, quantiles
from asysim.theory.arguments import count, each_positive, positive, some_of

_LEAST_POINTS, _MOST_POINTS, _MOST_WITH_PARTS = 2**8, 2**14, 2**12  # a mixture inverts its cdf
_SETTLED = 1e-10  # relative change on doubling the points
_TAIL = 1e-20  # probability left out at either end of an order statistic's law


def order_statistic_mean(law: TimeLaw, workers: int, needed: int) -> float:
    """Return the mean seconds until c of p workers are done that all draw from one law.

    The c-th smallest of p uniform numbers is Beta(c, p − c + 1); the law's quantile is integrated
    against its density by the trapezoidal rule in the number's logit. Good to 1e-9 for a smooth
    quantile; one that jumps costs up to 1e-3 of the jump, or 3e-3 in a mixture, and takes seconds
    there. Pareto laws are exact, and so is any law of finitely many values.

    The integral doesn't see numbers closer to 1 than 2^−53. So for other laws with a tail as heavy
    as Pareto's (a mixture with one, a law of one's own) the mean of the *last* worker comes out
    too small, unless it is known to be infinite.

    Parameters
    ----------
    law
        Of the seconds of one gradient.
    workers
        p ≥ 1; all start at once.
    needed
        c, 1 … p.

    Returns
    -------
    float
        Seconds; inf if Pareto's α(p − c + 1) ≤ 1, also in a part of a mixture, or if c = p and the
        law's mean is infinite.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    some_of(needed, workers)
    if isinstance(law, Scaled):
        return law.factor * order_statistic_mean(law.law, workers, needed)
    spare = workers - needed + 1
    atoms = [_atoms(leaf, weight) for weight, leaf in leaves(law)]
    if all(values is not None for values in atoms):
        return _of_values(np.hstack([v for v in atoms if v is not None]), needed, spare)
    heaviest = min(map(_tail_exponent, leaves(law)), default=math.inf)
    if heaviest * spare <= 1 or (spare == 1 and math.isinf(law.mean)):
        return math.inf
    if isinstance(law, Pareto):
        return _pareto(law, workers, spare)
    points = _LEAST_POINTS
    most = _MOST_POINTS if len(leaves(law)) == 1 else _MOST_WITH_PARTS
    coarse, fine = math.nan, _integral(law, needed, spare, points)
    while points < most and not abs(fine - coarse) <= _SETTLED * fine:
        points *= 2
        coarse, fine = fine, _integral(law, needed, spare, points)
    return fine


def _integral(law: TimeLaw, needed: int, spare: int, points: int) -> float:
    """Integrate the law's quantile against Beta(needed, spare)."""
    from scipy.special import betaincinv, expit

    # Each end is told by its distance from 0 or from 1, whichever is small.
    low, high = float(betaincinv(needed, spare, _TAIL)), float(betaincinv(spare, needed, _TAIL))
    logit = np.linspace(
        math.log(low) - math.log1p(-low), math.log1p(-high) - math.log(high), points
    )
    log_weight = -needed * np.log1p(np.exp(-logit)) - spare * np.log1p(np.exp(logit))
    weight = np.exp(log_weight - log_weight.max())
    uniform = np.minimum(np.asarray(expit(logit), dtype=np.float64), np.nextafter(1.0, 0.0))
    return float(quantiles(law, uniform) @ weight / weight.sum())


def _atoms(law: TimeLaw, weight: float) -> Floats | None:
    """Return values and probabilities, which sum to `weight`; (2, n). None if not so many."""
    if isinstance(law, Scaled):
        atoms = _atoms(law.law, weight)
        return None if atoms is None else atoms * [[law.factor], [1.0]]
    if isinstance(law, Constant):
        return np.array([[law.value], [weight]])
    if isinstance(law, Empirical):
        return np.stack([law.times, np.full(len(law.times), weight / len(law.times))])
    return None


def _of_values(atoms: Floats, needed: int, spare: int) -> float:
    """Return Σ t_i (B(F_i) − B(F_{i−1})) with B the distribution of Beta(needed, spare)."""
    from scipy.special import betainc

    values, probabilities = atoms[:, np.argsort(atoms[0])]
    reached = np.concatenate([[0.0], np.minimum(np.cumsum(probabilities), 1.0)])
    reached[-1] = 1.0
    return float(values @ np.diff(betainc(needed, spare, reached)))


def _pareto(law: Pareto, workers: int, spare: int) -> float:
    """Return least · B(spare − 1/α, c) / B(spare, c), which is finite for α · spare > 1."""
    inverse = 1 / law.alpha
    least = float(law.quantile(np.zeros(1))[0])
    log_ratio = math.lgamma(workers + 1) - math.lgamma(workers + 1 - inverse)
    return least * math.exp(log_ratio + math.lgamma(spare - inverse) - math.lgamma(spare))


def _tail_exponent(part: tuple[float, TimeLaw]) -> float:
    law = part[1]
    while isinstance(law, Scaled):
        law = law.law
    return law.alpha if isinstance(law, Pareto) else math.inf


_POINTS = 2**12


def harmonic(number: int) -> float:
    """Return H_p = 1 + 1/2 + … + 1/p; H_0 = 0. Raises ValueError for p < 0."""
    count("p", number, least=0)
    return math.fsum(1 / k for k in range(1, number + 1))


def barrier_time(workers: int, mean: float) -> float:
    """Return the mean seconds until the last of p exponential workers is done: mean · H_p.

    Parameters
    ----------
    workers
        p ≥ 1.
    mean
        Mean seconds of one gradient, > 0.

    Raises
    ------
    ValueError
        If an argument is out of range, infinite or not a number.
    """
    return first_of_time(workers, workers, mean)


def first_of_time(workers: int, needed: int, mean: float) -> float:
    """Return the mean seconds until c of p exponential workers are done: mean · (H_p − H_{p−c}).

    Parameters
    ----------
    workers
        p ≥ 1; all start at once.
    needed
        c, 1 … p.
    mean
        Mean seconds of one gradient, > 0.

    Raises
    ------
    ValueError
        If an argument is out of range, infinite or not a number.
    """
    some_of(needed, workers)
    positive("mean", mean)
    return mean * math.fsum(1 / k for k in range(workers - needed + 1, workers + 1))


def barrier_of_different(means: Sequence[float]) -> float:
    """Return the mean seconds until the last of exponential workers of different means is done.

    E max = ∫ 1 − Π(1 − e^{−t/m_i}) dt, by the trapezoidal rule in log t, good to 1e-9.

    Parameters
    ----------
    means
        m_i > 0 in seconds, one for each worker; shape (p,).

    Raises
    ------
    ValueError
        If there is no mean, or one is not above 0, infinite or not a number.
    """
    each_positive("mean", means)
    distinct, workers = np.unique(np.asarray(means, dtype=np.float64), return_counts=True)
    slowest = float(distinct[-1])
    # In units of the slowest: below e^−40 nothing is missed, above 45 + log p all are done.
    log_time = np.linspace(-40.0, math.log(45 + math.log(len(means))), _POINTS)
    time = np.exp(log_time)
    log_done = np.zeros(_POINTS)
    for mean, alike in zip(distinct.tolist(), workers.tolist(), strict=True):
        log_done += alike * np.log(-np.expm1(-time * (slowest / mean)))
    integrand = -np.expm1(log_done) * time
    return float(slowest * integrand.sum() * (log_time[1] - log_time[0]))


def rennala_time(workers: int, batch: int, mean: float) -> float:
    """Return the mean seconds in which Rennala collects S gradients, exponential workers.

    When an update is made, the one worker that completed it reads the new x, and p − 1 are at work
    on an older one, in vain. Whoever completes something next is anyone with probability 1/p, so
    with f workers on the new x a completion counts with probability f/p, and makes f + 1 of f
    otherwise; completions come at p a mean time. In the first round of all, all are on x_0.

    Parameters
    ----------
    workers
        p ≥ 1.
    batch
        S ≥ 1, gradients in an update.
    mean
        Mean seconds of one gradient, > 0.

    Raises
    ------
    ValueError
        If an argument is out of range, infinite or not a number.
    """
    count("workers", workers)
    count("gradients in an update", batch)
    positive("mean", mean)
    # completions[f − 1]: expected until s more count, with f workers on the new x.
    completions = np.zeros(workers)
    for _ in range(batch):
        following = completions
        completions = np.empty(workers)
        completions[-1] = 1 + following[-1]
        for fresh in range(workers - 1, 0, -1):
            counts = fresh / workers
            # A completion that is in vain brings one more worker to the new x.
            completions[fresh - 1] = (
                1 + counts * following[fresh - 1] + (1 - counts) * completions[fresh]
            )
    return float(completions[0]) * mean / workers
