"""P(time ≤ t) and true quantiles of any law, from its map of uniform numbers; and which it is."""

from __future__ import annotations

import numpy as np

from asysim.laws.base import Array, TimeLaw
from asysim.laws.heavy import Weibull
from asysim.laws.parts import Parts
from asysim.laws.simple import Erlang, Exponential, Gamma
from asysim.laws.union import Scaled

_HALVINGS = 52  # one more, and the midpoint of the last float below 1 and 1 would be 1


def leaves(law: TimeLaw) -> Parts:
    """Return the laws without parts that a law comes down to, with their probabilities."""
    parts: Parts = getattr(law, "parts", ())
    if not parts:
        return ((1.0, law),)
    return tuple((weight * inner, leaf) for weight, part in parts for inner, leaf in leaves(part))


def is_exponential(law: TimeLaw) -> bool:
    """Whether a law is the memoryless one, by whatever name."""
    match law:
        case Scaled():
            return is_exponential(law.law)
        case Exponential():
            return law.shift == 0
        case Gamma():
            return law.cv == 1
        case Erlang():
            return law.stages == 1
        case Weibull():
            return law.shape == 1
    return False


def cdf(law: TimeLaw, seconds: Array) -> Array:
    """Return P(time ≤ t) for each t, same shape, to 2⁻⁵²."""
    result = np.zeros(seconds.shape)
    for weight, leaf in leaves(law):
        result += weight * _cdf(leaf, seconds)
    capped: Array = np.minimum(result, 1.0)
    return capped


def _cdf(law: TimeLaw, seconds: Array) -> Array:
    low, high = np.zeros(seconds.shape), np.ones(seconds.shape)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        reached = law.quantile(middle) <= seconds
        low, high = np.where(reached, middle, low), np.where(reached, high, middle)
    return np.where(low == 0, 0.0, high)


def quantiles(law: TimeLaw, shares: Array) -> Array:
    """Return for each share in (0, 1) the least t with P(time ≤ t) ≥ share, in seconds."""
    parts = leaves(law)
    below = np.nextafter(shares, 0.0)  # where the law jumps, a share belongs to what was before
    each = np.stack([leaf.quantile(below) for _, leaf in parts])
    if len(parts) == 1:
        return each.reshape(shares.shape)
    # Floats ≥ 0 are in the order of their bits, so halving these finds the float itself.
    low, high = each.min(axis=0).view(np.int64), each.max(axis=0).view(np.int64)
    while (high > low).any():
        middle = low + (high - low) // 2
        enough = (cdf(law, middle.view(np.float64)) >= shares) | (low == high)
        low, high = np.where(enough, low, middle + 1), np.where(enough, middle, high)
    found: Array = high.view(np.float64)
    return found
