"""The picture of an escape study: escape time against staleness, and its distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import LogLocator, NullLocator
from scipy.special import ndtri

from asysim.show.escape_table import title
from asysim.show.picture import BLUE, Picture, new_picture, plain_numbers
from asysim.theory.escape import HALF_LOG
from asysim.theory.escape_prediction import Prediction

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from asysim.studies.escape import EscapeStudy
    from asysim.studies.escape_row import EscapeRow

_BAND = (0.05, 0.95)
_FINE = 200


def picture(study: EscapeStudy) -> Picture:
    """Draw escape times against staleness beside the law's line, and how they are distributed."""
    figure, (left, right) = new_picture(1, 2, (12.0, 4.8))
    _times(left, study)
    _distributions(right, study)
    figure.suptitle(title(study).replace("$", r"\$"), fontsize=11)
    return figure


def _times(axes: Axes, study: EscapeStudy) -> None:
    rows = study.rows
    places = np.array([row.workers for row in rows], dtype=float)
    means = np.array([row.mean.value for row in rows])
    low, high = (np.array([np.quantile(row.updates, q) for row in rows]) for q in _BAND)
    axes.errorbar(
        places, means, yerr=[means - low, high - means],
        color=BLUE, marker="o", ms=5, capsize=4, lw=0, elinewidth=1.2,
        label="mean of the runs, and where 90 % of them are",
    )  # fmt: skip
    known = [row.foretold for row in rows if isinstance(row.foretold, Prediction)]
    if known and len(known) == len(rows):
        fine = np.unique(np.geomspace(places[0], places[-1], _FINE).astype(int))
        laws = [known[-1].of_large_radius(int(p)) for p in fine]
        line = np.array([law.mean + 0.5 for law in laws])
        axes.plot(fine, line, color="black", ls="--", lw=1.2, label="law")
        # K = (ln R/√V − ln|g|) / ln z
        quick, slow = (-np.log(ndtri((1 + part) / 2)) for part in _BAND[::-1])
        rate = np.array([np.log(law.growth) for law in laws])
        axes.fill_between(fine, line + (quick - HALF_LOG) / rate, line + (slow - HALF_LOG) / rate,
                          color="black", alpha=0.08, lw=0, label="law, 90 %")  # fmt: skip
    axes.set_xscale("log", base=2)
    axes.set_xticks(places, [f"{row.workers - 1}" for row in rows])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set(
        xlabel="staleness $p - 1$ of $p$ workers that never wait", ylabel="updates until escape",
        title="Escape time against staleness",
    )  # fmt: skip
    axes.legend(loc="upper left", frameon=False)


def _distributions(axes: Axes, study: EscapeStudy) -> None:
    colors = [mpl.colormaps["viridis"](place) for place in np.linspace(0, 0.88, len(study.rows))]
    told = False
    for row, color in zip(study.rows, colors, strict=True):
        edges = _edges(row)
        share, _ = np.histogram(row.updates[row.escaped], edges + 0.5)
        width = np.diff(edges)
        axes.stairs(share / row.runs / width, edges + 0.5, color=color, lw=1.3,
                    label=f"p = {row.workers}")  # fmt: skip
        if isinstance(row.foretold, Prediction):
            inside = row.foretold.times.inside
            later = np.interp(edges, np.arange(len(inside)), inside, right=0.0)
            axes.plot((edges[1:] + edges[:-1] + 1) / 2, -np.diff(later) / width,
                      color="black", ls="--", lw=1.0)  # fmt: skip
            told = True
    if told:
        axes.plot([], [], color="black", ls="--", lw=1.0, label="law")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(plain_numbers())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set(xlabel="updates until escape", ylabel="share of the runs, per update",
             title="How escape times are distributed")  # fmt: skip
    axes.legend(loc="upper right", frameon=False)


def _edges(row: EscapeRow) -> np.typing.NDArray[np.float64]:
    """Return whole numbers between which runs are counted, some twenty to forty of them."""
    least, most = int(row.updates.min()) - 1, int(row.updates.max())
    middle = np.quantile(row.updates, [0.25, 0.75])
    width = max(1, round(2 * float(middle[1] - middle[0]) / row.runs ** (1 / 3)))
    return np.arange(least, most + width, width, dtype=float)
