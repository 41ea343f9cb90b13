"""The picture of a time law: how its draws are spread, and how heavy its tail is."""

from __future__ import annotations

import math
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator, NullLocator, ScalarFormatter

from asysim.laws.base import Array
from asysim.laws.distribution import cdf, quantiles
from asysim.show.laws import LawSheet
from asysim.show.picture import BLUE, GREEN, GREY, ORANGE, Picture, new_picture, time_unit
from asysim.show.summary import seconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BINS = 60
_POINTS = 400  # of a line; more can't be seen
_WIDE = 15.0  # a law whose 99.9 % quantile is as many medians gets a logarithmic axis
_WIDTH = 110  # letters in a line of the title


def law_picture(sheet: LawSheet) -> Picture:
    """Draw how a law and draws from it are spread, and P(time > t) on logarithmic axes."""
    figure, (spread, tail) = new_picture(1, 2, (10.5, 4.0))
    median, long = quantiles(sheet.law, np.array([0.5, 0.9])).tolist()
    unit, size = time_unit(long)
    _draw_spread(spread, sheet, size)
    _draw_tail(tail, sheet, size)
    for axes in (spread, tail):
        axes.set_xlabel(f"time $t$ in {unit}")
        _mark(axes, sheet.law.mean, median, size)
    spread.legend()
    tail.legend(*[entries[:2] for entries in tail.get_legend_handles_labels()], loc="lower left")
    title = "\n".join(wrap(sheet.title.replace("$", r"\$"), _WIDTH))
    figure.suptitle(title, fontsize=11)
    return figure


def _draw_spread(axes: Axes, sheet: LawSheet, size: float) -> None:
    """Draw which part of the draws, and of the law, each of many equal bins has."""
    edges, logarithmic = _edges(sheet)
    share = np.histogram(sheet.draws, edges)[0] / sheet.count
    # The law's share of [a, b) and not of (a, b], as for the draws: it may have points of mass.
    law = np.diff(cdf(sheet.law, np.nextafter(edges, -math.inf)))
    axes.stairs(share, edges / size, fill=True, color=BLUE, alpha=0.45, label="draws")
    axes.stairs(law, edges / size, color=BLUE, lw=1.5, label="law")
    axes.set(ylabel=f"share in each of {len(law)} bins", title="Spread")
    axes.set_xlim(edges[0] / size, edges[-1] / size)
    axes.set_ylim(bottom=0)
    if logarithmic:
        axes.set_xscale("log")


def _edges(sheet: LawSheet) -> tuple[Array, bool]:
    """Return the bounds of the bins, and whether they are equal in logarithms."""
    shares = np.array([2.0**-53, 0.005, 0.5, 0.999, 1 - 2.0**-53])
    least, low, median, high, most = quantiles(sheet.law, shares).tolist()
    if low == high:  # a constant, in the middle of the middle bin
        return np.linspace(0.0, 2 * low or 1e-9, _BINS), False
    if low > 0 and high > _WIDE * median:
        return np.geomspace(low, high, _BINS + 1), True
    margin = 0.05 * (high - low)
    start = 0.0 if low < 0.3 * high else max(least, low - margin)
    end = np.nextafter(min(most, high + margin), math.inf)  # so that the last bin has it
    return np.linspace(start, end, _BINS + 1), False


def _mark(axes: Axes, mean: float, median: float, size: float) -> None:
    """Mark mean and median, if they are to be seen; say where they are in any case."""
    left, right = axes.get_xlim()
    marks = (("median", median, GREEN, "-"), ("mean", mean, ORANGE, "--"))
    for name, value, color, line in marks:
        if left <= value / size <= right:
            label = f"{name} {seconds(value)}"
            axes.axvline(value / size, color=color, lw=1.6, ls=line, label=label)
        else:
            label = f"{name} {'infinite' if math.isinf(value) else seconds(value) + ', far right'}"
            axes.plot([], [], color=color, lw=1.6, ls=line, label=label)


def _draw_tail(axes: Axes, sheet: LawSheet, size: float) -> None:
    """Draw P(time > t) of the law, and the part of the draws that took longer than t."""
    axes.set(xscale="log", yscale="log", ylabel="$P(\\mathrm{time} > t)$", title="Tail")
    lowest = 0.3 / sheet.count
    axes.set_ylim(lowest, 1.5)
    longest = np.sort(sheet.draws)[::-1]
    if longest[0] == 0:
        axes.text(0.5, 0.5, "no draw takes any time", ha="center", transform=axes.transAxes)
    left, right = _span(sheet, lowest, longest)
    at = np.geomspace(left, right, _POINTS)
    above = np.maximum(1 - cdf(sheet.law, at), lowest / 10)  # a drop to 0 leaves the picture
    axes.plot(at / size, above, color=BLUE, label="law")
    ranks = np.unique(np.geomspace(1, sheet.count, _POINTS).astype(np.int64))
    ranks = ranks[longest[ranks - 1] >= left]
    axes.plot(
        longest[ranks - 1] / size,
        ranks / sheet.count,
        ".",
        color=GREY,
        ms=4,
        label="draws",
        zorder=1,
    )
    axes.set_xlim(left / size, right / size)
    if right < 15 * left:  # hardly two powers of ten to put labels at
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_locator(NullLocator())


def _span(sheet: LawSheet, lowest: float, longest: Array) -> tuple[float, float]:
    """Return from where to where P(time > t) goes from about 1 to `lowest`, in seconds."""
    low, high = quantiles(sheet.law, np.array([0.01, 1 - lowest])).tolist()
    high = max(high, float(longest[0])) or 1e-9
    low = low or max(float(longest[longest > 0].min(initial=high)), 1e-6 * high)
    margin = min(1.1, (high / low) ** 0.1) if high > low else 2.0
    return low / margin, high * margin
