"""Mini-batches by name; gradients in two steps: when a row gets its x, and when it is applied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from asysim.ground.arrays import Vector, read_only
from asysim.ground.outside import is_own
from asysim.problems.base import DeferringProblem, DescendingProblem, Problem
from asysim.random.streams import Purpose, WordSource
from asysim.replay.space import Space
from asysim.replay.version_memory import RowFacts

_FIRST_BLOCK, _LAST_BLOCK = 16, 1024  # batches made at once
_MOST_WORDS = 2**16  # but never more random words than this, unless one batch alone needs them


class Sampler:
    """Makes each worker's mini-batches in blocks, since finding a stream takes longer than a batch.

    Parameters
    ----------
    problem
        Says how many random words name one sample, and turns them into batches.
    seed
        The scenario's seed.
    batch_size
        M.
    """

    def __init__(self, problem: Problem, *, seed: int, batch_size: int) -> None:
        self._problem = problem
        self._source = WordSource(seed)
        self.batch_size = batch_size
        self._words = batch_size * problem.words
        self._most = max(1, min(_LAST_BLOCK, _MOST_WORDS // max(1, self._words)))
        self._blocks: dict[int, tuple[int, int, Any]] = {}

    def batch(self, worker: int, draw: int) -> Any:
        """Return the mini-batch of a worker's draw-th gradient, as the problem takes it."""
        start, stop, batches = self._blocks.get(worker, (0, 0, ()))
        if not start <= draw < stop:
            start, stop, batches = self._blocks[worker] = self._block(worker, draw, stop - start)
        return batches[draw - start]

    def _block(self, worker: int, draw: int, last_size: int) -> tuple[int, int, Any]:
        count = min(self._most, max(_FIRST_BLOCK, 2 * last_size))
        words = self._source.words(Purpose.SAMPLE, worker, draw * self._words, count * self._words)
        shape = (count, self.batch_size, self._problem.words)
        return draw, draw + count, self._problem.sample(words.reshape(shape))


class Computation(Protocol):
    """What a worker computes at x and sends. Any object that can be called so will do."""

    def __call__(self, x: Vector, worker: int, draw: int, out: Vector, /) -> None:
        """Write into `out`, shape (n,), what is sent for x: worker and draw name what is random."""
        ...


class MiniBatchGradient:
    """Σ_m G(x, ξ_m), the sum over one mini-batch.

    Parameters
    ----------
    problem, sampler
        What is computed, and at which samples.
    """

    def __init__(self, problem: Problem, sampler: Sampler) -> None:
        self._gradient, self._batch = problem.gradient, sampler.batch
        self._is_own = is_own(problem)

    def __call__(self, x: Vector, worker: int, draw: int, out: Vector, /) -> None:
        if self._is_own:
            x = read_only(x)
        self._gradient(x, self._batch(worker, draw), out)


class GradientSource(Protocol):
    """The gradients of a stream's rows, as they are to be applied."""

    def begin(self, x: Vector, row: RowFacts) -> Any:
        """Do all of a row's gradient that needs x; what it returns is for `finish`, once."""
        ...

    def finish(self, begun: Any) -> Vector:
        """Return the gradient, shape (n,), the caller's to keep."""
        ...


class Gradients:
    """The gradients of a stream's rows, as they are computed.

    Parameters
    ----------
    problem, sampler
        What is computed.
    space
        Where vectors come from.

    Attributes
    ----------
    descend
        Instead of `finish`: write x − step · gradient, for (begun, x, step, out), and return
        whether it is finite. None if the problem can't do both in one.
    """

    def __init__(self, problem: Problem, sampler: Sampler, space: Space) -> None:
        self._compute: Computation = MiniBatchGradient(problem, sampler)
        self._batch = sampler.batch
        self._take = space.take
        self._deferring: DeferringProblem | None = None
        self.descend: Callable[[Any, Vector, float, Vector], bool] | None = None
        if isinstance(problem, DeferringProblem) and problem.defers(sampler.batch_size):
            self._deferring = problem
            if isinstance(problem, DescendingProblem):
                self.descend = problem.descend

    def begin(self, x: Vector, row: RowFacts) -> Any:
        """Do all of a row's gradient that needs x; what it returns is for `finish`, once."""
        if self._deferring is not None:
            return self._deferring.begin_gradient(x, self._batch(row[0], row[1]))
        gradient = self._take()
        self._compute(x, row[0], row[1], gradient)
        return gradient

    def finish(self, begun: Any) -> Vector:
        """Return the gradient, the sum over the mini-batch, shape (n,), the caller's to keep."""
        if self._deferring is None:
            gradient: Vector = begun
        else:
            gradient = self._take()
            self._deferring.finish_gradient(begun, gradient)
        return gradient
