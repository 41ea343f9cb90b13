"""What an objective of one's own has to be like, said before anything is computed of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from asysim.errors import Fault, InputError, found_as, unfit
from asysim.ground.arrays import Vector, read_only
from asysim.ground.outside import is_own
from asysim.problems.base import CriticalPoint, MappedProblem, Problem, TwiceDifferentiable
from asysim.random.streams import Purpose, WordSource

_METHODS = ("start", "sample", "gradient", "value", "full_gradient", "constants")
_WHERE = "problem of your own"


def checked(problem: Problem, seed: int) -> Problem:
    """Return an objective, if it has what `Problem` asks for and its gradient is written.

    What the package has itself is trusted. Of any other one gradient is computed, at x_1, of the
    sample that worker 0 draws first; what the objective raises goes through.

    Raises
    ------
    InputError
        Naming the member that is missing, or what it gave and should have given.
    """
    if not is_own(problem):
        return problem
    _check_members(problem)
    n = problem.dimension
    x = np.asarray(problem.start())
    if x.shape != (n,) or x.dtype != np.float64:
        raise _unfit("start", f"an array {x.dtype} of shape {x.shape}", f"float64, ({n},)")
    x = read_only(x)
    words = WordSource(seed).words(Purpose.SAMPLE, 0, 0, problem.words)
    batch = problem.sample(words.reshape(1, 1, problem.words))[0]
    out = np.full(n, np.nan)
    problem.gradient(x, batch, out)
    if np.isnan(out).all():
        raise _unfit("gradient", "out as it was, or all nan", "written into: out[:] = …")
    return problem


def named(problem: object, kind: str) -> str:
    """Return what a person calls an objective: by a scenario's kind, or the class of one's own."""
    return f"problem={type(problem).__name__}(…)" if is_own(problem) else f'problem.kind = "{kind}"'


def product_of(problem: TwiceDifferentiable, x: Vector, direction: Vector) -> Vector:
    """Return ∇²f(x)·v of an objective, shape (n,).

    Raises
    ------
    InputError
        If that is not what it returns.
    """
    own = is_own(problem)
    product = problem.hvp(read_only(x) if own else x, direction)
    if own and not (
        isinstance(product, np.ndarray)
        and product.shape == direction.shape
        and product.dtype.kind in "fiu"
    ):
        wanted = f"∇²f(x)·v, an array of shape {direction.shape}"
        raise _unfit("hvp", f"{found_as(product)} from {type(problem).__name__}", wanted)
    return product


def points_known_of(problem: object, n: int) -> tuple[CriticalPoint, ...]:
    """Return the stationary points that an objective of n coordinates says it knows, if any.

    Raises
    ------
    InputError
        If what it says is something else.
    """
    if not isinstance(problem, MappedProblem):
        return ()
    points: object = problem.critical_points()
    wanted = f"a sequence of {CriticalPoint.__module__}.CriticalPoint, each at a point of shape "
    if not isinstance(points, Sequence) or isinstance(points, str):
        raise _unfit("critical_points", found_as(points), f"{wanted}({n},)")
    for point in points:
        place: Any = getattr(point, "point", None)
        if not isinstance(point, CriticalPoint) or np.shape(place) != (n,):
            at = f" at {found_as(place)}" if isinstance(point, CriticalPoint) else ""
            raise _unfit("critical_points", f"{found_as(point)}{at}", f"{wanted}({n},)")
    return tuple(points)


def _check_members(problem: Any) -> None:
    if isinstance(problem, type):
        name = problem.__name__
        raise InputError(Fault("problem", f"the class {name}", f"should be {name}(…)", _WHERE))
    for name, least in (("dimension", 1), ("words", 0)):
        number = getattr(problem, name, None)
        if not (isinstance(number, int | np.integer) and number >= least):
            raise _unfit(name, "nothing" if number is None else repr(number), f"int ≥ {least}")
    for name in _METHODS:
        if not callable(getattr(problem, name, None)):
            raise _unfit(name, "nothing to call", f"a method, as of {Problem.__module__}.Problem")


def _unfit(member: str, found: str, wanted: str) -> InputError:
    return unfit(f"problem.{member}", found, wanted, _WHERE)
