"""Whether a point with a small gradient is a minimum, as far as the problem can tell."""

from __future__ import annotations

from asysim.ground.arrays import Vector
from asysim.problems.base import Problem, curvature_of

_NEAR = 1e-3  # of the way down: so far above f* a run may be, and still count as at the minimum
_BESIDES = "‖∇f‖² is small at a saddle too: set run.target_loss as well"


def doubt(problem: Problem, x: Vector, loss: float, start: float) -> str:
    """Return one sentence if x, where ‖∇f‖² is small, may be no minimum; else nothing.

    Parameters
    ----------
    problem
        f, of which `curvature` or the least value may be known.
    x
        The point, shape (n,).
    loss, start
        f(x) and f(x_1).
    """
    low, high = curvature_of(problem, x)
    if high < 0:
        most = "" if low == high else " or less"
        return (
            f"where it ends is, or is near, a stationary point that is no minimum: the least "
            f"curvature of f there is {high:.3g}{most}. {_BESIDES}"
        )
    if low >= 0:
        return ""
    least = problem.constants().minimum
    if least is None:
        return f"{_BESIDES}; nothing is known here of the curvature of f"
    if loss - least <= _NEAR * (start - least) and start > loss:
        return ""
    return f"f is {loss - least:.3g} above its least value where it ends. {_BESIDES}"
