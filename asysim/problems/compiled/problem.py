"""A problem whose gradients are those of the compiled worker loops, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asysim.problems.base import Constants, Problem, Vector
from asysim.problems.compiled.generics import decode, gradient, new_work
from asysim.problems.compiled.jit import compiled
from asysim.problems.compiled.models import QuadraticModel, model_of
from asysim.randomness import Words


@compiled
def _decode(model: Any, raw: Words) -> None:
    decode(model, raw)


@compiled
def _new_work(model: Any, batch_size: int) -> Vector:
    return new_work(model, batch_size)


@compiled
def _gradient(model: Any, x: Vector, batch: NDArray[Any], work: Vector, out: Vector) -> None:
    gradient(model, x, batch, work, out)


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
        self._shape = (problem.dimension,)
        self._work: dict[int, Vector] = {}

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
        if isinstance(self.model, QuadraticModel):
            return raw.view(np.float64)
        return raw.view(np.int64)[..., 0]

    def gradient(self, x: Vector, batch: NDArray[Any], out: Vector) -> None:
        """Write Σ_m G(x, ξ_m), the SUM over one mini-batch of `sample`, into `out`, shape (n,).

        Raises
        ------
        ValueError
            If x or `out` has another shape.
        """
        if x.shape != self._shape or out.shape != self._shape:
            raise ValueError(f"x of shape {x.shape} and out of {out.shape}, not {self._shape}")
        count = len(batch)
        if count not in self._work:
            self._work[count] = _new_work(self.model, count)
        # Kernels take arrays without gaps.
        dense_x, dense_batch = np.ascontiguousarray(x), np.ascontiguousarray(batch)
        dense_out = out if out.flags.c_contiguous else np.empty_like(dense_x)
        _gradient(self.model, dense_x, dense_batch, self._work[count], dense_out)
        if dense_out is not out:
            out[:] = dense_out

    def value(self, x: Vector) -> float:
        return self.problem.value(x)

    def full_gradient(self, x: Vector, out: Vector) -> float:
        return self.problem.full_gradient(x, out)

    def constants(self) -> Constants:
        return self.problem.constants()
