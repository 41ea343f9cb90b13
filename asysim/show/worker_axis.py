"""The axis of numbers of workers, and numbers without powers of ten."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LETTERS = 40  # along the axis of workers, with some room between


def plain_logarithms(axes: Axes) -> None:
    """Write the ticks of a logarithmic vertical axis without powers of ten, and not too many."""
    axes.yaxis.set_minor_locator(LogLocator(subs=(2, 3, 5)))
    axes.yaxis.set_major_formatter(plain_numbers())
    axes.yaxis.set_minor_formatter(plain_numbers())


def along_workers(axes: Axes, counts: Sequence[int], *, logarithmic: bool) -> None:
    """Put ticks at the numbers of workers, as far as there is room for them."""
    if logarithmic:
        axes.set_xscale("log", base=2)
    axes.set_xlabel("workers $p$")
    axes.set_xlim(*_ends(counts, logarithmic=logarithmic))
    axes.xaxis.set_major_locator(FixedLocator(_spaced(counts, logarithmic=logarithmic)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(plain_numbers())


def _ends(counts: Sequence[int], *, logarithmic: bool) -> tuple[float, float]:
    low, high = counts[0], counts[-1]
    if logarithmic:
        return low / 1.3, high * 1.3
    room = max(0.5, 0.05 * (high - low))
    return low - room, high + room


def _spaced(counts: Sequence[int], *, logarithmic: bool) -> list[int]:
    """Leave out what would stand on its neighbour; the last is kept."""
    place = [math.log2(p) if logarithmic else p for p in counts]
    span = place[-1] - place[0]
    kept: list[int] = []
    next_ = math.inf
    for p, at in zip(reversed(counts), reversed(place), strict=True):
        if next_ - at >= span * max(1 / 16, len(str(p)) / _LETTERS):
            kept.insert(0, p)
            next_ = at
    return kept


def plain_numbers() -> FuncFormatter:
    """Return what writes ticks without powers of ten."""
    return FuncFormatter(lambda value, _: f"{value:g}")
