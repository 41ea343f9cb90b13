"""The ergodic output: one iterate at random, x_k with probability γ_k / Σγ.

That it is what the theorems' bounds are about is as recalled from the literature.
"""

from __future__ import annotations

import numpy as np

from asysim.problems.base import Vector
from asysim.randomness import Purpose, WordSource, uniforms

_BLOCK = 4096


class ErgodicOutput:
    """Keeps one of the iterates it is offered, as if drawn when all are known (a reservoir of one).

    Parameters
    ----------
    seed
        The scenario's seed: which iterate is drawn depends on it and on the number of updates.

    Attributes
    ----------
    x
        The iterate that is kept; None before the first offer.
    index
        Its k.
    """

    def __init__(self, seed: int) -> None:
        self.x: Vector | None = None
        self.index = -1
        self._source = WordSource(seed)
        self._total = 0.0
        self._uniforms: list[float] = []

    def offer(self, x: Vector, update: int, step: float) -> None:
        """Offer x_k, from which update k with step length γ_k is about to be made."""
        place = update % _BLOCK
        if place == 0 or not self._uniforms:
            words = self._source.words(Purpose.ERGODIC, 0, update - place, _BLOCK)
            self._uniforms = uniforms(words).tolist()
        self._total += step
        if self._uniforms[place] * self._total <= step:
            if self.x is None:
                self.x = x.copy()
            else:
                np.copyto(self.x, x)
            self.index = update
