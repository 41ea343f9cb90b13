"""Isotropic noise in every update: x_{k+1} = x_k − γ_k (v_{k+1} + ζ_k), to leave saddles by.

Ge, Huang, Jin & Yuan, Escaping From Saddle Points, COLT 2015, arXiv 1503.02101 (uniform on a
sphere); Jin, Netrapalli, Ge, Kakade & Jordan, On Nonconvex Optimization for Machine Learning,
Journal of the ACM 68(2), 2021, arXiv 1902.04811 (Gaussian). As in both, the noise stands beside
the gradient, so that γ_k scales it, too. Where it is added to x itself, as in Jin, Ge, Netrapalli,
Kakade & Jordan, How to Escape Saddle Points Efficiently, ICML 2017, arXiv 1703.00887 (at times, and
uniform on a ball), divide that paper's radius by γ.

γ multiplies the SUM over a mini-batch, and ζ with it. For the mean over M samples, and the papers'
step η = Mγ, the noise is ζ/M: one update has the variance σ²/M + s²/M².
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np

from asysim.errors import unfit
from asysim.ground.arrays import Vector
from asysim.ground.ranges import Count, Positive
from asysim.ground.table import Table
from asysim.jit.compiler import compiled
from asysim.random.normal import quantile
from asysim.random.philox import uniform, words
from asysim.random.streams import Purpose, Words, WordSource

PAPERS = {
    "gaussian": ("ge2015escaping", "jin2021nonconvex"),
    "ball": ("ge2015escaping", "jin2017escape"),
}


class Perturbation(Table):
    """Noise ζ_k beside the gradients of an update: x −= γ_k (v + ζ_k) (asysg-con only)."""

    kind: Literal["gaussian", "ball"]
    """normal, or uniform on a ball around 0; both without a direction of their own"""
    scale: Positive
    """s: root of E‖ζ‖², on the scale of the SUM over a mini-batch, whatever the dimension n; a ball
    of radius s·√((n + 2)/n), or N(0, s²/n · I)"""
    every: Count = 1
    """updates 0, every, 2·every, … have noise; 1: all have"""

    @property
    def papers(self) -> tuple[str, ...]:
        """Keys of ``papers.bib``: whose method it is."""
        return PAPERS[self.kind]

    def rule(self) -> Noise:
        """Return what draws the noise."""
        return Noise(self.scale, self.kind == "ball", self.every)


class Noise(NamedTuple):
    """What draws ζ_k, which the seed and k name: no executor, order or backend changes a bit of it.

    Attributes
    ----------
    scale
        s, the root of E‖ζ‖²; 0: there is none.
    ball
        Whether it is uniform on the ball of radius s √((n + 2)/n), which has this E‖ζ‖²; otherwise
        it is N(0, s²/n · I).
    every
        Updates 0, every, 2 · every, … have noise.
    """

    scale: float = 0.0
    ball: bool = False
    every: int = 1

    def check(self) -> None:
        """Raise InputError if a number is out of range."""
        if not 0 <= self.scale < math.inf:
            raise unfit("perturbation.scale", str(self.scale), "a finite number of 0 or more")
        if self.every < 1:
            raise unfit("perturbation.every", str(self.every), "1 or more")


class Perturber:
    """Adds ζ_k in NumPy's world, with the numbers of `perturb` to the bit.

    Parameters
    ----------
    noise
        Its law.
    seed
        Names it, together with k.
    """

    def __init__(self, noise: Noise, seed: int) -> None:
        self._noise, self._source = noise, WordSource(seed)

    def __call__(self, vector: Vector, update: int) -> None:
        """Add the noise of an update to a vector of shape (n,), in place."""
        if update % self._noise.every == 0:
            count = word_count(vector.size, self._noise)
            raw = self._source.words(Purpose.PERTURBATION, 0, update * count, count)
            add_noise(vector, raw, self._noise)


# Compiled

_PURPOSE = int(Purpose.PERTURBATION)


@compiled
def word_count(dimension: int, noise: Noise) -> int:
    """Return how many random words name the noise of one update."""
    return dimension + 1 if noise.ball else dimension


@compiled
def add_noise(vector: Vector, raw: Words, noise: Noise) -> None:
    """Add the noise that words name to a vector; the words are lost.

    On a ball: in the direction of a Gaussian vector, at a distance of U^{1/n} radii.
    """
    n = vector.size
    normal = raw.view(np.float64)
    length = 0.0
    distance = uniform(raw[n]) if noise.ball else 1.0
    for i in range(n):
        normal[i] = quantile(uniform(raw[i]))
        length += normal[i] * normal[i]
    if noise.ball:
        radius = noise.scale * math.sqrt((n + 2) / n)
        factor = radius * distance ** (1.0 / n) / math.sqrt(length)
    else:
        factor = noise.scale / math.sqrt(n)
    for i in range(n):
        vector[i] += factor * normal[i]


@compiled
def perturb(vector: Vector, seed: int, update: int, noise: Noise) -> None:
    """Add the noise of an update to a vector, for a seed in [0, 2**64)."""
    if update % noise.every == 0:
        raw = np.empty(word_count(vector.size, noise), np.uint64)
        words(seed, _PURPOSE, 0, update * raw.size, raw)
        add_noise(vector, raw, noise)
