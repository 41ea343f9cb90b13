"""Pictures of a sweep: what one axis does, a line for each value of another; a map of two axes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from asysim.show.picture import Picture, new_picture, plain_logarithms, save_picture
from asysim.sweeps.points import merit_of, points_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from asysim.sweeps.sweep import SweepStudy

_MOST_LINES = 12
_WIDE = 8.0  # values so many times apart take a logarithmic axis
_NOTHING = "#e4e4e4"
_WORDS = {
    "seconds_to_target": "seconds to target",
    "worker_seconds_to_target": "worker-seconds to target",
    "updates_to_target": "updates to target",
    "loss": "loss at the end",
    "gradient_norm2": r"$\|\nabla f\|^2$ at the end",
    "throughput": "updates per second",
    "mean_staleness": r"mean staleness $\tau$",
}
_MORE_IS_BETTER = ("throughput",)


def sweep_lines(
    study: SweepStudy,
    *,
    x: str | None = None,
    by: str | None = None,
    value: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a number of a sweep's points against one axis, a line for each value of another.

    Where the sweep has further axes, each place is at their best.

    Parameters
    ----------
    study
        A sweep.
    x, by
        Keys of axes; by default the first one of numbers, and the next one.
    value
        A column of points, such as seconds_to_target, loss or mean_staleness; by default the time
        to the target, or the loss where there is none.
    ax
        What to draw on; None: a new picture.
    """
    points, value = points_of(study), value or merit_of(study).column
    x = x or _first_of_numbers(study, points)
    others = [key for key in _axes(study, points) if key != x]
    by = by or next((key for key in others if len(_places(points[key])) <= _MOST_LINES), None)
    axes = ax or new_picture(1, 1, (6.4, 4.2))[1][0]
    for i, (name, group) in enumerate(_groups(points, by)):
        best = _best(group, [x], value).dropna(subset=[x])
        best = best[np.isfinite(best[value].astype(float))].sort_values(by=x)
        color = f"C{i % 10}" if by else None
        label = name if len(best) else f"{name}: nowhere"
        axes.plot(best[x], best[value], "o-", ms=4, lw=1.4, color=color, label=label)
    axes.set(xlabel=_plain(x), ylabel=_WORDS.get(value, _plain(value)))
    axes.set_title(_title(study, [key for key in others if key != by], value))
    _scale(axes, points[x], vertical=False)
    _scale(axes, points[value], vertical=True)
    if by is not None:
        axes.legend(title=_plain(by), fontsize=8, title_fontsize=8)
    return axes


