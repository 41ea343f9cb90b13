"""What the scripts that draw the methods' pictures share: many runs to a target, and a style."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import asysim
from asysim.runs.outcome import REACHED

HERE = Path(__file__).parent
SCENARIOS, PICTURES = HERE.parent / "scenarios", HERE / "pictures"
TARGET = 0.1
BLUE, ORANGE, GREEN, GREY, RED, PURPLE = (
    "#2563a8", "#e07b39", "#4c9a6a", "#9aa0a8", "#c23b3b", "#7b5ea7",
)  # fmt: skip


@dataclass(frozen=True)
class Job:
    """A scenario file and its changes."""

    file: str
    changes: tuple[str, ...]

    def load(self) -> asysim.Scenario:
        """Read it."""
        return asysim.load(SCENARIOS / self.file, *self.changes)


@dataclass(frozen=True)
class Result:
    """What one run came to; `seconds` of simulated time is infinite if the target was missed."""

    seconds: float
    updates: int
    gradients: int
    rate: float
    staleness: float
    dropped: float

    @property
    def reached(self) -> bool:
        """Whether the target was reached."""
        return math.isfinite(self.seconds)


def measure(job: Job) -> Result:
    """Run a job."""
    run = asysim.run(job.load())
    trace, tau = run.trace, run.trace.staleness
    return Result(
        seconds=trace.duration if run.status == REACHED else math.inf,
        updates=trace.updates,
        gradients=len(trace),
        rate=trace.updates / trace.duration if trace.duration else 0.0,
        staleness=float(tau.mean()) if len(tau) else 0.0,
        dropped=1 - len(tau) / max(1, len(trace)),
    )


def measure_all(jobs: Iterable[Job]) -> dict[Job, Result]:
    """Run jobs, one on each core; the order changes nothing."""
    todo = list(dict.fromkeys(jobs))
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(todo, pool.map(measure, todo, chunksize=4), strict=True))


def median(results: Iterable[Result], what: Callable[[Result], float]) -> float:
    """Return the median of something over seeds."""
    return statistics.median(what(result) for result in results)


def panels(columns: int, width: float = 12.5, height: float = 3.9) -> tuple[Figure, list[Axes]]:
    """Return a figure of panels side by side."""
    style = {
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.alpha": 0.25,
        "font.size": 10.5,
        "axes.titlesize": 11.5,
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=(width, height), layout="constrained", dpi=120)
        figure.get_layout_engine().set(w_pad=0.12)
        axes = figure.subplots(1, columns, squeeze=False)
    return figure, list(axes.flat)
