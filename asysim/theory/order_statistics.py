"""When c of p workers are done that draw their times from any one law."""

from __future__ import annotations

import math

import numpy as np

from asysim.ground.arrays import Floats
from asysim.laws import Constant, Empirical, Pareto, Scaled, TimeLaw
from asysim.laws.distribution import leaves, quantiles
from asysim.theory.arguments import some_of

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
