"""Mini-batches by name: the same (seed, worker, draw) is the same batch, whoever asks."""

from __future__ import annotations

from typing import Any

from asysim.problems.base import Problem
from asysim.random.streams import Purpose, WordSource

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
