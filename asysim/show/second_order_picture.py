"""The picture of second derivatives along a run: loss, least curvature, and saddles it passed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from asysim.replay.curve import columns
from asysim.replay.passages import Visit
from asysim.show.picture import BLUE, GREEN, GREY, ORANGE, RED, Picture, new_picture
from asysim.show.second_order import SecondOrderFacts, facts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from asysim.runs.outcome import Run

_MOST_NAMES, _NARROWEST = 12, 0.05  # stays; part of the axis, that a name has room in
_MARGIN = 0.01  # of the axis before update 0, which a run may meet ε at


def second_order(run: Run) -> Picture:
    """Draw the loss, λ_min with its residual, and the distance to the nearest known saddle.

    Stays near saddles are shaded in all of them. Raises ValueError if the run looked at no Hessian.
    """
    found = facts(run)
    if found is None:
        raise ValueError("the run looked at no Hessian: run.second_order asks for it")
    curve = columns(run.outcome.points)
    distances = "saddle_distance" in curve
    figure, panels = new_picture(2 + distances, 1, (10.0, 6.0 + 2.4 * distances))
    update, last = curve["update"], int(curve["update"][-1])
    for axes in panels:
        _shade(axes, found, last)
        axes.set_xlim(-_MARGIN * max(1, last), max(1, last))
    panels[0].plot(update, curve["loss"], color=BLUE)
    panels[0].margins(y=0.15)  # room for names
    panels[0].set(ylabel="loss $f(x_k)$", title=f"{run.scenario.name}: loss, and saddles passed")
    _names(panels[0], found, last)

    looked = np.flatnonzero(~np.isnan(curve["least_curvature"]))
    at, least = update[looked], curve["least_curvature"][looked]
    residual = curve["curvature_residual"][looked]
    s = found.stationarity
    panels[1].axhline(0, color=GREY, lw=1)
    panels[1].axhline(
        -math.sqrt(s.tolerance), color=RED, ls="--", lw=1.2, label=r"$-\sqrt{\epsilon}$"
    )
    panels[1].fill_between(at, least - residual, least + residual, color=ORANGE, alpha=0.3, lw=0)
    panels[1].plot(at, least, "o-", color=ORANGE, ms=3, label=r"$\lambda_{\min}$, $\pm$ residual")
    for k, name, color in (
        (s.first_order, r"first $\|\nabla f\| \leq \epsilon$", BLUE),
        (s.second_order, "second-order stationary", GREEN),
    ):
        if k is not None:
            panels[1].axvline(k, color=color, lw=1.4, label=name)
    panels[1].set(ylabel="least curvature", title=rf"$\lambda_{{\min}}$ of the Hessian, "
                  rf"$\epsilon$ = {s.tolerance:g}")  # fmt: skip
    panels[1].legend(fontsize=8, loc="best")
    if distances:
        axes = panels[2]
        seen = ~np.isnan(curve["saddle_distance"])
        distance = curve["saddle_distance"][seen]
        axes.plot(update[seen], distance, color=BLUE, label="nearest known saddle")
        component = curve["negative_component"][looked]
        down = (least < 0) & _near(found, at)
        if down.any():
            axes.plot(
                at[down], component[down], ".", color=ORANGE, label="along negative curvature"
            )
        if found.radius is not None:
            axes.axhline(found.radius, color=GREY, ls="--", lw=1, label="radius")
        values = np.concatenate([distance, component[down]])
        if (values > 0).any() and values.max() > 10 * values[values > 0].min():
            axes.set_yscale("log", nonpositive="mask")
        axes.set(ylabel="distance", title="Distance to the nearest known saddle")
        axes.legend(fontsize=8, loc="best")
    panels[-1].set_xlabel("update $k$")
    return figure


def _stays(found: SecondOrderFacts) -> tuple[Visit, ...]:
    return found.visits or ()


def _near(found: SecondOrderFacts, update: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which updates were near a saddle; elsewhere ⟨∇f, v⟩/λ is no distance from one."""
    if found.visits is None:
        return np.ones(update.shape, dtype=bool)
    near = np.zeros(update.shape, dtype=bool)
    for stay in _stays(found):
        near |= (update >= stay.entered) & (update <= (np.inf if stay.left is None else stay.left))
    return near


def _shade(axes: Axes, found: SecondOrderFacts, last: int) -> None:
    for stay in _stays(found):
        end = last if stay.left is None else stay.left
        axes.axvspan(stay.entered, end, color=GREY, alpha=0.2, lw=0)


def _names(axes: Axes, found: SecondOrderFacts, last: int) -> None:
    stays = _stays(found)
    if len(stays) > _MOST_NAMES:
        return
    for stay in stays:
        end = last if stay.left is None else stay.left
        if end - stay.entered < _NARROWEST * last:
            continue
        name = found.names[stay.saddle] if stay.saddle < len(found.names) else ""
        axes.text(
            (stay.entered + end) / 2, 0.97, name, transform=axes.get_xaxis_transform(),
            ha="center", va="top", fontsize=8, color="#555555",
        )  # fmt: skip
