"""Pictures of a run: convergence, staleness, and the timeline of who did what when.

And those of studies and of theory, each of which has a module of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from asysim.replay.curve import columns
from asysim.show.advice_picture import advice_regret as advice_regret
from asysim.show.advice_picture import advice_workers as advice_workers
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
)
from asysim.show.rows_seen import between, windows
from asysim.show.second_order import has_second_order
from asysim.show.second_order_picture import second_order
from asysim.show.sweep_picture import sweep_lines as sweep_lines
from asysim.show.sweep_picture import sweep_map as sweep_map
from asysim.trace.kept_trace import KeptTrace, Recorded
from asysim.trace.trace import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from asysim.delays.study import StalenessStudy
    from asysim.runs.outcome import Run
    from asysim.studies.escape import EscapeStudy
    from asysim.studies.limits import LimitStudy
    from asysim.studies.speedup import SpeedupStudy
    from asysim.theory.assessment import Assessment

PICTURES = ("convergence", "staleness", "timeline")
"""Of every run."""
SECOND_ORDER = "second_order"
"""Of one that looked at Hessians, besides."""
_MOST_BARS = 80
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
    from asysim.delays.study import StalenessStudy
    from asysim.show.staleness_picture import picture

    if isinstance(run, StalenessStudy):
        return picture(run)
    trace = _recorded(run)
    counts, p = trace.counts, trace.info.workers
    figure, (whole, each, along) = new_picture(1, 3, (12.5, 3.8))
    width, bars = counts.staleness_bars(_MOST_BARS)
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
    _whole_numbers(whole)
    whole.legend()
    each.bar(np.arange(p), counts.staleness_sum / np.maximum(1, counts.applied), color=BLUE)
    each.set(xlabel="worker", ylabel=r"mean $\tau$", title="Mean of each worker")
    _whole_numbers(each)
    window = max(1, applied // 200)
    least, total, most = windows(trace, window, applied // window)
    at = (np.arange(len(total)) + 0.5) * window
    along.fill_between(at, least, most, color=BLUE, alpha=0.2, lw=0)
    along.plot(at, total / window, color=BLUE)
    over = f"{window:,} gradients" if window > 1 else "each gradient"
    along.set(xlabel="gradient", ylabel=r"$\tau$", title=f"Mean and range of {over}")
    along.set_ylim(bottom=0)
    _whole_numbers(along, vertical=True)
    return figure


def timeline(run: Run | Recorded, *, start: float = 0.0, seconds: float | None = None) -> Picture:
    """Draw what every worker did: reading, computing, pushing and queueing, and each update.

    Before a read a bound on staleness may keep a worker waiting: the bars then leave a gap.

    Parameters
    ----------
    run
        A run or a trace.
    start
        Where the picture begins, in seconds.
    seconds
        How much it shows; by default about six gradients of each worker.
    """
    trace = _recorded(run)
    p = trace.info.workers
    if seconds is None:
        seconds = 6 * trace.counts.seconds * p / max(1, len(trace))
    seconds = seconds or 1.0  # nothing took any time
    worker, kept, times = between(trace, start, start + seconds)
    unit, size = time_unit(start + seconds)
    figure, (axes,) = new_picture(1, 1, (12.5, 1.6 + 0.28 * min(p, 40)))
    in_memory = trace.info.algorithm == "asysg-incon"
    phases = [
        ("read", "ready", "reads x" if in_memory else "pull", GREEN),
        ("ready", "done", "computes", BLUE),
        ("done", "arrived", "waits" if in_memory else "push", ORANGE),
        ("arrived", "applied", "writes" if in_memory else "at the server", GREY),
    ]
    for begin, end, label, color in phases:
        left, right = times[begin] / size, times[end] / size
        label = label if (right > left).any() else "_"  # out of the legend
        axes.barh(worker, right - left, left=left, height=0.72, color=color, label=label, lw=0)
    at = times["applied"] / size
    axes.plot(at[kept], worker[kept], "|", color="black", ms=8, mew=1.6, label="applied")
    if not kept.all():
        lost = "discarded or lost"
        axes.plot(at[~kept], worker[~kept], "x", color=RED, ms=7, mew=2, label=lost)
    axes.set(xlim=(start / size, (start + seconds) / size), ylim=(p - 0.4, -0.6))
    axes.set(xlabel=f"{unit} ({trace.info.clock} clock)", ylabel="worker")
    _whole_numbers(axes, vertical=True)
    axes.grid(visible=False, axis="y")
    handles, _ = axes.get_legend_handles_labels()
    handles.sort(key=lambda handle: isinstance(handle, Line2D))  # the phases in their order first
    axes.legend(handles=handles, ncols=6, loc="lower left", bbox_to_anchor=(0, 1), frameon=False)
    return figure


def staleness_distribution(study: StalenessStudy, *, ax: Axes | None = None) -> Axes:
    """Draw how τ is spread, beside the exact law or the best of those fitted."""
    from asysim.show.staleness_picture import distribution

    return distribution(study, ax=ax)


def staleness_tail(study: StalenessStudy, *, ax: Axes | None = None) -> Axes:
    """Draw P(τ > t) on a logarithmic axis, beside the exact law or the best of those fitted."""
    from asysim.show.staleness_picture import tail

    return tail(study, ax=ax)


def staleness_over_time(study: StalenessStudy, *, ax: Axes | None = None) -> Axes:
    """Draw the mean, the middle 80 % and the range of τ along the series, and the warm-up."""
    from asysim.show.staleness_picture import over_time

    return over_time(study, ax=ax)


def staleness_by_duration(study: StalenessStudy, *, ax: Axes | None = None) -> Axes:
    """Draw how many gradients were applied, and how stale, by how long they took to compute.

    Raises
    ------
    ValueError
        If nobody measured durations.
    """
    from asysim.show.staleness_picture import by_duration

    return by_duration(study, ax=ax)


def staleness_memory(study: StalenessStudy, *, ax: Axes | None = None) -> Axes:
    """Draw the autocorrelation of τ, with what independent draws would stay within."""
    from asysim.show.staleness_picture import memory

    return memory(study, ax=ax)


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


def _recorded(run: Run | Recorded) -> Recorded:
    return run if isinstance(run, Trace | KeptTrace) else run.recorded


def _scale(axes: Axes) -> None:
    """Use a logarithmic axis where values allow it and span it."""
    lines = [np.asarray(line.get_ydata(), dtype=float) for line in axes.lines]
    values = np.concatenate([np.zeros(0), *lines])
    if len(values) and values.min() > 0 and values.max() > 10 * values.min():
        axes.set_yscale("log")
    if len(values) and np.abs(values).max() > _LARGEST:  # it diverged: matplotlib would overflow
        axes.set_ylim(max(values.min(), -_LARGEST), min(values.max(), _LARGEST))


def _whole_numbers(axes: Axes, *, vertical: bool = False) -> None:
    (axes.yaxis if vertical else axes.xaxis).set_major_locator(MaxNLocator(integer=True))
