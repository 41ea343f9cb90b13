"""Pictures of a speedup study: the convergence of p workers, and their speedup against p."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np

from asysim.ground.arrays import Floats
from asysim.show.picture import (
    BLUE,
    GREEN,
    ORANGE,
    Picture,
    along_workers,
    new_picture,
    plain_logarithms,
    plain_numbers,
    save_picture,
)
from asysim.show.speedup_text import reference_of, source_of, theirs, title
from asysim.studies.comparison import Comparison
from asysim.studies.geometric_mean import GeometricMean

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from asysim.studies.speedup import SpeedupStudy

Color = tuple[float, float, float, float]
_LARGEST = 1e100  # beyond which matplotlib overflows
_TALL = 3.0  # times the start's loss: what is above has diverged, and would flatten the rest
_WIDE = 5.0  # ends of lines that are so many times apart take a logarithmic axis
_LINES = 18  # in one column of the legend
_LEGIBLE = 10  # medians; among more of them single runs would be a tangle
_LINEAR = 16  # workers; with more, a logarithmic axis keeps the few apart
_LONG = 60  # letters of a source in a title
_UNTOLD = "can't be told"
_MARKS = (
    "ideal",
    "iteration speedup", "iteration, at most", "iteration, reference",
    "time speedup", "time, at most", "time, reference",
    "statistical efficiency", "statistical, at most", "hardware efficiency",
    _UNTOLD,
)  # fmt: skip


def convergence(study: SpeedupStudy) -> Picture:
    """Draw the loss against updates and against time: the median over seeds, and each run paler.

    A run that is over stays where it ended, so that the median goes on until half of them are.
    """
    figure, panels = new_picture(1, 2, (12.0, 4.4))
    colors = _colors(len(study.rows))
    attempts = [attempt for row in study.rows for attempt in row.attempts]
    target = study.scenario.run.target_loss
    pale = len(study.rows) <= _LEGIBLE and len(study.rows[0].attempts) <= _LEGIBLE
    clock = "simulated" if study.on is None else "real"
    names = ("updates", f"seconds ({clock} clock)")
    for which, (axes, name) in enumerate(zip(panels, names, strict=True)):
        spread = _stretch(axes, [attempt.curve[which] for attempt in attempts])
        for row, color in zip(study.rows, colors, strict=True):
            _draw_curves(axes, row, which, color, from_start=not spread, pale=pale)
        if target is not None:
            axes.axhline(target, color="black", ls="--", lw=1.2, label="target")
        axes.set(xlabel=name, ylabel="loss $f(x)$", title=f"Loss against {name.split()[0]}")
        _scale(axes, [attempt.curve[2] for attempt in attempts], target)
    handles, labels = panels[0].get_legend_handles_labels()
    columns = math.ceil(len(labels) / _LINES)
    figure.legend(handles, labels, loc="outside right center", ncols=columns, frameon=False)
    seeds = len(study.rows[0].attempts)
    shown = "one seed" if seeds == 1 else f"median over {seeds} seeds"
    shown += ", pale: each run" if pale and seeds > 1 else ""
    figure.suptitle(f"{_plain(title(study))}, {shown}", fontsize=11)
    return figure


def speedups(study: SpeedupStudy) -> Picture:
    """Draw both speedups beside the ideal and the reference, and the efficiencies beside 100 %."""
    figure, (left, right) = new_picture(1, 2, (12.0, 4.8))
    rows = study.rows
    counts = [row.workers for row in rows]
    wide = max(np.diff(counts), default=0) > (counts[-1] - counts[0]) / 3
    logarithmic = bool(counts[-1] > _LINEAR and wide)
    for axes in (left, right):
        along_workers(axes, counts, logarithmic=logarithmic)
    ideal: dict[str, Any] = {"color": "black", "ls": "--", "lw": 1.2, "label": "ideal"}
    left.plot(counts, counts, **ideal)
    right.axhline(100, **ideal)
    for kind, color, side in (("iteration", BLUE, -1), ("time", ORANGE, 1)):
        places = _beside(counts, side, logarithmic=logarithmic)
        _draw(left, places, [getattr(row, kind) for row in rows], color, f"{kind} speedup")
        other = [theirs(study, row, kind) for row in rows]
        known = [(x, y) for x, y in zip(places, other, strict=True) if y is not None]
        if known:
            x, y = zip(*known, strict=True)
            left.plot(x, y, "D", mfc="none", mec=color, ms=8, mew=1.3, label=f"{kind}, reference")
    for name, color, side in (("statistical", BLUE, -1), ("hardware", GREEN, 1)):
        places = _beside(counts, side, logarithmic=logarithmic)
        found: list[GeometricMean | None] = [getattr(row, name) for row in rows]
        percent = [estimate.scaled(100) if estimate else None for estimate in found]
        _draw(right, places, percent, color, f"{name} efficiency")
    if logarithmic:
        left.set_yscale("log", base=2)
        left.yaxis.set_major_formatter(plain_numbers())
    else:
        left.set_ylim(bottom=0)
    right.set_ylim(bottom=0)
    left.set(ylabel="speedup", title="Speedup")
    right.set(ylabel="efficiency in %", title=r"time speedup = $p$ × statistical × hardware")
    for axes in (left, right):
        drawn, names = axes.get_legend_handles_labels()  # lines first, then error bars
        entries = dict(zip(names, drawn, strict=True))
        order = [name for name in _MARKS if name in entries]
        axes.legend(
            [entries[name] for name in order], order,
            loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, frameon=False,
        )  # fmt: skip
    reference = reference_of(study)
    source = source_of(reference) if reference else ""
    short = source if len(source) <= _LONG else source[: _LONG - 1] + "…"
    heading = title(study) + (f"; reference: {short}" if short else "")
    figure.suptitle(_plain(heading), fontsize=11)
    return figure


def save_all(study: SpeedupStudy, folder: Path) -> list[Path]:
    """Write convergence.png and speedup.png into an existing folder and return their paths.

    Raises
    ------
    InputError
        If it can't be written to.
    """
    pictures = {"convergence": convergence(study), "speedup": speedups(study)}
    return [save_picture(picture, folder / f"{name}.png") for name, picture in pictures.items()]


def _draw_curves(
    axes: Axes, row: Comparison, which: int, color: Color, *, from_start: bool, pale: bool
) -> None:
    """Draw the median of a row's runs, and each of them, along updates (0) or seconds (1).

    A logarithmic axis has no place for the start, so that lines begin where each run has been
    evaluated once.
    """
    curves = [
        (np.asarray(a.curve[which], float), _finite(a.curve[2])) for a in row.attempts if a.curve[2]
    ]
    label = f"p = {row.workers}"
    if not curves:  # still in the legend
        axes.plot([], [], color=color, label=label)
        return
    ends = sorted(places[-1] for places, _ in curves)
    at = np.unique(np.concatenate([places for places, _ in curves]))
    first = 0.0 if from_start else max(places[min(1, len(places) - 1)] for places, _ in curves)
    at = at[(at >= first) & (at <= ends[len(ends) // 2])]
    losses = np.array([np.interp(at, places, loss) for places, loss in curves])
    axes.plot(at, np.median(losses, axis=0), color=color, lw=1.6, label=label)
    if len(curves) > 1 and pale:
        for places, loss in curves:
            axes.plot(places, loss, color=color, lw=0.8, alpha=0.3, label="_")


def _finite(loss: Sequence[float]) -> Floats:
    return np.clip(np.nan_to_num(loss, nan=_LARGEST), -_LARGEST, _LARGEST)


def _scale(axes: Axes, curves: Iterable[Sequence[float]], target: float | None) -> None:
    """Show what lies between the start and the least loss, on a logarithmic axis if that is far."""
    known = [_finite(curve) for curve in curves if curve]
    if not known:
        return
    start = max(curve[0] for curve in known)
    values = np.concatenate([*known, [start if target is None else target]])
    least, most = float(values.min()), float(values.max())
    if least > 0 and start > 3 * least:
        axes.set_yscale("log")
        if most < 100 * least:
            plain_logarithms(axes)
        axes.set_ylim(least / 1.3, min(most * 1.3, start * _TALL))
        return
    room = 0.05 * (max(start, least) - least) or 0.05 * abs(start) or 1.0
    axes.set_ylim(least - room, min(most, start + (_TALL - 1) * (start - least)) + room)


def _stretch(axes: Axes, places: Iterable[Sequence[float]]) -> bool:
    """Use a logarithmic axis where the fast ones would be a line at the left edge."""
    ends = [place[-1] for place in places if place and place[-1] > 0]
    wide = bool(ends) and max(ends) > _WIDE * min(ends)
    if wide:
        axes.set_xscale("log", nonpositive="mask")
    return wide


def _colors(number: int) -> list[Color]:
    """Return colours in the order of a map; its palest end can't be seen on white."""
    return [mpl.colormaps["viridis"](float(place)) for place in np.linspace(0, 0.88, number)]


