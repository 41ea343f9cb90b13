"""Laws fitted to τ by maximum likelihood, each with its errors and a test that may reject it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from asysim.delays.block_counts import MANY, BlockCounts
from asysim.delays.count_laws import (
    CountLaw,
    Geometric,
    Moved,
    NegativeBinomial,
    Poisson,
    pmf,
)
from asysim.delays.given_laws import Known, Tabled
from asysim.delays.goodness import goodness
from asysim.delays.likelihood import (
    derivative,
    inverse_curvature,
    log_likelihood,
    maximised,
    scores,
)
from asysim.delays.mixture import started
from asysim.delays.pooled_test import LEAST_BLOCKS, PooledTest, independent
from asysim.ground.arrays import Floats, Ints

REJECTED = 0.01
"""p-values below this mean that a law does not fit."""

_COMPONENTS = 2, 3  # of mixtures
_DISPERSED = 1.001  # variance beside the mean from which on a law is told from a Poisson law


@dataclass(frozen=True, eq=False)
class Fit:
    """A law fitted to τ.

    Attributes
    ----------
    law
        The most likely of its kind.
    errors
        The standard error of each of `law.parameters`, in which the dependence of τ is counted; NaN
        if there are too few blocks to tell.
    log_likelihood
        Σ log P(τ).
    complexity
        By how much it is larger than with the true parameters, twice, on average: their number, or
        tr(H⁻¹V) if that is more, because draws depend on each other (Takeuchi 1976).
    observations
        How many τ there are.
    test
        Whether it could be the true law; None if that can't be tested.
    """

    law: CountLaw
    errors: dict[str, float]
    log_likelihood: float
    complexity: float
    observations: int
    test: PooledTest | None = field(repr=False)

    @property
    def name(self) -> str:
        """What kind of law it is."""
        return self.law.name

    @property
    def mean(self) -> float:
        """E[τ] of the law."""
        return self.law.mean

    @property
    def aic(self) -> float:
        """−2 log-likelihood + 2 complexity."""
        return -2 * self.log_likelihood + 2 * self.complexity

    @property
    def bic(self) -> float:
        """−2 log-likelihood + complexity · log n (for dependent draws: Gao & Song 2010)."""
        return -2 * self.log_likelihood + self.complexity * float(np.log(self.observations))

    @property
    def rejected(self) -> bool:
        """Whether the test says that this is not the law."""
        return self.test is not None and self.test.p_value < REJECTED

    def pmf(self, tau: Ints) -> Floats:
        """Return P(τ), the same shape."""
        return pmf(self.law, np.asarray(tau, dtype=np.int64))


def fits(blocks: BlockCounts) -> tuple[Fit, ...]:
    """Fit laws to τ, the best by BIC first.

    Geometric, Poisson, negative binomial (if the variance is above the mean); the same from the
    least τ on, if that is not 0; mixtures of 2 or 3 geometric or Poisson laws, where they are
    better than one. If all τ are the same, that constant alone.

    Parameters
    ----------
    blocks
        The τ, of a stationary series.

    Raises
    ------
    ValueError
        If there are no τ.
    """
    if not blocks.observations:
        raise ValueError("there should be at least one staleness to fit a law to")
    if len(blocks.lowest) == 1:
        constant = Tabled(f"constant {int(blocks.lowest[0])}", _at(int(blocks.lowest[0])))
        return (Fit(constant, {}, 0.0, 0.0, blocks.observations, goodness(constant, blocks)),)
    least = int(blocks.lowest[0])
    if len(blocks.lowest) > MANY:
        blocks = blocks.coarser()
    return tuple(sorted(_candidates(blocks, least), key=lambda fit: fit.bic))


def fitted(law: CountLaw, blocks: BlockCounts, *, more: int = 0) -> Fit:
    """Return the most likely law of a kind, with its errors.

    Parameters
    ----------
    law
        One of that kind, to start from.
    blocks
        The τ.
    more
        How many numbers were estimated besides θ.
    """
    best = maximised(law, blocks)
    inverse = inverse_curvature(best, blocks)
    errors, complexity = dict.fromkeys(best.parameters, float("nan")), float(len(best.theta))
    if len(blocks) >= LEAST_BLOCKS:
        _, spread = independent(blocks, scores(best, blocks) @ inverse)
        said = derivative(lambda other: np.array(list(other.parameters.values())), best)
        variance = np.einsum("pi,ij,pj->p", said, spread.covariance, said)
        errors = dict(zip(errors, np.sqrt(variance).tolist(), strict=True))
        # tr(H⁻¹ V), of which the covariance is H⁻¹ V H⁻¹ / n; and what nothing is known of.
        curvature = np.linalg.pinv(inverse, hermitian=True)
        told = float(np.trace(curvature @ spread.covariance)) * blocks.observations
        unknown = len(inverse) - int(np.linalg.matrix_rank(inverse, hermitian=True))
        complexity = max(complexity, told + unknown)
    return Fit(
        best, errors, log_likelihood(best, blocks), complexity + more, blocks.observations,
        goodness(best, blocks),
    )  # fmt: skip


def best_fit(candidates: tuple[Fit, ...]) -> Fit | None:
    """Return the best of the fits that are not rejected; None if all of them are."""
    return next((fit for fit in candidates if not fit.rejected), None)


def simplest_fit(candidates: tuple[Fit, ...]) -> Fit | None:
    """Return the one with the fewest parameters of those that were tested and not rejected."""
    possible = [fit for fit in candidates if fit.test is not None and not fit.rejected]
    return min(possible, key=lambda fit: len(fit.law.theta), default=None)


def judged(law: CountLaw, blocks: BlockCounts) -> Fit:
    """Return what is to be said of a law that is given: nothing in it is estimated."""
    known = law if not len(law.theta) else Known(law.name, law)
    said = log_likelihood(known, blocks)
    return Fit(known, {}, said, 0.0, blocks.observations, goodness(known, blocks))


def _candidates(blocks: BlockCounts, least: int) -> Iterator[Fit]:
    mean, variance = blocks.mean, blocks.variance
    single = [fitted(Geometric(mean), blocks), fitted(Poisson(mean), blocks)]
    yield from single
    if variance > _DISPERSED * mean:
        yield fitted(NegativeBinomial(mean, mean**2 / (variance - mean)), blocks)
    if least:
        above = mean - least
        yield fitted(Moved(Geometric(above), least), blocks, more=1)
        yield fitted(Moved(Poisson(above), least), blocks, more=1)
        if variance > _DISPERSED * above:
            shape = above**2 / (variance - above)
            yield fitted(Moved(NegativeBinomial(above, shape), least), blocks, more=1)
    kinds: tuple[type[Geometric] | type[Poisson], ...] = Geometric, Poisson
    for kind, one in zip(kinds, single, strict=True):
        mixtures = [fitted(started(kind, n, blocks), blocks) for n in _COMPONENTS]
        best = min(mixtures, key=lambda fit: fit.bic)
        if best.bic < one.bic:
            yield best


def _at(value: int) -> Floats:
    """Return the probabilities of a constant."""
    probabilities = np.zeros(value + 1)
    probabilities[value] = 1.0
    return probabilities
