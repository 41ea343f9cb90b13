"""The constants of a problem as far as they can be had: known, or estimated at points of a run.

What is measured at some points bounds a constant that holds everywhere from one side only: L is at
least the largest curvature that was met. An estimate says so, by its interval and in words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from asysim.ground.arrays import Floats, Ints, Vector
from asysim.problems.base import Problem, TwiceDifferentiable
from asysim.random.streams import Purpose, WordSource, generator
from asysim.theory.ball import radius_of
from asysim.theory.hessian import LARGE, how_products, product_at, spectral_norm
from asysim.theory.visited import Visited

Origin = Literal["known", "estimated", "assumed", "unknown"]

_RHO_STEPS = 4  # for a difference of two Hessians
_COLUMNS, _FEW_COLUMNS = 512, 16  # up to so many coordinates each column of one is looked at
_NEAR = 1e-3  # how far apart they are taken, of 1 + ‖x‖
_ROUNDING = 1e-9
_NORMAL = 1.96  # standard deviations, 95 %


@dataclass(frozen=True)
class Estimate:
    """A constant with what is known of it.

    Attributes
    ----------
    symbol
        As the papers have it.
    value
        To reckon with; None where there is none.
    low, high
        Between which the constant lies: itself, if it is known.
    origin
        Known to the problem, estimated here, assumed by the scenario, or unknown.
    how
        How it was made, in words.
    """

    symbol: str
    value: float | None
    low: float
    high: float
    origin: Origin
    how: str

    @property
    def may_be_larger(self) -> bool:
        """Whether it was seen at some points, and there only."""
        return self.value is not None and self.origin == "estimated" and self.high > self.value

    @classmethod
    def known(cls, symbol: str, value: float, how: str) -> Estimate:
        """Return a constant that is exact."""
        return cls(symbol, value, value, value, "known", how)

    @classmethod
    def unknown(cls, symbol: str, how: str) -> Estimate:
        """Return a constant that can't be had."""
        return cls(symbol, None, 0.0, math.inf, "unknown", how)

    @classmethod
    def at_least(cls, symbol: str, value: float, how: str) -> Estimate:
        """Return a constant of which a lower bound was found."""
        return cls(symbol, value, value, math.inf, "estimated", how)

    def checked(self) -> Estimate:
        """Return the same, or that it can't be had, where a run went too far for 64-bit numbers."""
        if self.value is None or math.isfinite(self.value):
            return self
        return Estimate.unknown(self.symbol, f"not finite in 64-bit numbers: {self.how}")


def lipschitz(problem: Problem, visited: Visited, *, seed: int, tolerance: float) -> Estimate:
    """Return L: known, or at least max |λ| of ∇²f at the points."""
    told = problem.constants().lipschitz
    if told is not None:
        return Estimate.known("L", told, _own(problem))
    start = generator(seed, Purpose.THEORY, 0).standard_normal(problem.dimension)
    found = [] if visited.curvature is None else [visited.curvature]
    found += [
        spectral_norm(product_at(problem, x), start, tolerance)
        for x in visited.points[len(found) :]
    ]
    how = f"max |λ| of ∇²f at {visited.words}, Lanczos on {how_products(problem)}: L is no less"
    return Estimate.at_least("L", max(found), how)


@dataclass(frozen=True)
class Columns:
    """What columns of ∇²f at the points are like.

    Attributes
    ----------
    entry, length
        max |∂²f/∂x_i²|, and the length of the longest column.
    words
        Which were looked at, for people.
    are_all
        Whether those were all there are.
    """

    entry: float
    length: float
    words: str
    are_all: bool

    @classmethod
    def of(cls, problem: Problem, visited: Visited, *, seed: int) -> Columns:
        """Look at all columns, or at some that are drawn where there are many."""
        n = problem.dimension
        chosen: Ints = np.arange(n)
        words = f"of all coordinates at {visited.words}"
        if n > _COLUMNS:
            few = _FEW_COLUMNS // 8 if n > LARGE else _FEW_COLUMNS
            chosen = generator(seed, Purpose.THEORY, 2).choice(n, few, replace=False)
            words = f"of {few} of {n:,} coordinates at {visited.words}"
        entry = length = 0.0
        for x in visited.points:
            product = product_at(problem, x)
            for i in chosen:
                unit = np.zeros(n)
                unit[i] = 1.0
                column = product(unit)
                entry = max(entry, abs(float(column[i])))
                length = max(length, float(np.linalg.norm(column)))
        return cls(entry, length, words, len(chosen) == n)


def coordinate_lipschitz(problem: Problem, columns: Columns, smoothness: Estimate) -> Estimate:
    """Return L_max: known, or at least max |∂²f/∂x_i²| at the points; L if few were looked at."""
    told = problem.constants().coordinate_lipschitz
    if told is not None:
        return Estimate.known("L_max", told, _own(problem))
    if columns.are_all or smoothness.value is None:
        how = f"max |∂²f/∂x_i²| {columns.words}: L_max is no less"
        return Estimate.at_least("L_max", columns.entry, how)
    how = f"at most L, which is taken; at least max |∂²f/∂x_i²| {columns.words}"
    low = min(columns.entry, smoothness.value)
    return Estimate("L_max", smoothness.value, low, smoothness.high, "estimated", how)


