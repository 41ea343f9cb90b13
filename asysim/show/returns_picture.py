"""The map of returns: a panel for each delay, on the saddle alone and with wells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from asysim.ground.arrays import Floats
from asysim.show.picture import GREEN, ORANGE, RED, Picture, new_picture
from asysim.show.returns_table import title
from asysim.show.table import digits
from asysim.studies.returns_row import GROWING, OF_LIMIT
from asysim.theory.stability import oscillation_growth, oscillation_limit, stability_limit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

    from asysim.studies.returns import ReturnsStudy

_LONGEST = 256  # delays whose polynomial is solved


def picture(study: ReturnsStudy) -> Picture:
    """Draw the share of runs that came back over γλ_max and γδ, and the limits of stability."""
    columns = len(study.delays)
    figure, axes = new_picture(2, columns, (2.6 * columns + 1.6, 6.4))
    mesh: QuadMesh | None = None
    for i, wells in enumerate((False, True)):
        for j, delay in enumerate(study.delays):
            mesh = _panel(axes[i * columns + j], study, delay, wells=wells)
            axes[i * columns + j].label_outer()
        axes[i * columns].set_ylabel("saddle alone\n$\\gamma\\delta$" if not wells
                                     else "wells at $\\pm 2R$\n$\\gamma\\delta$")  # fmt: skip
    assert mesh is not None
    figure.colorbar(mesh, ax=axes, label="share of escaped runs that came back", shrink=0.7)
    handles, labels = [], []
    for one in axes:
        for handle, label in zip(*one.get_legend_handles_labels(), strict=True):
            if label not in labels:
                handles.append(handle)
                labels.append(label)
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(title(study).replace("$", r"\$"), fontsize=11)
    return figure


def _panel(axes: Axes, study: ReturnsStudy, delay: int, *, wells: bool) -> QuadMesh:
    cells = study.panel(delay, wells=wells)
    share = np.array([c.returned / c.escaped if c.escaped else np.nan for c in cells])
    limit, shape = stability_limit(delay), (len(GROWING), len(OF_LIMIT))
    mesh = axes.pcolormesh(
        OF_LIMIT, GROWING, share.reshape(shape), cmap="Blues", vmin=0, vmax=1, shading="nearest"
    )
    axes.set_yscale("log")
    low, high = float(GROWING[0]), float(GROWING[-1])
    axes.axvline(1, color=RED, lw=1.3, label="limit of stability: $\\gamma\\lambda_{max}$")
    if wells and limit / 2 < high:
        axes.axhline(limit / 2, color=ORANGE, lw=1.3, label="of the wells: $2\\gamma\\delta$")
    if low < oscillation_limit(delay) < high:
        axes.axhline(oscillation_limit(delay), color=GREEN, lw=1.3, ls=":",
                     label="from here on the unstable direction oscillates, too")  # fmt: skip
    if delay and delay <= _LONGEST:
        fine = np.linspace(1.001, float(OF_LIMIT[-1]), 60)
        axes.plot(fine, _equal_growth(fine * limit, delay), color="black", ls="--", lw=1.2,
                  label="both directions grow alike")  # fmt: skip
    axes.set_ylim(low, high)
    axes.set_title(f"$\\tau = {delay}$, limit {digits(limit)}")
    axes.set_xlabel("$\\gamma\\lambda_{max}$ / limit")
    return mesh


def _equal_growth(stable: Floats, delay: int) -> Floats:
    """Return γδ whose z is the modulus by which the other direction's oscillation grows."""
    growth = np.array([oscillation_growth(float(a), delay) for a in stable])
    equal: Floats = growth**delay * (growth - 1)
    return equal
