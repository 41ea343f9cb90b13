"""The names of the kernels, which stand for another one for every kind of model.

They can be called from compiled code only (from anywhere, where that runs as Python). Every kernel
leaves its arguments' arrays alone but for those that its docstring says it writes, and allocates
nothing but for `new_batch` and `new_work`.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from asysim.ground.arrays import Vector
from asysim.jit.compiler import generic
from asysim.random.streams import Words

Matrix: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Array = TypeVar("Array", bound=NDArray[Any])


class KernelProblem(Protocol):
    """What a problem has that there are kernels for."""

    def kernel_model(self) -> Any:
        """Return what the kernels know of it: a named tuple of a class for each kind.

        Arrays are `shared` with the problem, not copied, and read-only. A finite sum has its N,
        `samples`. Where a gradient touches few coordinates, its `most_support(M)` is how many
        `support` may name for a mini-batch, repeats counted, or None if they are not few after all.
        """
        ...


def model_of(problem: Any) -> Any | None:
    """Return what the kernels know of a problem, or None if there are none for its very class."""
    if "kernel_model" not in vars(type(problem)):
        return None
    return problem.kernel_model()


def is_sparse(model: Any) -> bool:
    """Whether a gradient touches few coordinates, which `support` names."""
    return hasattr(model, "most_support") and model.most_support(1) is not None


def most_support(model: Any, batch_size: int) -> int:
    """Return how many coordinates `support` may name for a mini-batch, repeats counted.

    Raises
    ------
    ValueError
        If a gradient of this model is not sparse.
    """
    if not is_sparse(model):
        raise ValueError(f"gradients of a {type(model).__name__} are not sparse")
    return int(model.most_support(batch_size))


def shared(array: Array) -> Array:
    """Return a read-only view: whether an array may be written is part of the compiled type."""
    view: Array = np.require(array, requirements=["C", "A"]).view()
    view.flags.writeable = False
    return view


@generic
def new_batch(model: Any, batch_size: int) -> NDArray[Any]:
    """Return an array for one mini-batch of M samples.

    Row numbers, int64, shape (M,); for the quadratic noise, float64, shape (M, `words`).
    """
    raise NotImplementedError


@generic
def decode(model: Any, raw: Words) -> None:
    """Turn the words of mini-batches, uint64, into samples, where they lie: each takes 8 bytes."""
    raise NotImplementedError


@generic
def draw_batch(model: Any, seed: int, worker: int, draw: int, batch: NDArray[Any]) -> None:
    """Write the mini-batch named (seed, worker, draw) into `batch`, an array of `new_batch`.

    As `Sampler(problem, seed=seed, batch_size=M).batch(worker, draw)`.
    """
    raise NotImplementedError


@generic
def new_work(model: Any, batch_size: int) -> Vector:
    """Return the array that `gradient` computes in; nothing in it outlasts a call of that."""
    raise NotImplementedError


@generic
def gradient(model: Any, x: Vector, batch: NDArray[Any], work: Vector, out: Vector) -> None:
    """Write Σ_m G(x, ξ_m), the SUM over one mini-batch, into `out`; x and `out`: shape (n,)."""
    raise NotImplementedError


@generic
def begin_gradient(model: Any, x: Vector, batch: NDArray[Any], work: Vector) -> None:
    """Do all of `gradient` that needs x: what the rest needs is left in `work`.

    This and the next two exist for perceptrons only.
    """
    raise NotImplementedError


@generic
def finish_gradient(model: Any, work: Vector, out: Vector) -> None:
    """Write into `out` what `gradient` would have; `work` is left alone."""
    raise NotImplementedError


@generic
def descend_gradient(model: Any, work: Vector, x: Vector, step: float, out: Vector) -> bool:
    """Write x − step · gradient into `out`, which may be x; return whether all of it is finite.

    To the bit as `finish_gradient` and then `asysim.replay.space.descend`.
    """
    raise NotImplementedError


@generic
def support(model: Any, batch: NDArray[Any], index: Integers) -> int:
    """Write into `index` which coordinates of x a mini-batch's gradient needs and has entries at.

    Returns how many there are, repeats counted: at most `most_support(model, M)`. This and
    `sparse_gradient` exist for sparse linear models and for factorizations only, and are right only
    where `is_sparse`: code that may meet another model must not call them.
    """
    raise NotImplementedError


@generic
def sparse_gradient(
    model: Any, batch: NDArray[Any], values: Vector, work: Vector, out: Vector
) -> None:
    """Write the gradient's entries at the coordinates that `support` names, in their order.

    Where a coordinate is named twice, the gradient's entry there is the sum of the two.

    Parameters
    ----------
    model, batch, work
        As for `gradient`.
    values
        x at these coordinates, in their order.
    out
        Where to write to, as long.
    """
    raise NotImplementedError
