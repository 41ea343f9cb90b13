"""The likelihood of a law of τ: where it is largest, its derivatives, what they leave open.

τ of a trace depend on each other, so this is the likelihood of independent draws with the same law
(a composite likelihood: Varin, Reid & Firth 2011). Its maximum is right all the same; how far off
it may be comes from the spread of the scores of blocks (the sandwich: White 1982).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from asysim.delays.block_counts import BlockCounts
from asysim.delays.count_laws import CountLaw
from asysim.ground.arrays import Floats

L = TypeVar("L", bound=CountLaw)

_STEP = 1e-4  # in θ, all of which are logarithms
_SINGULAR = 1e-7  # of the largest curvature: what the data say nothing of


def log_likelihood(law: CountLaw, blocks: BlockCounts) -> float:
    """Return Σ log P(τ)."""
    return float(blocks.total @ law.log_mass(blocks.lowest, blocks.highest))


def maximised(law: L, blocks: BlockCounts) -> L:
    """Return the law of the same kind that makes τ most likely, from this one on."""
    from scipy.optimize import minimize

    def cost(theta: Floats) -> float:
        value = -log_likelihood(law.at(theta), blocks) / blocks.observations
        return value if np.isfinite(value) else 1e300

    def slope(theta: Floats) -> Floats:
        return -(blocks.total @ scores(law.at(theta), blocks)) / blocks.observations

    found = minimize(cost, law.theta, jac=slope, method="BFGS", options={"gtol": 1e-7})
    return law.at(found.x) if found.fun <= cost(law.theta) else law


def scores(law: CountLaw, blocks: BlockCounts) -> Floats:
    """Return ∂ log P / ∂θ of each cell; (cells, k)."""
    return derivative(lambda other: other.log_mass(blocks.lowest, blocks.highest), law)


def inverse_curvature(law: CountLaw, blocks: BlockCounts) -> Floats:
    """Return the inverse of −∂² (mean log P) / ∂θ²; (k, k). What data say nothing of is 0 in it."""

    def mean_score(other: CountLaw) -> Floats:
        result: Floats = blocks.total @ scores(other, blocks) / blocks.observations
        return result

    curvature = -derivative(mean_score, law)
    values, vectors = np.linalg.eigh((curvature + curvature.T) / 2)
    kept = values > _SINGULAR * values.max(initial=0.0)
    inverse = np.where(kept, 1 / np.where(kept, values, 1.0), 0.0)
    result: Floats = (vectors * inverse) @ vectors.T
    return result


def derivative(function: Callable[[CountLaw], Floats], law: CountLaw) -> Floats:
    """Return the derivative by θ of a function of a law, in a last axis more."""
    slopes, theta = [], law.theta
    for i in range(len(theta)):
        step = np.zeros(len(theta))
        step[i] = _STEP
        ahead, back = function(law.at(theta + step)), function(law.at(theta - step))
        slopes.append((ahead - back) / (2 * _STEP))
    if not slopes:
        return np.zeros((*function(law).shape, 0))
    result: Floats = np.stack(slopes, axis=-1)
    return result
