"""A plan as one picture: time to the target against p, and what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from asysim.show.picture import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    Picture,
    along_workers,
    new_picture,
    plain_logarithms,
    plain_numbers,
    save_picture,
)

if TYPE_CHECKING:
    from asysim.studies.plan import Plan


def picture(plan: Plan) -> Picture:
    """Draw the expected time to the target with its band, the answers, and the cost."""
    known = plan.known
    p = np.array([one.workers for one in known], dtype=float)
    bands = [one.seconds for one in known if one.seconds is not None]
    value, low, high = np.array([(b.value, b.low, b.high) for b in bands]).T
    figure, (time, cost) = new_picture(1, 2, (11.0, 4.2))
    time.fill_between(p, low, high, color=BLUE, alpha=0.18, lw=0, label="9 runs of 10")
    time.plot(p, value, "o-", color=BLUE, ms=4, label="expected")
    time.plot(p, value[0] / p, "--", color="black", lw=1, label="linear speedup")
    found = [(q, t) for q, t in plan.measured if t is not None]
    if found:
        time.plot(*zip(*found, strict=True), "s", color=RED, mfc="none", ms=8, label="measured")
    answers = {"knee": plan.knee, "fastest": plan.fastest, "cheapest": plan.cheapest}
    rings = zip(answers.items(), (ORANGE, GREEN, "#7a5aa6"), (11, 15, 19), strict=True)
    for (name, one), color, size in rings:  # of several sizes, for where they coincide
        if one.seconds is not None:
            time.plot([one.workers], [one.seconds.value], "o", ms=size, mfc="none", mew=2,
                      color=color, label=f"{name}: {one.workers}")  # fmt: skip
    missed = [one.workers for one in plan.forecasts if one.seconds is None]
    if missed:
        time.plot(missed, [0.97] * len(missed), "x", color=RED, mew=2, ms=8, clip_on=False,
                  transform=time.get_xaxis_transform(), label="not always reached")  # fmt: skip
    time.set(ylabel="seconds to the target", title="Time to the target")
    time.set_yscale("log")
    spent = np.array([one.worker_seconds for one in known])
    cost.plot(p, spent / spent[0], "o-", color=BLUE, ms=4, label="worker-seconds, × one worker's")
    cost.plot(p, value[0] / value, "o-", color=GREEN, ms=4, label="speedup")
    cost.plot(p, p, "--", color="black", lw=1, label="linear")
    if not plan.is_linear_throughout:
        cost.axvline(plan.linear_until, color=ORANGE, lw=1.5, ls=":",
                     label=f"80 % of linear until {plan.linear_until:.3g}")  # fmt: skip
    cost.set(ylabel="times one worker's", title="What it brings and what it costs")
    cost.set_yscale("log", base=2)
    for axes in (time, cost):
        along_workers(axes, [one.workers for one in plan.forecasts], logarithmic=True)
        axes.legend(fontsize=8.5, labelspacing=0.7)
    plain_logarithms(time)
    cost.yaxis.set_major_formatter(plain_numbers())
    figure.suptitle(plan.scenario.name, fontsize=11)
    return figure


def save(plan: Plan, folder: Path) -> Path:
    """Write the picture into a folder as PNG and return its path."""
    return save_picture(picture(plan), folder / "plan.png")
