"""The kernels of low-rank factorisation, of any matrix and of a symmetric one."""

from __future__ import annotations

from typing import NamedTuple

from asysim.ground.arrays import Ints, Vector
from asysim.jit.compiler import implements
from asysim.problems.compiled.finite_sums import finite_sums, without_work
from asysim.problems.compiled.generics import gradient, sparse_gradient, support


class FactorizationModel(NamedTuple):
    """Row, column and value of each entry, shape (N,); rows of U, of V; the rank; N; a weight.

    A sample's gradient is `weight` times that of ½ (u_iᵀv_j − M_ij)². With no rows V is U itself.
    """

    left: Ints
    right: Ints
    entries: Vector
    rows: int
    columns: int
    rank: int
    samples: int
    weight: float

    def most_support(self, batch_size: int) -> int | None:
        return batch_size * 2 * self.rank


finite_sums(FactorizationModel)
without_work(FactorizationModel)


@implements(gradient, FactorizationModel)
def _gradient(
    model: FactorizationModel,
    x: Vector,
    batch: Ints,
    work: Vector,  # noqa: ARG001
    out: Vector,
) -> None:
    rank = model.rank
    out[:] = 0.0
    for sample in batch:
        u = model.left[sample] * rank
        v = (model.rows + model.right[sample]) * rank
        error = 0.0
        for i in range(rank):
            error += x[u + i] * x[v + i]
        error = model.weight * (error - model.entries[sample])
        for i in range(rank):
            out[u + i] += error * x[v + i]
            out[v + i] += error * x[u + i]


@implements(support, FactorizationModel)
def _support(model: FactorizationModel, batch: Ints, index: Ints) -> int:
    rank, count = model.rank, 0
    for sample in batch:
        u = model.left[sample] * rank
        v = (model.rows + model.right[sample]) * rank
        for i in range(rank):
            index[count + i] = u + i
            index[count + rank + i] = v + i
        count += 2 * rank
    return count


@implements(sparse_gradient, FactorizationModel)
def _sparse_gradient(
    model: FactorizationModel,
    batch: Ints,
    values: Vector,
    work: Vector,  # noqa: ARG001
    out: Vector,
) -> None:
    rank, u = model.rank, 0
    for sample in batch:
        v = u + rank
        error = 0.0
        for i in range(rank):
            error += values[u + i] * values[v + i]
        error = model.weight * (error - model.entries[sample])
        for i in range(rank):
            out[u + i] = error * values[v + i]
            out[v + i] = error * values[u + i]
        u += 2 * rank
