"""The curve: loss, ‖∇f‖² and staleness so far, against updates, gradients and seconds.

Whatever is measured at x comes from probes; a column more is a probe more.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from asysim.ground.arrays import Vector, read_only
from asysim.ground.outside import is_own
from asysim.problems.base import Problem
from asysim.replay.ceiling import Ceiling
from asysim.replay.probe import At, GradientNorm, Loss, Probe, RememberingProbe, measured
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
    more
        The columns of other probes, with their names; `math.nan` where one did not take part.
    """

    update: int
    gradients: int
    seconds: float
    loss: float
    gradient_norm2: float
    mean_gradient_norm2: float
    mean_staleness: float
    max_staleness: int
    more: tuple[tuple[str, float], ...] = ()


_TYPES: dict[Any, type[np.generic]] = {"int": np.int64, "float": np.float64}
COLUMNS = {column.name: _TYPES[column.type] for column in fields(Point) if column.name != "more"}
"""Of every curve, in order, with their types; those of other probes come after, and are floats."""


_NOWHERE = Point(0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0)


class Evaluation(NamedTuple):
    """What probes measure at x_k: f, ‖∇f‖², and the columns of others with their names."""

    loss: float
    gradient_norm2: float
    more: tuple[tuple[str, float], ...] = ()

    @property
    def is_finite(self) -> bool:
        """Whether f and ‖∇f‖² are."""
        return math.isfinite(self.loss) and math.isfinite(self.gradient_norm2)


PROBES: tuple[Probe, ...] = (Loss(), GradientNorm())
"""What every curve has."""


def evaluate(
    problem: Problem, x: Vector, gradient: Vector | None = None, probes: Collection[Probe] = ()
) -> Evaluation:
    """Evaluate f and ∇f at x, and probes besides unless these are not finite.

    Parameters
    ----------
    problem, x
        f, and the point, shape (n,).
    gradient
        Shape (n,), overwritten if given.
    probes
        Those that take part, besides `PROBES`.
    """
    at = At(problem, read_only(x) if is_own(problem) else x, gradient)
    found = Evaluation(**measured(PROBES, at), more=())
    if not found.is_finite or not probes:
        return found
    return found._replace(more=tuple(measured(probes, at.guarded()).items()))


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
    probes
        Whose columns it has besides; they are copied.
    octave
        If given, so many evaluations whenever k doubles, in place of the cadence: what changes fast
        at the start is not missed, nor a long run evaluated too often.
    """

    problem: Problem
    cadence: int
    ceiling: Ceiling | None = None
    points: list[Point] = field(default_factory=list)
    sum_due: float = 0.0
    count_due: int = 0
    probes: tuple[Probe, ...] = ()
    octave: int | None = None

    def __post_init__(self) -> None:
        self._gradient = np.empty(self.problem.dimension)
        self.probes = copy.deepcopy(self.probes)
        self._names = [name for probe in self.probes for name in probe.names]

    def memory(self) -> dict[str, NDArray[Any]]:
        """Return what its probes remember, which goes on changing."""
        return {
            f"{i}.{name}": array
            for i, probe in enumerate(self.probes)
            if isinstance(probe, RememberingProbe)
            for name, array in probe.memory().items()
        }

    def recall(self, memory: Mapping[str, NDArray[Any]]) -> None:
        """Begin with what the probes of another one remembered."""
        for i, probe in enumerate(self.probes):
            if isinstance(probe, RememberingProbe):
                begin = f"{i}."
                own = {k.removeprefix(begin): v for k, v in memory.items() if k.startswith(begin)}
                probe.recall({name: array.copy() for name, array in own.items()})

    def due(self, state: State) -> bool:
        """Whether x_k is to be evaluated."""
        return state.updates % self._spacing(state.updates) == 0

    def next(self, update: int) -> int:
        """Return the next k after `update` at which x_k is to be evaluated."""
        spacing = self._spacing(update)
        return (update // spacing + 1) * spacing

    def _spacing(self, update: int) -> int:
        if self.octave is None:
            return self.cadence
        return max(1, (1 << update.bit_length() >> 1) // self.octave)

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
        return self.add(state, self.evaluate(state.updates, state.x))

    def evaluate(self, update: int, x: Vector) -> Evaluation:
        """Return what is measured at x_k: in the order of k, since probes may remember."""
        number, rest = divmod(update, self.cadence)
        taking_part = [
            probe for probe in self.probes if probe.every == 1 or not (rest or number % probe.every)
        ]
        return evaluate(self.problem, x, self._gradient, taking_part)

    def add(self, state: State, evaluation: Evaluation) -> Point:
        """Add a point that was evaluated before, and return it; its state's x is not needed.

        Raises
        ------
        Divergence
            If the loss or the gradient is not finite; or the loss, whose point is then added, is
            above the ceiling.
        """
        loss, norm2, more = evaluation
        if not evaluation.is_finite:
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
            more=_named(self._names, dict(more)),
        )
        self.points.append(point)
        start = self.points[0].loss
        if self.ceiling is not None and self.ceiling.is_passed(start, loss):
            raise Divergence(
                state.updates - 1,
                f"the loss is {loss:.3g}, where it began with {start:.3g} (run.diverged_above)",
            )
        return point


def _named(names: Iterable[str], numbers: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """Return a number for each name, `math.nan` itself if there is none: so it equals itself."""
    found = ((name, float(numbers.get(name, math.nan))) for name in names)
    return tuple((name, math.nan if math.isnan(number) else number) for name, number in found)


def more_of(points: Iterable[Point]) -> tuple[str, ...]:
    """Return the names of the columns of other probes."""
    return tuple(name for name, _ in next(iter(points), _NOWHERE).more)


def with_more(points: Iterable[Point], known: Iterable[Point]) -> tuple[Point, ...]:
    """Return points with the columns besides that other ones have, as far as they have them."""
    points, known = tuple(points), tuple(known)
    names = [name for name in more_of(known) if name not in more_of(points)]
    found = {point.update: dict(point.more) for point in known}
    return tuple(
        replace(point, more=(*point.more, *_named(names, found.get(point.update, {}))))
        for point in points
    )


def columns(points: Iterable[Point]) -> dict[str, NDArray[Any]]:
    """Return an array for each column, by name: `COLUMNS`, then those of other probes."""
    rows = list(points)
    found: dict[str, NDArray[Any]] = {
        name: np.array([getattr(point, name) for point in rows], kind)
        for name, kind in COLUMNS.items()
    }
    for i, (name, _) in enumerate(rows[0].more if rows else ()):
        found[name] = np.array([point.more[i][1] for point in rows], np.float64)
    return found


def points_of(arrays: Mapping[str, NDArray[Any]]) -> list[Point]:
    """Return the points of such arrays."""
    rows = zip(*(arrays[name].tolist() for name in COLUMNS), strict=True)
    points = [Point(*row) for row in rows]
    own = [name for name in arrays if name not in COLUMNS]
    if not own:
        return points
    found = zip(*(arrays[name].tolist() for name in own), strict=True)
    return [
        replace(point, more=_named(own, dict(zip(own, numbers, strict=True))))
        for point, numbers in zip(points, found, strict=True)
    ]


def frame(points: Iterable[Point]) -> pd.DataFrame:
    """Return points as a pandas table, of the columns of `columns`."""
    import pandas as pd  # takes longer than many a run

    return pd.DataFrame(columns(points))
