"""The kernels of linear models with dense features: least squares and logistic regression."""

from __future__ import annotations

from asysim.ground.arrays import Vector
from asysim.jit.compiler import compiled, implements
from asysim.jit.instructions import fma
from asysim.problems.compiled.elementary import logistic
from asysim.problems.compiled.generics import gradient
from asysim.problems.compiled.models import DenseLinearModel, Integers, Matrix


@compiled
def slope(score: float, target: float, is_logistic: bool) -> float:
    """Return ∂loss/∂score of one sample."""
    if is_logistic:
        return -target * logistic(-target * score)
    return score - target


@compiled
def write_ridge(weight: float, x: Vector, out: Vector) -> None:
    """Write the ridge's part of a gradient, weight × x, into `out`."""
    for i in range(out.size):
        out[i] = weight * x[i]


@compiled
def _dot(features: Matrix, row: int, x: Vector) -> float:
    """Return one row's score, in four sums that don't wait for each other."""
    a = b = c = d = 0.0
    whole = x.size - x.size % 4
    for i in range(0, whole, 4):
        a = fma(features[row, i], x[i], a)
        b = fma(features[row, i + 1], x[i + 1], b)
        c = fma(features[row, i + 2], x[i + 2], c)
        d = fma(features[row, i + 3], x[i + 3], d)
    for i in range(whole, x.size):
        a = fma(features[row, i], x[i], a)
    return (a + b) + (c + d)


@implements(gradient, DenseLinearModel)
def _gradient(
    model: DenseLinearModel,
    x: Vector,
    batch: Integers,
    work: Vector,  # noqa: ARG001
    out: Vector,
) -> None:
    write_ridge(model.l2 * len(batch), x, out)
    for row in batch:
        weight = slope(_dot(model.features, row, x), model.targets[row], model.logistic)
        for i in range(out.size):
            out[i] = fma(weight, model.features[row, i], out[i])
