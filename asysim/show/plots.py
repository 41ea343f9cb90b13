"""Pictures of a run: convergence, staleness, and the timeline of who did what when.

And those of studies and of theory, each of which has a module of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from asysim.delays.study import StalenessStudy
from asysim.replay.curve import columns
from asysim.show.advice_picture import advice_regret as advice_regret
from asysim.show.advice_picture import advice_workers as advice_workers
from asysim.show.picture import BLUE, ORANGE, Picture, new_picture, save_picture, whole_numbers
from asysim.show.rows_seen import recorded, windows
from asysim.show.second_order import has_second_order
from asysim.show.second_order_picture import second_order
from asysim.show.staleness_picture import MOST_BARS
from asysim.show.staleness_picture import picture as of_study
from asysim.show.staleness_picture import staleness_by_duration as staleness_by_duration
from asysim.show.staleness_picture import staleness_distribution as staleness_distribution
from asysim.show.staleness_picture import staleness_memory as staleness_memory
from asysim.show.staleness_picture import staleness_over_time as staleness_over_time
from asysim.show.staleness_picture import staleness_tail as staleness_tail
from asysim.show.sweep_picture import sweep_lines as sweep_lines
from asysim.show.sweep_picture import sweep_map as sweep_map
from asysim.show.timeline_picture import timeline as timeline
from asysim.trace.kept_trace import Recorded

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from asysim.runs.outcome import Run
    from asysim.studies.escape import EscapeStudy
    from asysim.studies.limits import LimitStudy
    from asysim.studies.speedup import SpeedupStudy
    from asysim.theory.assessment import Assessment

PICTURES = ("convergence", "staleness", "timeline")
"""Of every run."""
SECOND_ORDER = "second_order"
"""Of one that looked at Hessians, besides."""
_LARGEST = 1e100


def convergence(*runs: Run, labels: list[str] | None = None) -> Picture:
    """Draw the loss against updates and against time, and ‖∇f‖² with its running mean.

    Parameters
    ----------
    *runs
        One or more runs, a line for each.
    labels
        Their names in the legend; by default each scenario's name and number of workers.
    """
    names = labels or [f"{r.scenario.name}, p = {r.scenario.workers.count}" for r in runs]
    figure, (by_update, by_time, gradient) = new_picture(1, 3, (12.5, 3.8))
    for i, (run, name) in enumerate(zip(runs, names, strict=True)):
        curve = columns(run.outcome.points)  # not run.curve, which takes pandas
        color = f"C{i}" if len(runs) > 1 else BLUE
        by_update.plot(curve["update"], curve["loss"], color=color, label=name)
        by_time.plot(curve["seconds"], curve["loss"], color=color, label=name)
        gradient.plot(curve["update"], curve["gradient_norm2"], color=color, alpha=0.35, lw=1)
        gradient.plot(curve["update"], curve["mean_gradient_norm2"], color=color, label=name)
    by_update.set(xlabel="update $k$", ylabel="loss $f(x_k)$", title="Loss against updates")
    clock = f"seconds ({runs[0].info.clock} clock)" if runs else "seconds"
    by_time.set(xlabel=clock, ylabel="loss $f(x_k)$", title="Loss against time")
    norm = r"$\|\nabla f(x_k)\|^2$"
    gradient.set(xlabel="update $k$", ylabel=norm, title=f"{norm} (pale) and its mean so far")
    for axes in (by_update, by_time, gradient):
        _scale(axes)
    if len(runs) > 1:
        handles, _ = by_update.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=6, frameon=False)
        ends = [run.outcome.points[-1].seconds for run in runs if run.outcome.points]
        if ends and max(ends) > 5 * min(ends) > 0:
            # Or the fast ones would be a line at the left edge.
            by_time.set_xscale("log", nonpositive="mask")
    else:
        figure.suptitle(names[0], fontsize=11)
    return figure


def staleness(run: Run | Recorded | StalenessStudy) -> Picture:
    """Draw the distribution of staleness τ, each worker's mean, and τ along the run.

    Of a study of staleness: its distribution with the law, tail, over time, and by duration.
    """
    if isinstance(run, StalenessStudy):
        return of_study(run)
    trace = recorded(run)
    counts, p = trace.counts, trace.info.workers
    figure, (whole, each, along) = new_picture(1, 3, (12.5, 3.8))
    width, bars = counts.staleness_bars(MOST_BARS)
    left = np.arange(len(bars)) * width
    share = bars / max(1, bars.sum())
    whole.bar(left - 0.5, share, width, align="edge", color=BLUE, edgecolor="white", lw=0.4)
    mean = counts.mean_staleness
    whole.axvline(mean, color=ORANGE, lw=2, label=f"mean {mean:.2f}")
    applied = int(counts.times.sum())
    each_update = applied / max(1, counts.updates)  # gradients
    law = "$p - 1$" if each_update <= 1 else f"$(p - 1) / {each_update:g}$"
    always_busy = (p - 1) / max(1, each_update)
    whole.axvline(always_busy, color="black", ls="--", lw=1.2, label=f"{law} = {always_busy:g}")
    whole.set(xlabel=r"staleness $\tau$", ylabel="share of gradients", title="Distribution")
    whole_numbers(whole)
    whole.legend()
    each.bar(np.arange(p), counts.staleness_sum / np.maximum(1, counts.applied), color=BLUE)
    each.set(xlabel="worker", ylabel=r"mean $\tau$", title="Mean of each worker")
    whole_numbers(each)
    window = max(1, applied // 200)
    least, total, most = windows(trace, window, applied // window)
    at = (np.arange(len(total)) + 0.5) * window
    along.fill_between(at, least, most, color=BLUE, alpha=0.2, lw=0)
    along.plot(at, total / window, color=BLUE)
    over = f"{window:,} gradients" if window > 1 else "each gradient"
    along.set(xlabel="gradient", ylabel=r"$\tau$", title=f"Mean and range of {over}")
    along.set_ylim(bottom=0)
    whole_numbers(along, vertical=True)
    return figure


def speedup(study: SpeedupStudy) -> Picture:
    """Draw both speedups beside the ideal and the reference, and the efficiencies beside 100 %."""
    from asysim.show.speedup_picture import speedups

    return speedups(study)


def escape(study: EscapeStudy) -> Picture:
    """Draw escape times against staleness beside the law's line, and how they are distributed."""
    from asysim.show.escape_picture import picture

    return picture(study)


