"""Products with ∇²f, and its largest eigenvalue by Lanczos' method."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from asysim.ground.arrays import Vector
from asysim.problems.base import Problem, TwiceDifferentiable

Product = Callable[[Vector], Vector]

LARGE = 4096
"""Coordinates from which on products with a Hessian are few, as each may take a second."""
_STEPS, _FEW_STEPS = 200, 12  # of Lanczos' method


def product_at(problem: Problem, x: Vector) -> Product:
    """Return v ↦ ∇²f(x)v, by differences of gradients where the problem has no such product."""
    if isinstance(problem, TwiceDifferentiable):
        return partial(problem.hvp, x)

    def difference(direction: Vector) -> Vector:
        size = float(np.linalg.norm(direction))
        if size == 0:
            return np.zeros_like(direction)
        step = np.cbrt(np.finfo(np.float64).eps) * (1 + float(np.linalg.norm(x))) / size
        ahead, behind = np.empty_like(x), np.empty_like(x)
        problem.full_gradient(x + step * direction, ahead)
        problem.full_gradient(x - step * direction, behind)
        found: Vector = (ahead - behind) / (2 * step)
        return found

    return difference


def how_products(problem: Problem) -> str:
    """Say how products with the Hessian are made."""
    exact = isinstance(problem, TwiceDifferentiable)
    return "Hessian-vector products" if exact else "differences of gradients, as there is no hvp"


def spectral_norm(
    product: Product, start: Vector, tolerance: float = 1e-4, most: int | None = None
) -> float:
    """Return max |λ| of a symmetric matrix, from below, by Lanczos' method.

    No Ritz value is farther from 0 than the largest eigenvalue; every vector is made orthogonal to
    all before it.

    Parameters
    ----------
    product
        v ↦ Hv.
    start
        Where it begins, shape (n,), not 0.
    tolerance
        Of the eigenvalue, relative: it ends where the Ritz vector's residual is no more than that.
    most
        Products at most; None: as many as suit the size.
    """
    from scipy.linalg import eigh_tridiagonal

    n = len(start)
    basis = np.empty((min(n, (_FEW_STEPS if n > LARGE else _STEPS) if most is None else most), n))
    diagonal: list[float] = []
    beside: list[float] = []
    found = 0.0
    vector = start / np.linalg.norm(start)
    for k in range(len(basis)):
        basis[k] = vector
        image = product(vector)
        diagonal.append(float(vector @ image))
        for _ in range(2):  # once leaves what rounding did
            image = image - (basis[: k + 1] @ image) @ basis[: k + 1]
        values, vectors = eigh_tridiagonal(diagonal, beside)
        top = int(np.argmax(np.abs(values)))
        found, length = abs(float(values[top])), float(np.linalg.norm(image))
        if length * abs(float(vectors[-1, top])) <= tolerance * found:
            break
        beside.append(length)
        vector = image / length
    return found