def sweep_map(
    study: SweepStudy,
    *,
    x: str | None = None,
    y: str | None = None,
    value: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a number of a sweep's points over two axes as colours; the best cell has a ring.

    Where the sweep has further axes, each cell is at their best. A cell without a colour is one
    where the target was not reached, or every run failed.

    Parameters
    ----------
    study
        A sweep with two axes at least.
    x, y
        Keys of axes; by default the first two that differ.
    value
        As for `sweep_lines`.
    ax
        What to draw on; None: a new picture.

    Raises
    ------
    ValueError
        If the sweep has one axis alone.
    """
    points, value = points_of(study), value or merit_of(study).column
    keys = _axes(study, points)
    x = x or next((key for key in keys if key != y), None)
    y = y or next((key for key in keys if key != x), None)
    if x is None or y is None:
        raise ValueError("a map takes a sweep with two axes")
    axes = ax or new_picture(1, 1, (6.4, 4.6))[1][0]
    columns, rows = _places(points[x]), _places(points[y])
    cells = np.full((len(rows), len(columns)), np.nan)
    best = _best(points, [x, y], value)
    for row, column, number in zip(best[y], best[x], best[value], strict=True):
        cells[list(rows).index(_said(row)), list(columns).index(_said(column))] = number
    cells[~np.isfinite(cells)] = np.nan
    known = cells[np.isfinite(cells)]
    wide = known.size and known.min() > 0 and known.max() > _WIDE * known.min()
    mesh = axes.pcolormesh(
        cells, cmap="viridis_r", edgecolors="white", linewidth=0.5, norm=LogNorm() if wide else None
    )
    axes.set_facecolor(_NOTHING)
    axes.grid(visible=False)
    bar = axes.figure.colorbar(mesh, ax=axes, label=_WORDS.get(value, _plain(value)))
    if wide:
        plain_logarithms(bar.ax)
    if known.size:
        at = np.nanargmax(cells) if value in _MORE_IS_BETTER else np.nanargmin(cells)
        row, column = np.unravel_index(at, cells.shape)
        axes.plot(column + 0.5, row + 0.5, "o", mfc="none", mec="white", ms=12, mew=2)
        axes.plot(column + 0.5, row + 0.5, "o", mfc="none", mec="black", ms=15, mew=1)
    _ticks(axes, list(columns.values()), vertical=False)
    _ticks(axes, list(rows.values()), vertical=True)
    axes.set(xlabel=_plain(x), ylabel=_plain(y))
    title = _title(study, [key for key in keys if key not in (x, y)], value)
    missing = "not reached" if value.endswith("_to_target") else "failed"
    axes.set_title(title + (f", grey: {missing}" if known.size < cells.size else ""))
    return axes


def save_all(study: SweepStudy, folder: Path) -> list[Path]:
    """Write the pictures of a sweep into a folder as PNG: lines, and a map if it has two axes."""
    points = points_of(study)
    keys, drawn = _axes(study, points), []
    if not keys:
        return []
    drawn.append(save_picture(_picture(sweep_lines(study)), folder / "lines.png"))
    if len(keys) > 1:
        drawn.append(save_picture(_picture(sweep_map(study)), folder / "map.png"))
    return drawn


def _picture(axes: Axes) -> Picture:
    figure = axes.figure
    assert isinstance(figure, Picture)
    return figure


def _axes(study: SweepStudy, points: pd.DataFrame) -> list[str]:
    """Return the keys of axes that differ between points."""
    keys = [key for key in study.design.keys if key in points]
    return [key for key in keys if len(_places(points[key])) > 1]


def _first_of_numbers(study: SweepStudy, points: pd.DataFrame) -> str:
    keys = _axes(study, points) or [key for key in study.design.keys if key in points]
    numbers = [key for key in keys if _are_numbers(points[key])]
    return (numbers or keys)[0]


def _are_numbers(values: pd.Series[Any]) -> bool:
    from pandas.api.types import is_numeric_dtype

    return is_numeric_dtype(values)


def _groups(points: pd.DataFrame, by: str | None) -> list[tuple[str, pd.DataFrame]]:
    if by is None:
        return [("", points)]
    said = points[by].map(_said)
    return [(label, points[said == value]) for value, label in _places(points[by]).items()]


def _best(points: pd.DataFrame, keys: list[str], value: str) -> pd.DataFrame:
    """Return the best of the points that agree in some axes."""
    numbers = points[value].astype(float)
    rank = (-numbers if value in _MORE_IS_BETTER else numbers).fillna(math.inf)
    first = rank.groupby([points[key].map(_said) for key in keys]).idxmin()
    return points.loc[first]


def _places(values: pd.Series[Any]) -> dict[str, str]:
    """Return the label of each value of an axis: numbers by size, words as they come."""
    found = values.drop_duplicates()
    if _are_numbers(values):
        found = found.sort_values()
    return {_said(value): _label(value) for value in found}


def _said(value: Any) -> str:
    """Return a text that no other value has."""
    import pandas as pd

    return "absent" if value is None or value is pd.NA or value != value else str(value)


def _label(value: Any) -> str:
    said = _said(value)
    return f"{value:.3g}" if isinstance(value, float) and said != "absent" else _plain(said)


def _ticks(axes: Axes, names: list[str], *, vertical: bool) -> None:
    step = max(1, len(names) // 12)
    places, shown = np.arange(len(names))[::step] + 0.5, names[::step]
    if vertical:
        axes.set_yticks(places, shown)
    else:
        long = max(map(len, shown)) * len(shown) > 70
        axes.set_xticks(places, shown, rotation=30 if long else 0, ha="right" if long else "center")


def _scale(axes: Axes, values: pd.Series[Any], *, vertical: bool) -> None:
    """Use a logarithmic axis where values allow it and span it; ticks at few values along it."""
    if not _are_numbers(values):
        return
    numbers = values.astype(float)
    numbers = numbers[np.isfinite(numbers)]
    if len(numbers) and numbers.min() > 0 and numbers.max() > _WIDE * numbers.min():
        (axes.set_yscale if vertical else axes.set_xscale)("log")
        if vertical:
            plain_logarithms(axes)
    at = sorted(set(numbers))
    if not vertical and len(at) <= _MOST_LINES:
        axes.xaxis.set_major_locator(FixedLocator(at))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))


def _title(study: SweepStudy, others: list[str], value: str) -> str:
    most = "most" if value in _MORE_IS_BETTER else "least"
    over = f", {most} over {', '.join(others)}" if others else ""
    repeats = f", median of {study.design.repeats} runs" if study.design.repeats > 1 else ""
    return _plain(f"{study.scenario.name}{over}{repeats}")


def _plain(text: str) -> str:
    """Return a text without what matplotlib takes for mathematics."""
    return text.replace("$", r"\$")