def limits(study: LimitStudy) -> Picture:
    """Draw efficiency over K and p for both orders and each M, the limits, and bounds as lines."""
    from asysim.show.limits_picture import limits_picture

    return limits_picture(study)


def theory(found: Assessment, run: Run | None = None) -> Picture:
    """Draw bounds over the running mean of a run, and the most workers against K.

    Parameters
    ----------
    found
        What `asysim.assess` says.
    run
        The run that it is of.
    """
    from asysim.show.theory_picture import picture

    return picture(found, () if run is None else run.outcome.points)


def save_all(
    run: Run,
    folder: Path,
    names: Sequence[str] = (),
    *,
    start: float = 0.0,
    seconds: float | None = None,
) -> list[Path]:
    """Write pictures of a run into a folder as PNG and return their paths.

    Parameters
    ----------
    run
        The run.
    folder
        An existing folder.
    names
        Some of convergence, staleness, timeline and second_order; none: all that there are of it.
    start, seconds
        What the timeline shows, as in `timeline`.
    """
    pictures: dict[str, Callable[[], Picture]] = {
        "convergence": lambda: convergence(run),
        "staleness": lambda: staleness(run),
        "timeline": lambda: timeline(run, start=start, seconds=seconds),
    }
    if has_second_order(run):
        pictures[SECOND_ORDER] = lambda: second_order(run)
    return [save_picture(pictures[name](), folder / f"{name}.png") for name in names or pictures]


def _scale(axes: Axes) -> None:
    """Use a logarithmic axis where values allow it and span it."""
    lines = [np.asarray(line.get_ydata(), dtype=float) for line in axes.lines]
    values = np.concatenate([np.zeros(0), *lines])
    if len(values) and values.min() > 0 and values.max() > 10 * values.min():
        axes.set_yscale("log")
    if len(values) and np.abs(values).max() > _LARGEST:  # it diverged: matplotlib would overflow
        axes.set_ylim(max(values.min(), -_LARGEST), min(values.max(), _LARGEST))
