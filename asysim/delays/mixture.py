"""Mixtures of laws of whole numbers; what exponential workers of several speeds have is one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asysim.delays.block_counts import BlockCounts
from asysim.delays.count_laws import CountLaw, Geometric, Poisson
from asysim.ground.arrays import Floats, Ints

_STEPS = 60  # of EM: near enough for a search by derivatives to go on
_LEAST_MEAN = 1e-3  # of a component at the start, so that it can go anywhere


@dataclass(frozen=True)
class Mixture:
    """Σ weight_i · law_i.

    Attributes
    ----------
    weights
        Above 0, 1 together.
    laws
        As many, all of one kind.
    """

    weights: tuple[float, ...]
    laws: tuple[CountLaw, ...]

    @property
    def name(self) -> str:
        return f"mixture of {len(self.laws)} {self.laws[0].name}"

    @property
    def theta(self) -> Floats:
        logits = np.log(self.weights[1:]) - np.log(self.weights[0])
        return np.concatenate([logits, *(law.theta for law in self.laws)])

    @property
    def parameters(self) -> dict[str, float]:
        told: dict[str, float] = {}
        for i, (weight, law) in enumerate(zip(self.weights, self.laws, strict=True), 1):
            told[f"weight {i}"] = weight
            told |= {f"{name} {i}": value for name, value in law.parameters.items()}
        return told

    @property
    def mean(self) -> float:
        return sum(w * law.mean for w, law in zip(self.weights, self.laws, strict=True))

    def at(self, theta: Floats) -> Mixture:
        free = len(self.laws) - 1
        logits = np.clip(np.concatenate([[0.0], theta[:free]]), -200.0, 200.0)
        weights = np.exp(logits - logits.max())
        weights = np.maximum(weights / weights.sum(), 1e-300)
        laws = []
        for law in self.laws:
            laws.append(law.at(theta[free : free + len(law.theta)]))
            free += len(law.theta)
        return Mixture(tuple(weights.tolist()), tuple(laws))

    def log_mass(self, lowest: Ints, highest: Ints) -> Floats:
        each = self._each(lowest, highest)
        most = each.max(axis=0)
        result: Floats = most + np.log(np.exp(each - most).sum(axis=0))
        return result

    def _each(self, lowest: Ints, highest: Ints) -> Floats:
        return np.stack([
            np.log(w) + law.log_mass(lowest, highest)
            for w, law in zip(self.weights, self.laws, strict=True)
        ])  # fmt: skip

    def improved(self, blocks: BlockCounts) -> Mixture:
        """Return the mixture after one step of EM (Dempster, Laird & Rubin 1977)."""
        each = self._each(blocks.lowest, blocks.highest)
        part = np.exp(each - each.max(axis=0))
        part *= blocks.total / part.sum(axis=0)
        whole = np.maximum(part.sum(axis=1), 1e-300)
        means = np.maximum(part @ blocks.middle / whole, 1e-9)
        laws = tuple(law.at(np.log([m])) for law, m in zip(self.laws, means, strict=True))
        return Mixture(tuple((whole / whole.sum()).tolist()), laws)


def started(kind: type[Geometric] | type[Poisson], count: int, blocks: BlockCounts) -> Mixture:
    """Return the best mixture that a few steps of EM come to, from each of several starts.

    Parameters
    ----------
    kind
        Of what laws.
    count
        Of how many.
    blocks
        What it is fitted to.
    """
    best: tuple[float, Mixture] | None = None
    for means in _starts(count, blocks):
        laws = tuple(kind(max(float(m), _LEAST_MEAN)) for m in means)
        mixture = Mixture((1 / count,) * count, laws)
        for _ in range(_STEPS):
            mixture = mixture.improved(blocks)
        reached = float(blocks.total @ mixture.log_mass(blocks.lowest, blocks.highest))
        if best is None or reached > best[0]:
            best = reached, mixture
    assert best is not None
    order = np.argsort([law.mean for law in best[1].laws])
    return Mixture(*(tuple(of[i] for i in order) for of in (best[1].weights, best[1].laws)))


def _starts(count: int, blocks: BlockCounts) -> list[Floats]:
    """Return means of components to start with: of equal shares of the τ, and spread about all."""
    so_far = (np.cumsum(blocks.total) - blocks.total / 2) / blocks.observations
    share = np.minimum((so_far * count).astype(np.int64), count - 1)
    number = np.bincount(share, blocks.total, count)
    totals = np.bincount(share, blocks.total * blocks.middle, count)
    parts = np.where(number > 0, totals / np.maximum(number, 1), blocks.mean)
    return [parts, blocks.mean * 3.0 ** np.linspace(-1, 1, count)]


def speeds_behind(law: CountLaw) -> tuple[tuple[float, float], ...]:
    """Return of each speed how many workers there are and the share of the updates of each.

    That is if τ are of exponential workers, whose law is geometric or a mixture of geometric ones:
    n workers that make the part q of all updates each have the weight nq in it. Then the numbers
    are whole ones, but for chance. Nothing for other laws.
    """
    parts: tuple[CountLaw, ...] = law.laws if isinstance(law, Mixture) else (law,)
    weights = law.weights if isinstance(law, Mixture) else (1.0,)
    shares = [part.q for part in parts if isinstance(part, Geometric)]
    if len(shares) < len(parts):
        return ()
    return tuple((weight / q, q) for weight, q in zip(weights, shares, strict=True))
