"""The picture of a limit study: efficiency over K and p, the largest p, and bounds as lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

from asysim.show.limits_table import ORDER_WORDS, exponent_words
from asysim.show.picture import (
    ORANGE,
    RED,
    Picture,
    new_picture,
    plain_numbers,
    save_picture,
)
from asysim.studies.arrived import TARGETS, Target
from asysim.studies.exponents import Arrivals
from asysim.studies.limits import Length, LimitStudy
from asysim.theory.limits import ORDERS

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

_MOST_COLUMNS = 4
_MOST_LEVEL = 4  # K under a panel that do not touch each other
_STYLES = ("-", "--", ":")


def limits_picture(study: LimitStudy) -> Picture:
    """Draw a panel for each order and M; more than four M are thinned to the ends and between."""
    batches = _thinned(sorted({one.corollary.batch_size for one in study.lengths}))
    figure, panels = new_picture(2, len(batches), (3.6 * len(batches) + 2.2, 7.2))
    mesh = None
    for row, order in enumerate(TARGETS):
        for column, batch in enumerate(batches):
            axes = panels[row * len(batches) + column]
            mine = [one for one in study.lengths if one.corollary.batch_size == batch]
            mesh = _panel(axes, study, mine, order) or mesh
            axes.set_title(f"{ORDER_WORDS[order]}, M = {batch}")
            if column == 0:
                axes.set_ylabel("workers $p$")
            if row == 1:
                axes.set_xlabel("updates $K$")
    if mesh is not None:  # what is above 1 has its colour
        label = "speedup in iterations, as a part of $p$"
        bar = figure.colorbar(mesh, ax=panels, label=label, extend="max")
        bar.ax.axhline(study.share, color=ORANGE, lw=3)
    entries: dict[str, Artist] = {}
    for axes in panels:  # not all have a limit, or lack one
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    figure.legend(
        list(entries.values()), list(entries), loc="outside lower center", ncols=3, frameon=False
    )
    told = "; ".join(
        f"{ORDER_WORDS[order]}: {exponent_words(study.growth(order))}" for order in TARGETS
    )
    figure.suptitle(
        f"{study.scenario.name}: most workers with a speedup of {study.share:.0%} of $p$\n{told}; "
        + (
            f"no bound is of {study.besides[0]}"
            if study.besides
            else "red: orders of bounds, through the first limit found"
        ),
        fontsize=10,
    )
    return figure


def save(study: LimitStudy, folder: Path) -> Path:
    """Draw it into a folder, and return its path.

    Raises
    ------
    InputError
        If it can't be written.
    """
    return save_picture(limits_picture(study), folder / "limits.png")


def _panel(
    axes: Axes, study: LimitStudy, lengths: Sequence[Length], order: Target
) -> QuadMesh | None:
    updates = [one.corollary.updates for one in lengths]
    arrivals = [one.arrivals[order] for one in lengths]
    sides = _edges(updates)
    proven = [one.proven for one in lengths]
    tried = [p for one in arrivals for p in one.workers if p > 1] or [1]
    bottom, top = min([*tried, *(p for p in proven if p >= 1)]), max(tried)
    mesh = None
    axes.set_facecolor("#e6e6e6")
    for left, one in enumerate(arrivals):  # each has p of its own
        if one.is_comparable:
            mesh = axes.pcolormesh(
                sides[left : left + 2], _edges(one.workers), one.efficiency[:, np.newaxis],
                cmap="viridis", norm=Normalize(0, 1),
            )  # fmt: skip
    found = [_largest(one, study.share) for one in arrivals]
    axes.plot(  # broad: bounds that it follows are seen on it
        updates, found, "o-", color=ORANGE, lw=4, ms=8, mec="white", label="largest $p$ found"
    )
    beyond = [(k, one.workers[-1]) for k, one in zip(updates, arrivals, strict=True)
              if one.is_comparable and one.limit(study.share)[1]]  # fmt: skip
    if beyond:
        axes.plot(
            *zip(*beyond, strict=True), "^", color=ORANGE, ms=10, mec="white",
            label="linear with the most tried",
        )  # fmt: skip
    if not study.besides:
        axes.plot(updates, proven, color="black", lw=1.6, label="proven (Corollary 2)")
        _bounds(axes, updates, found)
    axes.set(xscale="log", yscale="log", xlim=sides[[0, -1]], ylim=(bottom / 1.3, 1.3 * top))
    axes.xaxis.set_major_locator(FixedLocator(updates))
    axes.yaxis.set_major_locator(LogLocator(10, (1, 2, 5)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_formatter(plain_numbers())
    if len(updates) > _MOST_LEVEL:
        axes.tick_params(axis="x", rotation=30)
    axes.grid(visible=False)
    return mesh


def _bounds(axes: Axes, updates: Sequence[int], found: Sequence[float]) -> None:
    """Draw the orders of the bounds through the first limit found: their constants aren't known."""
    known = [(k, p) for k, p in zip(updates, found, strict=True) if np.isfinite(p)]
    if not known:
        return
    at, through = known[0]
    for one, style in zip(ORDERS, _STYLES, strict=True):
        line = [through * (k / at) ** one.updates for k in updates]
        label = f"$K^{{1/{round(1 / one.updates)}}}$, {one.source}"
        axes.plot(updates, line, style, color=RED, lw=1.4, label=label)


def _largest(one: Arrivals, share: float) -> float:
    if not one.is_comparable:
        return float("nan")
    value, bound = one.limit(share)
    return float("nan") if bound else value


def _edges(values: Sequence[int]) -> Any:
    """Return edges of cells in the middle of which, by their logarithm, values are."""
    logs = np.log(np.asarray(values, dtype=np.float64))
    if len(logs) == 1:
        return np.exp(logs[0] + np.array([-0.5, 0.5]))
    between = (logs[1:] + logs[:-1]) / 2
    ends = (2 * logs[0] - between[0], 2 * logs[-1] - between[-1])
    return np.exp(np.concatenate([ends[:1], between, ends[1:]]))


def _thinned(batches: list[int]) -> list[int]:
    places = np.linspace(0, len(batches) - 1, min(len(batches), _MOST_COLUMNS)).round().astype(int)
    return [batches[i] for i in places]
