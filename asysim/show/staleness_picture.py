"""Pictures of a study of staleness: its law and tail, over time, by duration, and its memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asysim.delays.fits import Fit, best_fit
from asysim.delays.study import StalenessStudy
from asysim.ground.arrays import Floats, Ints
from asysim.show.picture import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    Picture,
    new_picture,
    save_picture,
    time_unit,
    whole_numbers,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BARS = 80
"""Of a distribution; where there are more τ, some stand together."""

_SHOWN = 0.999  # of τ that the distribution shows
_POINTS = 200  # of a tail; more can't be seen
_LINE: dict[str, Any] = {"lw": 1.4, "marker": ".", "ms": 4}
_WIDE = 10  # times that the slowest tenth takes longer than the fastest: a logarithmic axis
_LAGS = 6  # times p that the memory is shown for


def staleness_distribution(study: StalenessStudy, *, ax: Axes | None = None) -> Axes:
    """Draw how τ is spread, beside the exact law or the best of those fitted."""
    axes = ax or _axes()
    found = study.settled
    end = max(found.quantile(_SHOWN), 2) + 1
    width = -(-end // MOST_BARS)
    bars = np.bincount(np.minimum(found.lowest, end) // width, found.times) / found.count
    bars = bars[: -(-end // width)]
    left = np.arange(len(bars)) * width - 0.5
    axes.bar(left, bars, width, align="edge", color=BLUE, edgecolor="white", lw=0.4, alpha=0.75)
    at = np.arange(len(bars)) * width
    for law, label, style in _laws(study):
        share = np.exp(law.law.log_mass(at, at + width - 1))
        axes.plot(at + (width - 1) / 2, share, label=label, **style)
    axes.axvline(study.mean, color=ORANGE, lw=1.6, label=f"mean {study.mean:.4g}")
    if study.workers is not None and 1 < study.workers <= len(bars) * width:
        axes.axvline(study.workers - 1, color="black", ls="--", lw=1.1,
                     label=f"$p - 1$ = {study.workers - 1:,}")  # fmt: skip
    axes.set_xlim(-0.5, len(bars) * width - 0.5)
    axes.set_ylim(0, 1.3 * float(bars.max()))
    each = "τ" if width == 1 else f"{width} τ"
    axes.set(xlabel=r"staleness $\tau$", ylabel=f"share of gradients, of each {each}",
             title="Distribution")  # fmt: skip
    whole_numbers(axes)
    axes.legend()
    return axes


def staleness_tail(study: StalenessStudy, *, ax: Axes | None = None) -> Axes:
    """Draw P(τ > t) on a logarithmic axis, beside the exact law or the best of those fitted."""
    axes = ax or _axes()
    found = study.settled
    seen = found.above > 0
    t, above = found.lowest[seen], found.above[seen]
    shown = np.unique(np.linspace(0, max(0, len(t) - 1), min(len(t), _POINTS)).astype(np.int64))
    axes.plot(t[shown], above[shown], "o", ms=3.5, color=BLUE, label=study.name)
    if not len(t):
        only = f"all τ are {int(found.lowest[0]):,}"
        axes.text(0.5, 0.4, only, ha="center", transform=axes.transAxes)
    lowest = 0.3 * float(above.min(initial=1.0))
    at = np.unique(np.linspace(0, max(1, int(found.lowest[-1])), _POINTS).astype(np.int64))
    for law, label, style in _laws(study):
        left = 1 - np.exp(law.law.log_mass(np.zeros_like(at), at))
        axes.plot(at[left > lowest], left[left > lowest], label=label, **style)
    if study.bound:
        axes.axvline(study.bound, color=RED, lw=1.2, ls=":", label=f"$T$ = {study.bound:,}")
    axes.set_yscale("log")
    axes.set_ylim(lowest, 1.5)
    axes.set(xlabel=r"$t$", ylabel=r"$P(\tau > t)$", title="Tail")
    whole_numbers(axes)
    axes.legend()
    return axes


def staleness_over_time(study: StalenessStudy, *, ax: Axes | None = None) -> Axes:
    """Draw the mean, the middle 80 % and the range of τ along the series, and the warm-up."""
    axes = ax or _axes()
    along = study.along
    edges = np.append(along.start, study.applied)

    def stairs(column: Ints | Floats) -> Floats:
        return np.append(column, column[-1])

    for low, high, alpha, label in (
        (along.least, along.most, 0.12, "least to largest"),
        (along.low, along.high, 0.3, "10 % to 90 %"),
    ):
        axes.fill_between(edges, stairs(low), stairs(high), step="post", color=BLUE, alpha=alpha,
                          lw=0, label=label)  # fmt: skip
    axes.stairs(along.mean, edges, color=BLUE, lw=1.6, baseline=None, label="mean")
    if study.law is not None:
        axes.axhline(study.law.mean, color="black", ls="--", lw=1.1,
                     label=f"law says {study.law.mean:.4g}")  # fmt: skip
    if study.warm_up:
        axes.axvspan(0, study.warm_up, color=GREY, alpha=0.3, lw=0, label="warm-up")
    length = int(edges[1] - edges[0])
    axes.set(xlabel="gradient", ylabel=r"$\tau$", title=f"Over time, {length:,} gradients each")
    axes.set_xlim(0, study.applied)
    axes.set_ylim(0, 1.35 * max(1, int(along.most.max())))
    whole_numbers(axes, vertical=True)
    axes.legend(ncols=3, loc="upper center", fontsize="small")
    return axes


def staleness_by_duration(study: StalenessStudy, *, ax: Axes | None = None) -> Axes:
    """Draw how many gradients were applied, and how stale, by how long they took to compute.

    Raises
    ------
    ValueError
        If nobody measured durations.
    """
    chosen = study.selection
    if chosen is None:
        raise ValueError("no gradient's duration was measured, or none took any time")
    axes = ax or _axes()
    unit, size = time_unit(float(chosen.middle[-1]))
    middle = chosen.middle / size
    axes.plot(middle, chosen.staleness, "o-", color=BLUE, label=r"mean $\tau$ of those applied")
    axes.set(xlabel=f"time to compute in {unit}, medians of tenths",
             ylabel=r"mean $\tau$", title="By duration")  # fmt: skip
    axes.set_ylim(bottom=0)
    if middle[0] > 0 and middle[-1] > _WIDE * middle[0]:
        axes.set_xscale("log")
    handles, labels = axes.get_legend_handles_labels()
    if study.gradients > study.applied:
        beside = axes.twinx()
        beside.plot(middle, chosen.shares, "s--", color=ORANGE, label="share applied")
        beside.set_ylim(0, 1.3)
        beside.set_yticks(np.linspace(0, 1, 6))
        axes.set_ylim(0, 1.3 * max(1.0, float(np.nanmax(chosen.staleness, initial=0.0))))
        beside.set_ylabel("share that is applied", color=ORANGE)
        beside.spines["right"].set_visible(True)
        beside.grid(visible=False)
        more, names = beside.get_legend_handles_labels()
        handles, labels = [*handles, *more], [*labels, *names]
    axes.legend(handles, labels)
    return axes


def staleness_memory(study: StalenessStudy, *, ax: Axes | None = None) -> Axes:
    """Draw the autocorrelation of τ, with what independent draws would stay within."""
    axes = ax or _axes()
    most = _LAGS * (study.workers or 8)
    rho = study.correlation[: max(2, min(len(study.correlation), most + 1))]
    lags = np.arange(1, len(rho))
    axes.vlines(lags, 0, rho[1:], color=BLUE, lw=1.2)
    axes.plot(lags, rho[1:], "o", ms=3, color=BLUE)
    within = 1.96 / np.sqrt(max(1, study.applied - study.warm_up))
    axes.axhspan(-within, within, color=GREY, alpha=0.3, lw=0, label="95 % if independent")
    axes.axhline(0, color="black", lw=0.8)
    axes.set(xlabel="lag, in gradients", ylabel="autocorrelation", title="Memory")
    whole_numbers(axes)
    axes.legend()
    return axes


def picture(study: StalenessStudy) -> Picture:
    """Draw all of it: distribution, tail, over time, and by duration, or the memory without."""
    figure, (first, second, third, fourth) = new_picture(2, 2, (11.5, 7.6))
    staleness_distribution(study, ax=first)
    staleness_tail(study, ax=second)
    staleness_over_time(study, ax=third)
    last = staleness_memory if study.selection is None else staleness_by_duration
    last(study, ax=fourth)
    p = "" if study.workers is None else f", {study.workers:,} workers"
    figure.suptitle(f"{study.name}{p}".replace("$", r"\$"), fontsize=11)
    return figure


def save(study: StalenessStudy, path: Path) -> Path:
    """Write the picture as PNG and return its path."""
    return save_picture(picture(study), path)


def _axes() -> Axes:
    _, (axes,) = new_picture(1, 1, (6.0, 4.0))
    return axes


def _laws(study: StalenessStudy) -> list[tuple[Fit, str, dict[str, Any]]]:
    """Return the laws that are drawn: the exact one, or else the best fit and whether it fits."""
    if study.law_test is not None:
        return [
            (study.law_test, "exact law", {"color": "black", "lw": 1.4, "marker": ".", "ms": 4})
        ]
    if not study.fits or len(study.settled.lowest) == 1:
        return []
    best = best_fit(study.fits) or study.fits[0]
    label = f"{best.name}{', rejected' if best.rejected else ''}"
    return [(best, label, {"color": RED if best.rejected else GREEN} | _LINE)]
