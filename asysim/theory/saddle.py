"""What an objective is like at a saddle, as far as a law of escape asks.

Near a stationary point SGD is linear, direction by direction of the Hessian's eigenvectors: in each
x_{k+1} = x_k − γMλ x_{k−τ} + noise. Where f is quadratic and its noise Gaussian, that is exact;
elsewhere f bends, and its noise grows, with the distance, and both are measured here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from asysim.ground.arrays import Floats, Vector
from asysim.problems.base import CriticalPoint, Problem, TwiceDifferentiable
from asysim.problems.gaussian import GaussianSamples
from asysim.replay.gradients import Sampler

_LARGEST = 500  # coordinates of a Hessian that is looked at as a whole
_SAMPLES = 4096
_FLAT = 1e-10  # of the largest curvature: below it, none is told from 0
_LEAST = 1e-140  # the square of a variance of which is a number still
_NEAR = 0.1  # of R: so far from the saddle samples' curvatures are taken
_PLACES = 16  # on the way to R, at which f is looked at


class Changes(NamedTuple):
    """What the linear recursion with Gaussian noise leaves out along the unstable direction v.

    Attributes
    ----------
    along, across
        Of one sample's Hessian, E (vᵀ(∇²F(ξ) − ∇²f)v)², and E of what ‖(∇²F(ξ) − ∇²f)v‖² is more.
    kurtosis
        Of one sample's noise at the saddle, in excess of a Gaussian's 0.
    bend
        How much longer f takes than its quadratic model, in times 1/γδ: ∫ (1/c − 1) dr/r from the
        start to R for a gradient c(r) times as steep, of both sides the mean; infinite if f rises.
    """

    along: float = 0.0
    across: float = 0.0
    kurtosis: float = 0.0
    bend: float = 0.0


_NONE = Changes()


@dataclass(frozen=True, eq=False)
class Saddle:
    """A stationary point as the linear recursion sees it; shapes (n,), one for each eigenvector.

    Attributes
    ----------
    curvatures
        Eigenvalues of the Hessian, the least first.
    noise
        Standard deviation of one sample's gradient along each eigenvector.
    start
        Where a run begins, along each.
    exact
        Whether f is quadratic and its noise Gaussian and known: then the law of x_k is exact.
    changes
        What that recursion leaves out within R, if one direction is unstable.
    """

    curvatures: Vector
    noise: Vector
    start: Vector
    exact: bool
    changes: Changes = _NONE

    @property
    def unstable(self) -> int:
        """How many directions f falls away in."""
        least = -_FLAT * float(np.abs(self.curvatures).max())
        return int((self.curvatures < least).sum())


def saddle_of(problem: Problem, point: CriticalPoint, radius: float) -> Saddle | str:
    """Return a stationary point as the recursion sees it up to R, or why that can't be said."""
    n = problem.dimension
    if not isinstance(problem, TwiceDifferentiable):
        return "the problem has no Hessian-vector products"
    if n > _LARGEST:
        return f"the Hessian of {n:,} coordinates is too large to be taken apart (500 at most)"
    hessian = np.array([problem.hvp(point.point, unit) for unit in np.eye(n)])
    curvatures, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    noise = _isotropic(problem, point.point)
    known = noise is not None
    if noise is None:
        noise = _sampled(problem, point.point, vectors)
    quadratic = problem.constants().hessian_lipschitz == 0
    start = vectors.T @ (problem.start() - point.point)
    saddle = Saddle(curvatures, noise, start, exact=known and quadratic)
    if saddle.unstable != 1:
        return saddle
    way = vectors[:, 0]
    changes = _NONE if known else _varying(problem, point.point, way, _NEAR * radius)
    if not quadratic:
        places = abs(start[0]) + (radius - abs(start[0])) * (np.arange(_PLACES) + 0.5) / _PLACES
        bend = _bend(problem, point.point, way, -float(curvatures[0]), places)
        changes = changes._replace(bend=bend)
    return replace(saddle, changes=changes)


def _isotropic(problem: Problem, x: Vector) -> Vector | None:
    """Return the noise along each direction if it is what a sample is, added; else None."""
    n = problem.dimension
    if problem.words == 0:
        return np.zeros(n)
    if not (isinstance(problem, GaussianSamples) and problem.words == n):
        return None
    batch = Sampler(problem, seed=0, batch_size=1).batch(0, 0)
    gradient, exact = np.empty(n), np.empty(n)
    problem.gradient(x, batch, gradient)
    problem.full_gradient(x, exact)
    if not np.allclose(gradient - exact, batch[0], rtol=1e-9, atol=1e-12 * problem.deviation):
        return None
    return np.full(n, problem.deviation)


def _sampled(problem: Problem, x: Vector, vectors: Floats) -> Vector:
    """Return the noise along each eigenvector, of 4,096 gradients: to 1.1 %."""
    sampler, gradient = Sampler(problem, seed=0, batch_size=1), np.empty(problem.dimension)
    along = np.empty((_SAMPLES, problem.dimension))
    for i in range(_SAMPLES):
        problem.gradient(x, sampler.batch(0, i), gradient)
        along[i] = gradient @ vectors
    deviation: Vector = along.std(axis=0)
    return deviation


def _varying(problem: Problem, x: Vector, way: Vector, far: float) -> Changes:
    """Return what as many samples, each at both sides of the saddle, say of the noise."""
    sampler = Sampler(problem, seed=0, batch_size=1)
    ahead, behind = np.empty(problem.dimension), np.empty(problem.dimension)
    found, middle = np.empty((_SAMPLES, problem.dimension)), np.empty(_SAMPLES)
    for i in range(_SAMPLES):
        batch = sampler.batch(0, i)
        problem.gradient(x + far * way, batch, ahead)
        problem.gradient(x - far * way, batch, behind)
        found[i] = (ahead - behind) / (2 * far)  # the noise at the saddle itself drops out
        middle[i] = (ahead + behind) @ way / 2  # and here what varies
    along, middle = float((found @ way).var()), middle - middle.mean()
    square = float((middle**2).mean())
    kurtosis = float((middle**4).mean()) / square**2 - 3 if square > _LEAST else 0.0
    return Changes(along, max(float(found.var(axis=0).sum()) - along, 0.0), kurtosis)


def _bend(problem: Problem, x: Vector, way: Vector, descent: float, places: Vector) -> float:
    """Return `bend`, by the midpoint rule."""
    found, gradient, width = 0.0, np.empty(problem.dimension), float(places[1] - places[0])
    for far in (*places.tolist(), *(-places).tolist()):
        problem.full_gradient(x + far * way, gradient)
        steep = -float(gradient @ way) / (descent * far)
        if not steep > 0:
            return math.inf
        found += (1 / steep - 1) / abs(far) * width / 2
    return found
