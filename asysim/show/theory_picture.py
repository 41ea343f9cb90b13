"""Both papers' theory as a picture: bounds over the run's own mean, and workers against K."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from asysim.ground.arrays import Floats
from asysim.replay.curve import columns
from asysim.show.picture import BLUE, GREEN, GREY, ORANGE, RED, Picture, new_picture, save_picture
from asysim.theory.limits import ORDERS
from asysim.theory.lock_free import LockFree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from asysim.replay.curve import Point
    from asysim.theory.assessment import Assessment

_AT = 200  # lengths for which a bound is drawn
_AROUND = 100.0  # how far the lengths that workers are drawn against go, either way


def picture(found: Assessment, points: Sequence[Point] = ()) -> Picture:
    """Draw an assessment, and the curve of the run that it is of, if it is of one."""
    figure, (norms, people) = new_picture(1, 2, (11.5, 4.4))
    _norms(norms, found, points)
    _people(people, found)
    name = f"{found.scenario.name}, p = {found.scenario.workers.count}"
    figure.suptitle(f"{name}, T = {found.staleness.bound}: condition {found.verdict.word}",
                    fontsize=11)  # fmt: skip
    return figure


def running_mean(found: Assessment, points: Sequence[Point]) -> tuple[Floats, Floats]:
    """Return k, and the mean of ‖∇f‖² over the evaluations before it, weighed by γ.

    An evaluation stands for the updates until the next, as those between were not looked at.
    """
    curve = columns([point for point in points if point.update <= found.updates])
    starts, norms = curve["update"][:-1], curve["gradient_norm2"][:-1]
    ends = curve["update"][1:]
    if isinstance(found.step, np.ndarray):
        length = np.concatenate([[0.0], np.cumsum(found.step)])
    else:
        length = np.arange(found.updates + 1, dtype=np.float64)
    weights = length[ends] - length[starts]
    return ends.astype(np.float64), np.cumsum(weights * norms) / np.cumsum(weights)


def save(found: Assessment, path: Path, points: Sequence[Point] = ()) -> Path:
    """Write the picture as PNG and return its path."""
    return save_picture(picture(found, points), path)


def _norms(axes: Axes, found: Assessment, points: Sequence[Point]) -> None:
    at = np.unique(np.geomspace(1, found.updates, _AT).astype(np.int64))
    if len(points) > 1:
        k, mean = running_mean(found, points)
        axes.plot(k, mean, color=BLUE, lw=2, label="mean so far, of the run")
    if found.verdict.bound is not None:
        name = "Theorem 3" if isinstance(found.theorem, LockFree) else "Theorem 1"
        axes.plot(at, found.bounds(at.tolist()), color=ORANGE, lw=2, label=f"{name}, this γ")
    corollary, theorem = found.corollary_step, found.theorem
    if corollary is not None and theorem is not None and found.staleness.is_proven:
        name = "Corollary 4, as recalled" if isinstance(theorem, LockFree) else "Corollary 2"
        bound = corollary[1] * np.sqrt(found.updates / at)
        enough = at >= theorem.least_updates
        if enough.any():
            axes.plot(at[enough], bound[enough], "--", color=GREEN, label=f"{name}, γ for each K")
    if found.start_norm2 > 0:
        axes.axhline(found.start_norm2, color=GREY, ls=":", label=r"$\|\nabla f(x_1)\|^2$")
    axes.set(xscale="log", yscale="log", xlabel="updates $k$",
             ylabel=r"mean of $\|\nabla f\|^2$ over $k$ updates",
             title="Bounds over the run's own mean" if points else "Bounds")  # fmt: skip
    axes.legend(fontsize=8.5)


def _people(axes: Axes, found: Assessment) -> None:
    low, high = max(1.0, found.updates / _AROUND), found.updates * _AROUND
    lengths = [int(k) for k in np.geomspace(low, high, _AT)]
    for order, color in zip(ORDERS, (GREY, BLUE, GREEN), strict=True):
        axes.plot(lengths, [order.workers(k, found.batch_size) for k in lengths], color=color,
                  label=f"{order.source}: order only")  # fmt: skip
    if found.corollary_step is not None and found.theorem is not None:
        late = [found.theorem.largest_staleness(k) for k in lengths]
        own = [np.nan if one is None else one + 1.0 for one in late]
        axes.plot(lengths, own, color=ORANGE, lw=2, label="the corollary, own constants")
    axes.plot([found.updates], [found.scenario.workers.count], "o", color=RED, ms=8,
              label="the scenario")  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="updates $K$", ylabel="workers $p$",
             title="The most workers with linear speedup")  # fmt: skip
    axes.legend(fontsize=8.5)
