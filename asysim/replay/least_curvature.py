"""The least eigenvalue of a Hessian, from its products with vectors alone, and how sure it is.

ARPACK's Lanczos iteration (`scipy.sparse.linalg.eigsh`, which="SA") asks for tens of products where
a power iteration asks for hundreds, and would find the eigenvalue largest in magnitude besides.
Its stopping rule is relative to the eigenvalue, and so never met by one near 0: what is iterated is
∇²f − c·I, with c near ‖∇²f‖, and the rule relative to that.

It goes out from the eigenvector found before. From that alone it would never leave the space that
the vector spans where x has not moved, nor find an eigenvalue that has meanwhile fallen below: a
part of a random vector, by name, is added.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from asysim.errors import unfit
from asysim.ground.arrays import Vector
from asysim.problems.base import Problem, TwiceDifferentiable
from asysim.problems.own import product_of
from asysim.random.streams import Purpose, generator

_DENSE = 64
"""Up to so many coordinates the whole matrix takes hardly more products than an iteration."""
_PRECISION = 1e-5
_MIXED = 0.5  # of a random direction, beside a warm start
_BASIS, _MOST = 20, 50  # vectors of the iteration, and how often it restarts with some of them
_LOOSER = 100.0  # a precision that isn't met is tried once more so much less sharp
_ROUNDING = 4 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class LeastCurvature:
    """The least eigenvalue of ∇²f(x), as found.

    Attributes
    ----------
    value
        λ, the Rayleigh quotient of `vector`: no less than the least eigenvalue.
    residual
        ‖∇²f(x)·v − λv‖: some eigenvalue is no farther from λ than that, and rounding.
    vector
        v, shape (n,), of length 1.
    products
        How many Hessian-vector products it took.
    norm
        About ‖∇²f(x)‖: the largest eigenvalue in magnitude, as far as it was found.
    """

    value: float
    residual: float
    vector: Vector
    products: int
    norm: float


def least_curvature(
    problem: Problem | TwiceDifferentiable,
    x: Vector,
    *,
    known: LeastCurvature | None = None,
    precision: float = _PRECISION,
    seed: int = 0,
    index: int = 0,
) -> LeastCurvature:
    """Find the least eigenvalue of ∇²f(x).

    Parameters
    ----------
    problem
        With `hvp`.
    x
        Shape (n,).
    known
        What was found at a point not far away: it begins there.
    precision
        Of λ, relative to ‖∇²f(x)‖. Where a thousand products don't meet it, one that is coarser
        is; the residual says so.
    seed, index
        Name the random part of the first vector.

    Raises
    ------
    InputError
        If the problem has no Hessian-vector products, or one is not finite.
    ValueError
        If the precision is below what float64 gives, or not below 1.
    """
    if not isinstance(problem, TwiceDifferentiable):
        raise unfit("problem", f"{type(problem).__name__}, which has none", WITH_HVP)
    if not _ROUNDING <= precision < 1:
        raise ValueError(f"needs a precision of {_ROUNDING:.2g} … 1, not {precision:g}")
    matrix = _Products(problem, x)
    n = len(x)
    if n <= _DENSE:
        return _dense(matrix, n)
    random = generator(seed, Purpose.CURVATURE, index).standard_normal(n)
    random /= np.linalg.norm(random)
    start = random if known is None else known.vector + _MIXED * random
    norm = known.norm if known is not None and known.norm > 0 else _norm(matrix, random)
    if norm == 0:  # a random vector's product is 0 only where all are
        return LeastCurvature(0.0, 0.0, random, matrix.made, 0.0)
    vector = _lanczos(matrix, start, norm, precision)
    product = matrix(vector)
    value = float(vector @ product)
    residual = float(np.linalg.norm(product - value * vector))
    return LeastCurvature(value, residual, vector, matrix.made, max(norm, abs(value)))


WITH_HVP = (
    "a problem with hvp(x, direction), the Hessian's product with a vector: quadratic, "
    "least_squares, logistic, mlp, torch, matrix_factorization and the strict saddles have one"
)
"""What is right where a problem has no second derivatives."""


class _Products:
    """v ↦ ∇²f(x)·v, and how often it was asked for."""

    def __init__(self, problem: TwiceDifferentiable, x: Vector) -> None:
        self._problem, self._x = problem, x
        self.made = 0

    def __call__(self, vector: Vector) -> Vector:
        self.made += 1
        vector = np.ascontiguousarray(vector, dtype=np.float64)
        product = product_of(self._problem, self._x, vector)
        if not np.isfinite(product).all():
            found = "a Hessian-vector product that is not finite"
            raise unfit("run.second_order", found, "an x at which f has second derivatives")
        return product


def _dense(matrix: _Products, n: int) -> LeastCurvature:
    whole = np.array([matrix(axis) for axis in np.eye(n)])
    values, vectors = np.linalg.eigh((whole + whole.T) / 2)
    value, vector = float(values[0]), np.ascontiguousarray(vectors[:, 0])
    residual = float(np.linalg.norm(whole @ vector - value * vector))
    return LeastCurvature(value, residual, vector, matrix.made, float(np.abs(values).max()))


def _norm(matrix: _Products, start: Vector) -> float:
    """Return about ‖∇²f‖, from a few products."""
    if not matrix(start).any():
        return 0.0
    values, _ = _eigsh(matrix, start, "LM", 0.1)
    return float(np.abs(values[0]))


def _lanczos(matrix: _Products, start: Vector, norm: float, precision: float) -> Vector:
    def lowered(vector: Vector) -> Vector:
        lower: Vector = matrix(vector) - norm * vector
        return lower

    _, vectors = _eigsh(lowered, start, "SA", precision / 2)
    return np.ascontiguousarray(vectors[:, 0])


def _eigsh(
    product: Callable[[Vector], Vector], start: Vector, which: Literal["LM", "SA"], precision: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    n = len(start)
    operator = LinearOperator((n, n), matvec=lambda v: product(v.ravel()), dtype=np.float64)
    while True:
        try:
            found: tuple[NDArray[np.float64], NDArray[np.float64]] = eigsh(
                operator,
                k=1,
                which=which,
                v0=start,
                tol=precision,
                ncv=min(n, _BASIS),
                maxiter=_MOST,
            )
        except ArpackNoConvergence:  # hands out nothing, near though it may be
            precision *= _LOOSER
            if precision >= 1:
                raise
        else:
            return found
