"""A problem whose gradients are those of the compiled worker loops, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asysim.ground.arrays import Buffers, Vector
from asysim.jit.compiler import compiled
from asysim.jit.instructions import will_read
from asysim.problems.base import (
    Constants,
    Curvature,
    DivisibleProblem,
    MappedProblem,
    Problem,
    TwiceDifferentiable,
    curvature_of,
)
from asysim.problems.compiled.generics import (
    begin_gradient,
    decode,
    descend_gradient,
    finish_gradient,
    gradient,
    model_of,
    new_work,
)
from asysim.problems.compiled.perceptron import PerceptronModel
from asysim.random.streams import Words

Begun = tuple[Vector, Buffers]
"""The work array of a gradient that waits for its second step, and where it goes afterwards."""


@compiled
def _decode(model: Any, raw: Words) -> None:
    decode(model, raw)


@compiled
def _new_work(model: Any, batch_size: int) -> Vector:
    return new_work(model, batch_size)


@compiled
def _gradient(model: Any, x: Vector, batch: NDArray[Any], work: Vector, out: Vector) -> None:
    gradient(model, x, batch, work, out)


# A plain tuple gets into compiled code in half the time that a named one does.


@compiled
def _begin(model: Any, x: Vector, batch: NDArray[Any], work: Vector) -> None:
    begin_gradient(PerceptronModel(*model), x, batch, work)


@compiled
def _fetch(work: Vector) -> None:
    """Ask for what has waited so long, with a thousand workers, that no cache has it any more."""
    for i in range(0, work.size, 8):
        will_read(work, i)


@compiled
def _finish(model: Any, work: Vector, out: Vector) -> None:
    _fetch(work)
    finish_gradient(PerceptronModel(*model), work, out)


@compiled
def _descend(model: Any, work: Vector, x: Vector, step: float, out: Vector) -> bool:
    _fetch(work)
    return descend_gradient(PerceptronModel(*model), work, x, step, out)


class CompiledProblem:
    """A problem with samples and gradients by compiled kernels, and all else its own.

    What a compiled worker loop computed comes out again, to the last bit.

    Parameters
    ----------
    problem
        One that `model_of` knows.

    Raises
    ------
    TypeError
        If there are no kernels for it.

    Notes
    -----
    One object serves one thread: it keeps the arrays that it computes in.
    """

    def __init__(self, problem: Problem) -> None:
        model = model_of(problem)
        if model is None:
            raise TypeError(f"no kernels for a {type(problem).__name__}")
        self.problem = problem
        self.model = model
        self._parts = tuple(model)
        if isinstance(problem, TwiceDifferentiable):
            self.hvp = problem.hvp
        if isinstance(problem, MappedProblem):
            self.critical_points = problem.critical_points
        if isinstance(problem, DivisibleProblem):
            self.samples, self.part = problem.samples, problem.part
        self._shape = (problem.dimension,)
        self._work: dict[int, Vector] = {}
        self._spare: dict[int, Buffers] = {}  # work arrays of gradients in two steps

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_work": {}, "_spare": {}}

    @property
    def dimension(self) -> int:
        return self.problem.dimension

    @property
    def words(self) -> int:
        return self.problem.words

    def start(self) -> Vector:
        return self.problem.start()

    def sample(self, words: Words) -> NDArray[Any]:
        """Turn words, shape (draws, M, `words`), into mini-batches.

        Shape (draws, M) of row numbers, or (draws, M, `words`) of noise for the quadratic.
        """
        raw = np.array(words, dtype=np.uint64, order="C")
        _decode(self.model, raw.reshape(-1))
        is_sum = hasattr(self.model, "samples")
        return raw.view(np.int64)[..., 0] if is_sum else raw.view(np.float64)

    def gradient(self, x: Vector, batch: NDArray[Any], out: Vector) -> None:
        """Write Σ_m G(x, ξ_m), the SUM over one mini-batch of `sample`, into `out`, shape (n,).

        Raises
        ------
        ValueError
            If x or `out` has another shape.
        """
        self._check(x, out)
        count = len(batch)
        if count not in self._work:
            self._work[count] = _new_work(self.model, count)
        # Kernels take arrays without gaps.
        dense_x, dense_batch = np.ascontiguousarray(x), np.ascontiguousarray(batch)
        dense_out = out if out.flags.c_contiguous else np.empty_like(dense_x)
        _gradient(self.model, dense_x, dense_batch, self._work[count], dense_out)
        if dense_out is not out:
            out[:] = dense_out

    def defers(self, batch_size: int) -> bool:
        """Whether there is a gradient in two steps, with less between the two than a gradient."""
        if not isinstance(self.model, PerceptronModel):
            return False
        return _new_work(self.model, batch_size).size < self.dimension

    def begin_gradient(self, x: Vector, batch: NDArray[Any]) -> Begun:
        """Do both passes through a network; what is left are products that don't need x."""
        self._check(x)
        count = len(batch)
        if count not in self._spare:
            self._spare[count] = Buffers(_new_work(self.model, count).size)
        spare = self._spare[count]
        work = spare.take()
        _begin(self._parts, np.ascontiguousarray(x), np.ascontiguousarray(batch), work)
        return work, spare

    def finish_gradient(self, begun: Begun, out: Vector) -> None:
        self._check(out)
        work, spare = begun
        dense_out = out if out.flags.c_contiguous else np.empty(self._shape)
        _finish(self._parts, work, dense_out)
        if dense_out is not out:
            out[:] = dense_out
        spare.put(work)

    def descend(self, begun: Begun, x: Vector, step: float, out: Vector) -> bool:
        """Write x − step · gradient into `out`, which may be x; return whether it is finite."""
        self._check(x, out)
        work, spare = begun
        dense_x = np.ascontiguousarray(x)
        dense_out = out if out.flags.c_contiguous else np.empty(self._shape)
        finite = _descend(self._parts, work, dense_x, step, dense_out)
        if dense_out is not out:
            out[:] = dense_out
        spare.put(work)
        return finite

    def value(self, x: Vector) -> float:
        return self.problem.value(x)

    def full_gradient(self, x: Vector, out: Vector) -> float:
        return self.problem.full_gradient(x, out)

    def constants(self) -> Constants:
        return self.problem.constants()

    def curvature(self, x: Vector) -> Curvature:
        return curvature_of(self.problem, x)

    def _check(self, *vectors: Vector) -> None:
        """Kernels would read and write beyond the ends of shorter ones."""
        for vector in vectors:
            if vector.shape != self._shape:
                raise ValueError(f"an array of shape {vector.shape}, not {self._shape}")