def delay_lipschitz(columns: Columns, smoothness: Estimate) -> Estimate:
    """Return L_T, between the longest column of ∇²f at the points and L, which is reckoned with."""
    if smoothness.value is None:
        return Estimate.unknown("L_T", "L is not known, which is no less")
    # Rounding: of a diagonal Hessian the longest column is L.
    low = min(columns.length, smoothness.value)
    known = low >= smoothness.value * (1 - _ROUNDING) and smoothness.origin == "known"
    how = f"at most L, which is taken; at least the longest ∂∇f/∂x_i {columns.words}"
    if known:
        return Estimate.known("L_T", smoothness.value, "a column of ∇²f is as long as L")
    return Estimate("L_T", smoothness.value, low, smoothness.high, "estimated", how)


def hessian_lipschitz(problem: Problem, visited: Visited, *, seed: int) -> Estimate:
    """Return ρ: known, or at least ‖∇²f(y) − ∇²f(x)‖/‖y − x‖ near and between the points."""
    told = problem.constants().hessian_lipschitz
    if told is not None:
        return Estimate.known("ρ", told, _own(problem))
    if not isinstance(problem, TwiceDifferentiable):
        how = "needs Hessian-vector products (hvp), which this problem has none of"
        return Estimate.unknown("ρ", how)
    drawn = generator(seed, Purpose.THEORY, 1)
    pairs = list(zip(visited.points[:-1], visited.points[1:], strict=True))
    for x in visited.points if problem.dimension <= LARGE else ():
        gradient = np.empty(problem.dimension)
        problem.full_gradient(x, gradient)
        for direction in (gradient, drawn.standard_normal(problem.dimension)):
            size = float(np.linalg.norm(direction))
            if size > 0:
                near = _NEAR * (1 + float(np.linalg.norm(x))) / size
                pairs.append((x, x + near * direction))
    start = drawn.standard_normal(problem.dimension)
    found = [_change(problem, x, y, start) for x, y in pairs if (x != y).any()]
    pairs_ = "1 pair" if len(found) == 1 else f"{len(found)} pairs"
    how = f"max ‖∇²f(y) − ∇²f(x)‖/‖y − x‖ over {pairs_} near and between {visited.words}"
    return Estimate.at_least("ρ", max(found, default=0.0), how + ": ρ is no less")


def variance(problem: Problem, visited: Visited, *, seed: int, samples: int) -> Estimate:
    """Return σ²: known, or the largest mean of ‖G(x, ξ) − ∇f(x)‖² over samples at the points."""
    told = problem.constants().variance
    if told is not None:
        return Estimate.known("σ²", told, _own(problem))
    if problem.words == 0:
        return Estimate.known("σ²", 0.0, "gradients are exact: no sample is drawn")
    means, errors = [], []
    for number, x in enumerate(visited.points):
        squares = _squares(problem, x, number, seed, samples)
        means.append(float(squares.mean()))
        errors.append(_NORMAL * float(squares.std(ddof=1)) / math.sqrt(samples))
    top = int(np.argmax(means))
    how = f"largest mean of ‖G − ∇f‖² at {visited.words}, {samples} samples each; 95 % there"
    low = max(0.0, means[top] - errors[top])
    return Estimate("σ²", means[top], low, means[top] + errors[top], "estimated", how)


def gap(problem: Problem, visited: Visited) -> Estimate:
    """Return Δ = f(x_1) − f*, or what is known to be less: f(x_1) − the least loss seen."""
    begin = problem.value(visited.points[0])
    least = problem.constants().minimum
    if least is not None:
        return Estimate.known("Δ", begin - least, "f(x_1) − f*")
    seen = [begin, *(problem.value(x) for x in visited.points[1:])]
    if visited.least is not None:
        seen.append(visited.least)
    if begin <= min(seen):
        return Estimate.unknown("Δ", "f* is not known, and no loss below f(x_1) was seen")
    how = "f(x_1) − the least loss seen: Δ is no less, as f* is not known, or there is none"
    return Estimate.at_least("Δ", begin - min(seen), how)


def _own(problem: Problem) -> str:
    """Say whose a known constant is, and where it holds."""
    radius = radius_of(problem)
    return "the problem's own" + ("" if radius is None else f", where ‖x‖ ≤ {radius:.4g}")


def _change(problem: TwiceDifferentiable, x: Vector, y: Vector, start: Vector) -> float:
    def product(vector: Vector) -> Vector:
        return problem.hvp(y, vector) - problem.hvp(x, vector)

    return spectral_norm(product, start, most=_RHO_STEPS) / float(np.linalg.norm(y - x))


def _squares(problem: Problem, x: Vector, number: int, seed: int, samples: int) -> Floats:
    """Return ‖G(x, ξ) − ∇f(x)‖² for named samples; shape (samples,)."""
    count = samples * problem.words
    words = WordSource(seed).words(Purpose.THEORY, number + 2, 0, count)
    batches = problem.sample(words.reshape(samples, 1, problem.words))
    exact, one = np.empty(problem.dimension), np.empty(problem.dimension)
    problem.full_gradient(x, exact)
    squares = np.empty(samples)
    for i in range(samples):
        problem.gradient(x, batches[i], one)
        squares[i] = np.dot(one - exact, one - exact)
    return squares
