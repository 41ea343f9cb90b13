"""The curve: loss, ‖∇f‖² and staleness so far, against updates, gradients and seconds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from asysim.errors import first_line
from asysim.ground.arrays import Vector
from asysim.ground.reading import check_regular
from asysim.problems.base import Problem
from asysim.replay.ceiling import Ceiling
from asysim.replay.probe import At, GradientNorm, Loss, Probe, measured
from asysim.replay.state import Divergence, State

if TYPE_CHECKING:
    import pandas as pd


_TYPES: dict[Any, type[np.generic]] = {"int": np.int64, "float": np.float64}
"""Of columns, by the annotations of `Point`."""


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
    """What probes measure at x_k: f and ‖∇f‖²."""

    loss: float
    gradient_norm2: float


PROBES: tuple[Probe, ...] = (Loss(), GradientNorm())
"""What fills the columns of an `Evaluation`."""


def evaluate(problem: Problem, x: Vector, gradient: Vector | None = None) -> Evaluation:
    """Evaluate f and ∇f at x; `gradient`, shape (n,), is overwritten if given."""
    return Evaluation(**measured(PROBES, At(problem, x, gradient)))


@dataclass
class Curve:
    """Evaluates f and ∇f as a replay goes by, and keeps the points.

    Parameters
    ----------
    problem
        The objective.
    cadence
        Updates between two evaluations.
    ceiling
        What the loss must not rise above; None: anything finite will do.
    points
        Those so far.
    sum_due, count_due
        Of ‖∇f‖² over those that were due.
    """

    problem: Problem
    cadence: int
    ceiling: Ceiling | None = None
    points: list[Point] = field(default_factory=list)
    sum_due: float = 0.0
    count_due: int = 0

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
            If the loss or the gradient is not finite; or the loss, whose point is then added, is
            above the ceiling.
        """
        if self.points and self.points[-1].update == state.updates:
            return self.points[-1]
        return self.add(state, evaluate(self.problem, state.x, self._gradient))

    def add(self, state: State, evaluation: Evaluation) -> Point:
        """Add a point that was evaluated before, and return it; its state's x is not needed.

        Raises
        ------
        Divergence
            If the loss or the gradient is not finite; or the loss, whose point is then added, is
            above the ceiling.
        """
        loss, norm2 = evaluation
        if not (math.isfinite(loss) and math.isfinite(norm2)):
            raise Divergence(state.updates - 1, "the loss is not finite")
        if self.due(state):
            self.sum_due += norm2
            self.count_due += 1
        point = Point(
            update=state.updates,
            gradients=state.gradients,
            seconds=state.seconds,
            loss=loss,
            gradient_norm2=norm2,
            mean_gradient_norm2=self.sum_due / self.count_due,
            mean_staleness=state.staleness_sum / max(1, state.applied),
            max_staleness=state.staleness_max,
        )
        self.points.append(point)
        start = self.points[0].loss
        if self.ceiling is not None and self.ceiling.is_passed(start, loss):
            raise Divergence(
                state.updates - 1,
                f"the loss is {loss:.3g}, where it began with {start:.3g} (run.diverged_above)",
            )
        return point


def columns(points: Iterable[Point]) -> dict[str, NDArray[Any]]:
    """Return an array for each attribute of `Point`, by name."""
    rows = list(points)
    return {
        column.name: np.array([getattr(point, column.name) for point in rows], _TYPES[column.type])
        for column in fields(Point)
    }


def points_of(arrays: Mapping[str, NDArray[Any]]) -> list[Point]:
    """Return the points of such arrays."""
    rows = zip(*(arrays[column.name].tolist() for column in fields(Point)), strict=True)
    return [Point(*row) for row in rows]


def frame(points: Iterable[Point]) -> pd.DataFrame:
    """Return points as a pandas table, a column for each attribute of `Point`."""
    import pandas as pd  # takes longer than many a run

    return pd.DataFrame(columns(points))


def save(points: Iterable[Point], path: Path) -> None:
    """Write points to a Parquet file, a column for each attribute of `Point`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from asysim.trace.parquet import to_arrow

    arrays = {name: to_arrow(column) for name, column in columns(points).items()}
    pq.write_table(pa.table(arrays), path)


def load(path: Path) -> tuple[Point, ...] | None:
    """Read points from a Parquet file; None if it has other columns.

    Raises
    ------
    OSError, ValueError
        If there is no such file, it is not Parquet, or holds no evaluations in their order.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_regular(path)
    try:
        with path.open("rb") as file:
            parquet = pq.ParquetFile(file)
            if [(column.name, column.type) for column in parquet.schema_arrow] != _types():
                return None
            table = parquet.read()
    except (pa.ArrowException, MemoryError) as error:
        raise ValueError(first_line(error)) from None
    if any(column.null_count for column in table.columns):
        raise ValueError("a place without a number")
    points = tuple(points_of({name: table.column(name).to_numpy() for name, _ in _types()}))
    last = -1
    for row, point in enumerate(points):
        if not (math.isfinite(point.loss) and math.isfinite(point.gradient_norm2)):
            raise ValueError(f"row {row}: a loss or ‖∇f‖² that is not finite")
        if not (point.update > last and point.gradients >= 0 and point.seconds >= 0):
            raise ValueError(f"row {row}: no evaluation after update {last}")
        last = point.update
    return points


def _types() -> list[tuple[str, Any]]:
    import pyarrow as pa

    return [(c.name, pa.from_numpy_dtype(_TYPES[c.type])) for c in fields(Point)]
