"""What the runs of an escape study are to leave: a ball around a saddle, or around their start."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from asysim.errors import unfit
from asysim.ground.arrays import Vector
from asysim.problems.base import CriticalPoint, Problem
from asysim.problems.own import points_known_of
from asysim.scenario import Scenario


class Goal(NamedTuple):
    """What a run is to leave.

    Attributes
    ----------
    center
        The saddle, or where the run begins; shape (n,).
    radius
        R.
    point
        The stationary point, if it is a known one: of an orbit, the distance is that from all of
        it.
    """

    center: Vector
    radius: float
    point: CriticalPoint | None

    def distance(self, x: Vector) -> float:
        """Return how far x is."""
        if self.point is not None:
            return float(self.point.distance(x))
        return float(np.linalg.norm(x - self.center))

    @property
    def is_one_point(self) -> bool:
        """Whether there is nothing to leave but the centre: no orbit, no flat direction."""
        away = np.random.default_rng(0).normal(size=(4, self.center.size))
        lengths = [float(np.linalg.norm(one)) for one in away]
        return all(
            abs(self.distance(self.center + one) - length) < 1e-9 * length
            for one, length in zip(away, lengths, strict=True)
        )


def goal_of(scenario: Scenario, problem: Problem) -> Goal:
    """Return what the runs of a scenario are to leave.

    Raises
    ------
    InputError
        If no saddle is known and no radius given, the saddle asked for is not known, f does not
        fall away from it, or the start is farther than R from it.
    """
    settings = scenario.escape
    asked = None if settings is None else settings.saddle
    radius = None if settings is None else settings.radius
    points = points_known_of(problem, problem.dimension)
    start = problem.start()
    point = _chosen(points, asked, start)
    if point is None:
        if radius is None:
            raise unfit(
                "escape.radius", "none, and the problem knows no saddle",
                "given: then the time until x is so far from its start is told",
            )  # fmt: skip
        return Goal(start, radius, None)
    if radius is None:
        others = [point.distance(other.point) for other in points if other is not point]
        radius = min((far for far in others if far > 0), default=2.0) / 2
    goal = Goal(point.point, radius, point)
    far = goal.distance(start)
    if far > radius:
        raise unfit(
            "escape.radius", f"{radius:g}", f"more than {far:g}, the distance from the saddle "
            f"{point.name!r} at which runs begin",
        )  # fmt: skip
    return goal


def _chosen(
    points: tuple[CriticalPoint, ...], asked: str | None, start: Vector
) -> CriticalPoint | None:
    if asked is not None:
        named = [point for point in points if point.name == asked]
        if not named:
            known = ", ".join(repr(point.name) for point in points) or "none: leave it out"
            raise unfit("escape.saddle", repr(asked), f"one of those known: {known}")
        chosen = named[0]
    elif not points:
        return None
    else:
        saddles = [point for point in points if point.is_saddle] or list(points)
        chosen = min(saddles, key=lambda point: point.distance(start))
    if not chosen.is_saddle:
        raise unfit(
            "escape.saddle", f"{chosen.name!r}, where the least curvature is "
            f"{chosen.least_curvature:g}", "a saddle: nothing leaves a minimum by itself; give "
            "problem.eigenvalues, say, of which one is negative",
        )  # fmt: skip
    return chosen
