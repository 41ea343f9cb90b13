"""Laws of τ that are given, not fitted: those of theorems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from asysim.delays.count_laws import CountLaw
from asysim.ground.arrays import Floats, Ints


class Fixed:
    """A law in which nothing is free."""

    @property
    def theta(self) -> Floats:
        return np.zeros(0)

    @property
    def parameters(self) -> dict[str, float]:
        return {}

    def at(self, theta: Floats) -> Self:  # noqa: ARG002
        return self


@dataclass(frozen=True, eq=False)
class Known(Fixed):
    """A law in which nothing is free: that of a theorem.

    Attributes
    ----------
    name
        What it is called.
    law
        The law.
    """

    name: str
    law: CountLaw

    @property
    def mean(self) -> float:
        return self.law.mean

    def log_mass(self, lowest: Ints, highest: Ints) -> Floats:
        return self.law.log_mass(lowest, highest)


@dataclass(frozen=True, eq=False)
class Tabled(Fixed):
    """A law given by its probabilities.

    Attributes
    ----------
    name
        What it is called.
    probabilities
        P(τ = t) for t = 0, 1, …; (length,). What is missing to 1 is at larger t.
    """

    name: str
    probabilities: Floats

    @property
    def mean(self) -> float:
        return float(np.arange(len(self.probabilities)) @ self.probabilities)

    def log_mass(self, lowest: Ints, highest: Ints) -> Floats:
        length = len(self.probabilities)
        reached = np.concatenate([[0.0], np.cumsum(self.probabilities)])
        # The rest may be anywhere beyond, so that nothing there is impossible.
        rest = max(0.0, 1 - float(reached[-1]))
        low, high = np.minimum(lowest, length), np.minimum(highest, length - 1) + 1
        mass = reached[high] - reached[low] + np.where(highest >= length, rest, 0.0)
        with np.errstate(divide="ignore"):
            result: Floats = np.log(mass)
        return result