def _beside(counts: Sequence[int], side: int, *, logarithmic: bool) -> list[float]:
    """Return where marks stand that are not to hide those of the other side."""
    at = np.log2(counts) if logarithmic else np.asarray(counts, float)
    gaps = np.diff(at)
    shift = min(0.01 * float(at[-1] - at[0]), 0.25 * float(gaps.min())) if len(gaps) else 0.02
    moved = at + side * shift
    return [float(place) for place in (2**moved if logarithmic else moved)]


def _draw(
    axes: Axes,
    places: Sequence[float],
    found: Sequence[GeometricMean | None],
    color: str,
    label: str,
) -> None:
    """Draw estimates with their intervals, and bounds as arrows that point to where the truth is.

    The line joins what is known; a cross at the lower edge marks what can't be told.
    """
    told = [(x, e) for x, e in zip(places, found, strict=True) if e and not e.bound]
    bounds = [(x, e) for x, e in zip(places, found, strict=True) if e and e.bound]
    if told:
        y = np.array([estimate.value for _, estimate in told])
        low = [y[i] if e.low is None else e.low for i, (_, e) in enumerate(told)]
        high = [y[i] if e.high is None else e.high for i, (_, e) in enumerate(told)]
        axes.errorbar(
            [x for x, _ in told], y, yerr=[y - low, high - y],
            color=color, marker="o", ms=5, capsize=3, lw=1.4, label=label,
        )  # fmt: skip
    if bounds:
        y = np.array([estimate.value for _, estimate in bounds])
        axes.errorbar(
            [x for x, _ in bounds], y, yerr=y / 4, uplims=True,
            color=color, marker="_", ms=9, lw=0, elinewidth=1.4, label="_at most",
        )  # fmt: skip
        said = f"{label.split()[0]}, at most"
        axes.plot([], [], color=color, marker=r"$\downarrow$", ms=9, lw=0, label=said)
    untold = [x for x, estimate in zip(places, found, strict=True) if estimate is None]
    if untold:
        axes.plot(
            untold, [0.03] * len(untold), "x", color=color, mew=1.8, ms=7,
            transform=axes.get_xaxis_transform(), label=_UNTOLD,
        )  # fmt: skip


def _plain(text: str) -> str:
    """Keep matplotlib from reading mathematics in somebody's words."""
    return text.replace("$", r"\$")
