"""What problems share whose sample ξ is a vector of Gaussian numbers, in NumPy and compiled."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asysim.errors import unfit
from asysim.ground.arrays import Vector
from asysim.jit.compiler import implements
from asysim.problems.compiled.generics import Matrix, decode, draw_batch, new_batch
from asysim.random.normal import quantile
from asysim.random.philox import uniform, words
from asysim.random.streams import Purpose, Words, uniforms

_SAMPLE = int(Purpose.SAMPLE)


class GaussianSamples:
    """The part that every problem shares with ξ ~ N(0, s² I): one random word for a coordinate.

    Parameters
    ----------
    words
        How many coordinates ξ has; 0: there is no noise.
    deviation
        s, the standard deviation of one of them.
    """

    def __init__(self, words: int, deviation: float = 1.0) -> None:
        self.words = words
        self.deviation = deviation

    def sample(self, words: Words) -> NDArray[np.float64]:
        """Return the vectors ξ, shape (draws, M, `words`): with no noise they are empty."""
        from scipy.special import ndtri  # takes a while, and compiled gradients don't ask for it

        unit: Vector = ndtri(uniforms(words))
        return unit * self.deviation


class GaussianNoise(GaussianSamples):
    """The part that problems share whose gradient is known but for noise: ξ ~ N(0, σ²/n · I).

    Parameters
    ----------
    dimension
        n.
    noise
        σ ≥ 0. At 0 the gradient is deterministic and a sample takes no random words.

    Raises
    ------
    InputError
        If σ is out of range.
    """

    def __init__(self, dimension: int, noise: float) -> None:
        self.noise = float(noise)
        if not 0 <= self.noise < math.inf:
            raise unfit("noise", str(noise), "a finite standard deviation of 0 or more")
        words = dimension if self.noise > 0 else 0
        super().__init__(words, self.noise / math.sqrt(dimension))

    def add_noise(self, batch: NDArray[np.float64], out: Vector) -> None:
        """Make of ∇f the sum over a mini-batch, shape (n,)."""
        out *= len(batch)
        if self.words:
            out += batch.sum(axis=0)


# Compiled


def gaussian_samples(*models: type) -> None:
    """Have the samples of some models be such vectors, of `words` numbers with a `deviation`."""
    implements(new_batch, *models)(_new_batch)
    implements(decode, *models)(_decode)
    implements(draw_batch, *models)(_draw_batch)


def _new_batch(model: Any, batch_size: int) -> Matrix:
    return np.empty((batch_size, model.words))


def _decode(model: Any, raw: Words) -> None:
    noise = raw.view(np.float64)
    for i in range(raw.size):
        noise[i] = quantile(uniform(raw[i])) * model.deviation


def _draw_batch(model: Any, seed: int, worker: int, draw: int, batch: Matrix) -> None:
    raw = batch.reshape(batch.size).view(np.uint64)
    words(seed, _SAMPLE, worker, draw * batch.size, raw)
    decode(model, raw)
