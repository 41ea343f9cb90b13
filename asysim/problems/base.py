"""What replay asks of an objective f(x) = E F(x, ξ): a sample by name, a gradient, a value."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from asysim.ground.arrays import Ints, Vector
from asysim.random.streams import Words, indices


@dataclass(frozen=True)
class Constants:
    """What the theory wants to know of an objective; None where it does not exist or is not known.

    Parameters
    ----------
    lipschitz
        L: the gradient of f is L-Lipschitz.
    variance
        σ²: an upper bound of E‖G(x, ξ) − ∇f(x)‖² over all x, for one sample ξ.
    minimum
        f*: the least value of f.
    hessian_lipschitz
        ρ: the Hessian of f is ρ-Lipschitz in the spectral norm.
    coordinate_lipschitz
        L_max: along each single coordinate the gradient's entry there is L_max-Lipschitz.

    Notes
    -----
    L, ρ and σ² hold on all of space, or, where they can't, on a region that the docstring of the
    problem's `constants` names.
    """

    lipschitz: float | None = None
    variance: float | None = None
    minimum: float | None = None
    hessian_lipschitz: float | None = None
    coordinate_lipschitz: float | None = None


class Problem(Protocol):
    """An objective. Any object with these members will do; nothing has to be inherited.

    Attributes
    ----------
    dimension
        n, the length of x.
    words
        How many 64-bit random words name one sample ξ (0: the gradient is deterministic).
    """

    @property
    def dimension(self) -> int: ...

    @property
    def words(self) -> int: ...

    def start(self) -> Vector:
        """Return the first iterate x_1 of the papers, shape (n,), the caller's to change."""
        ...

    def sample(self, words: Words) -> Any:
        """Turn words, shape (draws, M, `words`), into a sequence of `draws` mini-batches."""
        ...

    def gradient(self, x: Vector, batch: Any, out: Vector) -> None:
        """Write Σ_m G(x, ξ_m), the SUM over one mini-batch, into `out`, shape (n,)."""
        ...

    def value(self, x: Vector) -> float:
        """Return f(x)."""
        ...

    def full_gradient(self, x: Vector, out: Vector) -> float:
        """Write ∇f(x) into `out`, shape (n,), and return f(x)."""
        ...

    def constants(self) -> Constants:
        """Return L, σ² and f* as far as they are known; may take a while the first time."""
        ...


class Curvature(NamedTuple):
    """Two numbers between which the least eigenvalue of ∇²f(x) lies."""

    low: float = -math.inf
    high: float = math.inf


@runtime_checkable
class CurvedProblem(Protocol):
    """What a problem may offer besides: what it knows of its second derivatives.

    Where ∇f(x) is close to 0, `high` < 0 tells a saddle or a maximum; and `low` ≥ 0 everywhere, as
    for a convex f, that there are none.
    """

    def curvature(self, x: Vector) -> Curvature:
        """Return what is known of the least eigenvalue of ∇²f(x)."""
        ...


@runtime_checkable
class TwiceDifferentiable(Protocol):
    """What a problem may offer besides: its second derivatives along a direction."""

    def hvp(self, x: Vector, direction: Vector) -> Vector:
        """Return ∇²f(x)·v for a direction v, shape (n,); a new array."""
        ...


@dataclass(frozen=True)
class CriticalPoint:
    """A point, or a set of equivalent ones, where ∇f is 0 and the least curvature is known.

    Parameters
    ----------
    name
        A few words for tables and pictures, such as ``rank 1``.
    point
        The point, shape (n,); one of the set, if f is the same along an orbit.
    least_curvature
        λ_min of ∇²f there, in closed form.
    distance
        The Euclidean distance of an x, shape (n,), from the point, or from the set.
    """

    name: str
    point: Vector
    least_curvature: float
    distance: Callable[[Vector], float]

    @property
    def is_saddle(self) -> bool:
        """Whether f falls away from here in some direction (a maximum counts: it is strict)."""
        return self.least_curvature < 0


@runtime_checkable
class MappedProblem(Protocol):
    """What a problem may offer besides: stationary points of f that are known."""

    def critical_points(self) -> tuple[CriticalPoint, ...]:
        """Return those that are known, not necessarily all."""
        ...


@runtime_checkable
class DivisibleProblem(Protocol):
    """What a mean of N terms may offer besides: the mean of some of them.

    Attributes
    ----------
    samples
        N.
    """

    @property
    def samples(self) -> int: ...

    def part(self, rows: Ints) -> TwiceDifferentiable:
        """Return the mean of those terms alone, 0 … N − 1; shape (count,)."""
        ...


def curvature_of(problem: Problem, x: Vector) -> Curvature:
    """Return what a problem knows of the least eigenvalue of ∇²f(x): perhaps nothing."""
    return problem.curvature(x) if isinstance(problem, CurvedProblem) else Curvature()


@runtime_checkable
class DeferringProblem(Protocol):
    """What a problem may offer besides: gradients in two steps, of which only the first needs x.

    Where many workers' gradients wait to be applied, it is what the first step returns that
    waits. For a network that is its layers' values and errors over the mini-batch: of the
    gradient's products of the two, a small part of the size.
    """

    def defers(self, batch_size: int) -> bool:
        """Whether what `begin_gradient` returns takes less memory than a gradient."""
        ...

    def begin_gradient(self, x: Vector, batch: Any) -> Any:
        """Do all that needs x, and return what `finish_gradient` needs."""
        ...

    def finish_gradient(self, begun: Any, out: Vector) -> None:
        """Write into `out` what `gradient` would have written, to the bit; called once."""
        ...


@runtime_checkable
class DescendingProblem(DeferringProblem, Protocol):
    """What a deferring problem may offer besides: the second step and an update in one.

    So a gradient that nobody asks for by itself is never written to memory.
    """

    def descend(self, begun: Any, x: Vector, step: float, out: Vector) -> bool:
        """Write x − step · gradient into `out`, which may be x, instead of `finish_gradient`.

        To the bit what `finish_gradient` and then, in NumPy, ``x - step * gradient`` would come
        to. Returns whether all of it is finite. Called once.
        """
        ...


@runtime_checkable
class BatchedProblem(Protocol):
    """What a problem may offer besides: several gradients at once, each at an x of its own.

    Simulated workers compute at the same time, so of the gradients whose x is known there are
    usually many that have yet to be computed.

    Attributes
    ----------
    together
        How many at once are best; it may be asked for fewer, down to 2, or more.
    """

    @property
    def together(self) -> int: ...

    def gradients(
        self, xs: Sequence[Vector], batches: Sequence[Any], outs: Sequence[Vector]
    ) -> None:
        """Write into each of `outs` what `gradient` would have, but for rounding.

        xs and outs are as many vectors of shape (n,) as there are mini-batches. Some of xs may be
        the same vector.
        """
        ...


class FiniteSum:
    """The part that every f(x) = (1/N) Σ_i F_i(x) shares: a sample is the index of one of N terms.

    Parameters
    ----------
    samples
        N, the number of terms.
    """

    words = 1

    def __init__(self, samples: int) -> None:
        self.samples = samples

    def sample(self, words: Words) -> NDArray[np.int64]:
        """Return row numbers uniform on 0 … N − 1 with replacement, shape (draws, M)."""
        return indices(words[..., 0], self.samples)


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
