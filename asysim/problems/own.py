"""What an objective of one's own has to be like, said before anything is computed of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from asysim.errors import Fault, InputError, unfit
from asysim.problems.base import Problem
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
    if type(problem).__module__.startswith("asysim."):
        return problem
    _check_members(problem)
    n = problem.dimension
    x = np.asarray(problem.start())
    if x.shape != (n,) or x.dtype != np.float64:
        raise _unfit("start", f"an array {x.dtype} of shape {x.shape}", f"float64, ({n},)")
    words = WordSource(seed).words(Purpose.SAMPLE, 0, 0, problem.words)
    batch = problem.sample(words.reshape(1, 1, problem.words))[0]
    out = np.full(n, np.nan)
    problem.gradient(x, batch, out)
    if np.isnan(out).all():
        raise _unfit("gradient", "out as it was, or all nan", "written into: out[:] = …")
    return problem


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
