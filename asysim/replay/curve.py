"""The curve: loss, ‖∇f‖² and staleness so far, against updates, gradients and seconds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from asysim.problems.base import Problem, Vector
from asysim.replay.state import Divergence, State

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Point:
    """One evaluation, at x_k.

    Attributes
    ----------
    update
        k.
    gradients
        Gradients disposed of so far, discarded ones included.
    seconds
        Time of the latest update.
    loss
        f(x_k).
    gradient_norm2
        ‖∇f(x_k)‖².
    mean_gradient_norm2
        Its mean over the evaluations so far that are due: what the convergence theorems bound.
    mean_staleness, max_staleness
        Of the gradients applied so far.
    """

    update: int
    gradients: int
    seconds: float
    loss: float
    gradient_norm2: float
    mean_gradient_norm2: float
    mean_staleness: float
    max_staleness: int


class Evaluation(NamedTuple):
    """f(x) and ‖∇f(x)‖²."""

    loss: float
    gradient_norm2: float


def evaluate(problem: Problem, x: Vector, gradient: Vector | None = None) -> Evaluation:
    """Evaluate f and ∇f at x; `gradient`, shape (n,), is overwritten if given."""
    gradient = np.empty(problem.dimension) if gradient is None else gradient
    loss = problem.full_gradient(x, gradient)
    return Evaluation(float(loss), float(np.dot(gradient, gradient)))


@dataclass
class Curve:
    """Evaluates f and ∇f as a replay goes by, and keeps the points.

    Parameters
    ----------
    problem
        The objective.
    cadence
        Updates between two evaluations.
    """

    problem: Problem
    cadence: int
    points: list[Point] = field(default_factory=list)
    _sum: float = 0.0
    _count: int = 0

    def __post_init__(self) -> None:
        self._gradient = np.empty(self.problem.dimension)

    def due(self, state: State) -> bool:
        """Whether x_k is to be evaluated."""
        return state.updates % self.cadence == 0

    def next(self, update: int) -> int:
        """Return the next k after `update` at which x_k is to be evaluated."""
        return (update // self.cadence + 1) * self.cadence

    def record(self, state: State) -> Point:
        """Evaluate x_k, unless that was just done, and return the point.

        Raises
        ------
        Divergence
            If the loss or the gradient is not finite.
        """
        if self.points and self.points[-1].update == state.updates:
            return self.points[-1]
        return self.add(state, evaluate(self.problem, state.x, self._gradient))

    def add(self, state: State, evaluation: Evaluation) -> Point:
        """Add a point that was evaluated before, and return it; its state's x is not needed.

        Raises
        ------
        Divergence
            If the loss or the gradient is not finite.
        """
        loss, norm2 = evaluation
        if not (math.isfinite(loss) and math.isfinite(norm2)):
            raise Divergence(state.updates - 1, "the loss")
        if self.due(state):
            self._sum += norm2
            self._count += 1
        point = Point(
            update=state.updates,
            gradients=state.gradients,
            seconds=state.seconds,
            loss=loss,
            gradient_norm2=norm2,
            mean_gradient_norm2=self._sum / self._count,
            mean_staleness=state.staleness_sum / max(1, state.applied),
            max_staleness=state.staleness_max,
        )
        self.points.append(point)
        return point


def frame(points: Iterable[Point]) -> pd.DataFrame:
    """Return points as a pandas table, a column for each attribute of `Point`."""
    import pandas as pd

    rows = list(points)
    return pd.DataFrame({f.name: [getattr(p, f.name) for p in rows] for f in fields(Point)})


def save(curve: pd.DataFrame, path: Path) -> None:
    """Write a curve to a Parquet file."""
    curve.to_parquet(path, index=False)


def load(path: Path) -> pd.DataFrame:
    """Read a curve from a Parquet file."""
    import pandas as pd

    return pd.read_parquet(path)
